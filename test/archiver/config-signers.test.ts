// Document signers in the configuration: classes, policies, assessments, demanded licences, what is refused.
import test from 'ava';
import { parseArchiverConfig } from '#archiver/config.ts';
import { signerAnchors } from '#archiver/trust.ts';
import type { ConfigError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { issueRoot } from '../_authority.ts';

const { certificate } = issueRoot();
const { fingerprint } = certificate;

function configWith(signers: string, retention = ''): string {
  return `state: state
stores: [{ kind: folder, name: documents, path: documents }]
tsa: { url: "http://127.0.0.1:1/", anchors: [a.pem] }
signers: ${signers}
${retention}`;
}

const assessment = (validUntil: string): string =>
  `{ assessments: [{ anchor: "${fingerprint}", provider: A, method: 3, evaluator: B, date: 2026-04-01, validUntil: ${validUntil}, document: c.pdf }] }`;

test('anchors have the class of their key, their end and their policies', (t) => {
  const config = parseArchiverConfig(
    `${configWith(`{ anchors: [o.pem], classes: { hpki: [h.pem] }, policies: [{ anchor: "${fingerprint}", policies: ["${oids.hpkiCPSignature}"] }] }`)}
anchorEnds: [{ anchor: "${fingerprint}", end: 2040-01-01 }]`,
    '/etc/tokiwa.yaml',
  );
  t.deepEqual(config.signers.anchors.hpki, ['/etc/h.pem']);
  t.deepEqual(config.signers.anchors.other, ['/etc/o.pem']);
  t.false(config.signers.testCertificates);
  const [anchor] = signerAnchors(config, new Map([['hpki', [certificate]]]));
  t.is(anchor?.class, 'hpki');
  t.is(anchor?.sunset?.toString(), '2039-12-31T15:00:00Z');
  t.deepEqual(anchor?.certificatePolicies, [oids.hpkiCPSignature]);
});

test('an assessment counts through its last day in the time zone', (t) => {
  const { assessments } = parseArchiverConfig(configWith(assessment('2028-03-31')), 'tokiwa.yaml');
  t.is(assessments[0]?.until.toString(), '2028-03-31T15:00:00Z');
  t.is(assessments[0]?.method, 3);
});

const rule = (requires: string): string =>
  `retention: { rules: [{ match: ".", preset: jp-medical-record, requires: [${requires}] }] }`;

test('licences in either language', (t) => {
  const { rules } = parseArchiverConfig(configWith('{}', rule('医師, Dentist')), 'tokiwa.yaml');
  t.deepEqual(rules[0]?.requires, ['医師', 'Dentist']);
});

const refused: Readonly<Record<string, readonly [string, string]>> = {
  'an assessment that lapses first': [
    configWith(assessment('2026-03-31')),
    'signers.assessments[0].validUntil',
  ],
  'a method that the guideline does not have': [
    configWith(assessment('2028-03-31').replace('method: 3', 'method: 6')),
    'signers.assessments[0].method',
  ],
  'a class that there is not': [
    configWith('{ classes: { qualified: [a.pem] } }'),
    'signers.classes.qualified',
  ],
  'a policy that is no identifier': [
    configWith(`{ policies: [{ anchor: "${fingerprint}", policies: ["1.2.*"] }] }`),
    'signers.policies[0].policies[0]',
  ],
  'a licence that no certificate names': [
    configWith('{}', rule('Wizard')),
    'retention.rules[0].requires',
  ],
};

for (const [what, [text, key]] of Object.entries(refused))
  test(`refused: ${what}`, (t) => {
    const error = t.throws<ConfigError>(() => parseArchiverConfig(text, 'tokiwa.yaml'));
    t.deepEqual(
      error.problems.map((problem) => problem.key),
      [key],
    );
  });
