// Algorithm policies of the operator in the configuration: files, their signatures, combinations, and what
// is refused.
import test from 'ava';
import { certificatesOf, readPolicyFile } from '#shared/trust/policy-file.ts';
import type { ReadFile } from '#shared/yaml-config/algorithms.ts';
import { parseArchiverConfig } from '#archiver/config.ts';
import { ConfigError } from '#shared/errors.ts';
import { type AlgorithmPolicy, acceptableAt, askProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { buildDssc } from '#shared/policy/dssc-write.ts';
import { issueRoot } from '../_authority.ts';
import { signEnveloped } from '../_enveloped.ts';

const signer = issueRoot();
const other = issueRoot({ subject: 'CN=Other' });

const [bundled] = bundledPolicies.policies as readonly [AlgorithmPolicy];
/** Ends SHA-256 early, and lists nothing else. */
const own: AlgorithmPolicy = {
  ...bundled,
  id: 'own',
  hashAlgorithms: [
    {
      alg: 'SHA-256',
      oid: '2.16.840.1.101.3.4.2.1',
      evaluations: [
        { uses: ['new'], endExclusive: '2030-01-01', confidence: 'operator', source: 'memo' },
      ],
    },
  ],
  signatureAlgorithms: [],
  curves: [],
};
const unsigned = buildDssc(own, '2026-01-01');
const signed = signEnveloped(new TextDecoder().decode(unsigned), signer);
const spoilt = new TextEncoder().encode(new TextDecoder().decode(signed).replace('2029', '2059'));

const files = new Map<string, Uint8Array>([
  ['/etc/own.xml', unsigned],
  ['/etc/signed.xml', signed],
  ['/etc/spoilt.xml', spoilt],
  ['/etc/no.xml', new TextEncoder().encode('<no/>')],
  ['/etc/signer.der', signer.certificate.raw],
  ['/etc/other.der', other.certificate.raw],
]);

const readFile: ReadFile = (file) => {
  const octets = files.get(file);
  if (!octets) throw new ConfigError('ERR_CONFIG_INVALID', `${file} is not there`);
  return octets;
};

function configWith(algorithms: string): string {
  return `state: state
stores: [{ kind: folder, name: documents, path: documents }]
tsa: { url: "http://127.0.0.1:1/", anchors: [a.pem] }
algorithms: ${algorithms}`;
}

const combined = (policy: string): string =>
  `{ policies: [${policy}], profiles: [{ id: mine, policies: [mine-policy, cryptrec-ls-0003-2022], fallback: cryptrec-ls-0003-2022 }], profile: mine }`;

test('a profile of a file and a bundled policy: the earliest end of both', (t) => {
  const { profile, policies } = parseArchiverConfig(
    configWith(combined('{ id: mine-policy, file: own.xml }')),
    '/etc/tokiwa.yaml',
    readFile,
  );
  t.is(profile.id, 'mine');
  t.true(policies.policies.some(({ id }) => id === 'mine-policy'));
  const [sha256, sha512] = (['SHA-256', 'SHA-512'] as const).map((digest) =>
    askProfile(profile, { kind: 'digest', digest }),
  );
  t.deepEqual(
    [sha256, sha512].map((answer) => answer?.kind === 'listed' && answer.endExclusive?.toString()),
    ['2030-01-01T00:00:00Z', '2071-01-01T00:00:00Z'],
  );
  if (sha256) t.false(acceptableAt(sha256, Temporal.Instant.from('2030-01-01T00:00:00Z')));
});

test('a policy that has to be signed, and is', (t) => {
  const text = configWith(
    combined('{ id: mine-policy, file: signed.xml, signedBy: [other.der, signer.der] }'),
  );
  t.is(parseArchiverConfig(text, '/etc/tokiwa.yaml', readFile).profile.id, 'mine');
});

test('a signed file says by whom, also where nobody is expected', (t) => {
  t.is(readPolicyFile(signed).signer?.fingerprint, signer.certificate.fingerprint);
  t.is(readPolicyFile(unsigned).signer, undefined);
});

test('certificates in PEM and DER', (t) => {
  const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.from(signer.certificate.raw).toString('base64')}\n-----END CERTIFICATE-----\n`;
  t.is(certificatesOf(new TextEncoder().encode(pem.repeat(2))).length, 2);
  t.is(certificatesOf(signer.certificate.raw).length, 1);
});

const mine = (rest: string): string => `{ policies: [{ id: mine-policy, ${rest} }] }`;

const refused: Readonly<Record<string, readonly [string, string, RegExp]>> = {
  'a file that is not there': [mine('file: gone.xml'), 'algorithms.policies[0]', /not there/],
  'no policy': [mine('file: no.xml'), 'algorithms.policies[0]', /SecuritySuitabilityPolicy/],
  'a broken signature, whoever made it': [
    mine('file: spoilt.xml'),
    'algorithms.policies[0]',
    /changed/,
  ],
  'no signature where one has to be': [
    mine('file: own.xml, signedBy: [signer.der]'),
    'algorithms.policies[0]',
    /there is none/,
  ],
  "somebody else's signature": [
    mine('file: signed.xml, signedBy: [other.der]'),
    'algorithms.policies[0]',
    /none of the signers/,
  ],
  'the id of a bundled policy': [
    '{ policies: [{ id: sogis-acm-1.3, file: own.xml }] }',
    'algorithms.policies[0]',
    /already/,
  ],
  'the id of a bundled profile': [
    '{ profiles: [{ id: strict, policies: [sogis-acm-1.3] }] }',
    'algorithms.profiles[0]',
    /already/,
  ],
  'a fallback outside of the profile': [
    '{ profiles: [{ id: mine, policies: [sogis-acm-1.3], fallback: nist-ir-8547-ipd }] }',
    'algorithms.profiles[0]',
    /none of its policies/,
  ],
  'a profile of a policy that is not there': [
    '{ profiles: [{ id: mine, policies: [nowhere] }], profile: mine }',
    'algorithms.profile',
    /nowhere/,
  ],
  'a profile that is not there': ['{ profile: nowhere }', 'algorithms.profile', /nowhere/],
};

for (const [title, [algorithms, key, message]] of Object.entries(refused))
  test(`refused: ${title}`, (t) => {
    const error = t.throws<ConfigError>(() =>
      parseArchiverConfig(configWith(algorithms), '/etc/tokiwa.yaml', readFile),
    );
    t.is(error.code, 'ERR_CONFIG_INVALID');
    t.deepEqual(
      error.problems.map((problem) => problem.key),
      [key],
    );
    t.regex(error.message, message);
  });

test('no file is read where none can be', (t) => {
  const text = configWith(mine('file: own.xml'));
  t.throws(() => parseArchiverConfig(text, '/etc/tokiwa.yaml'), { message: /no files are read/ });
});
