import test from 'ava';
import { parsePublicKey, withKeyAlgorithm } from '#shared/crypto/public-key.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { oids } from '#shared/oid.ts';
import { allPathChecks } from '#shared/trust/path-check-lists.ts';
import type { PathCheckLists } from '#shared/trust/path-check-lists.ts';
import { validatePath } from '#shared/trust/path-validate.ts';
import { createWorkBudget } from '#shared/trust/work-budget.ts';
import { issueCa, issueCertificate, issueRoot, issueSigner, issueTsu } from '../../_authority.ts';
import { certificatePolicies, extension } from '../../_extensions.ts';
import { testKey } from '../../_keys.ts';
import type { TestKey } from '../../_keys.ts';
import { at, brokenPaths, ca, goodInputs, goodPath, pathOf, root } from './_broken-paths.ts';
import type { BrokenPath } from './_broken-paths.ts';

type ListName = 'anchor' | 'profile' | 'path';
const listNames: readonly ListName[] = ['anchor', 'profile', 'path'];

function without(rule: string): PathCheckLists {
  return {
    ...allPathChecks,
    anchor: allPathChecks.anchor.filter(({ name }) => name !== rule),
    profile: allPathChecks.profile.filter(({ name }) => name !== rule),
    path: allPathChecks.path.filter(({ name }) => name !== rule),
  };
}

function errorsOf({ path, inputs }: Omit<BrokenPath, 'rule'>, checks?: PathCheckLists): string[] {
  return validatePath(path, inputs, createWorkBudget(), checks)
    .findings.filter(({ level }) => level === 'error')
    .map(({ check }) => check);
}

test('a good path has no findings', (t) => {
  t.deepEqual(validatePath(goodPath, goodInputs, createWorkBudget()).findings, []);
});

const refuses = test.macro({
  exec(t, broken: BrokenPath) {
    t.deepEqual(errorsOf(broken), [broken.rule], 'this rule and no other refuses it');
    t.deepEqual(errorsOf(broken, without(broken.rule)), [], 'without the rule nothing notices');
  },
  title: (_, { rule }: BrokenPath) => `only ${rule} refuses its path`,
});

for (const broken of brokenPaths) test(refuses, broken);

test('every rule of every list has its path', (t) => {
  const shown = new Set(brokenPaths.map(({ rule }) => rule));
  for (const list of listNames) {
    for (const { name } of allPathChecks[list]) t.true(shown.has(name), name);
  }
});

test('a finding names rule, clause and certificate', (t) => {
  const expired = issueTsu(ca, { notAfter: '2025-01-01T00:00:00Z' });
  const { findings } = validatePath(pathOf(root, ca, expired), goodInputs, createWorkBudget());
  t.deepEqual(findings, [
    {
      check: 'expired',
      clause: 'RFC 5280 §6.1.3 (a)(2)',
      level: 'error',
      message: 'CN=Test TSU,O=Tokiwa Test,C=JP was valid until 2025-01-01T00:00:00Z only.',
      facts: {
        subject: 'CN=Test TSU,O=Tokiwa Test,C=JP',
        issuer: 'CN=CA 1',
        serialNumber: expired.certificate.serialNumber.toString(16),
        fingerprint: expired.certificate.fingerprint,
      },
    },
  ]);
});

test('both ends of the validity are inside, fractions of a second do not count', (t) => {
  const brief = issueTsu(ca, {
    notBefore: '2025-06-01T00:00:00Z',
    notAfter: '2025-06-01T00:00:10Z',
  });
  const path = pathOf(root, ca, brief);
  const rows = [
    ['2025-05-31T23:59:59.999Z', ['not-yet-valid']],
    ['2025-06-01T00:00:00Z', []],
    ['2025-06-01T00:00:10.999Z', []],
    ['2025-06-01T00:00:11Z', ['expired']],
  ] as const;
  for (const [when, expected] of rows) {
    const inputs = { ...goodInputs, at: Temporal.Instant.from(when) };
    t.deepEqual(errorsOf({ path, inputs }), [...expected], when);
  }
});

test('profile breaches are warnings unless enforced', (t) => {
  const broken = brokenPaths.filter(({ rule }) =>
    allPathChecks.profile.some(({ name }) => name === rule),
  );
  for (const { path, inputs, rule } of broken) {
    const reported = { ...inputs, certificateProfile: 'report' } as const;
    const { findings } = validatePath(path, reported, createWorkBudget());
    t.deepEqual(
      findings.map(({ check, level }) => `${check} ${level}`),
      [`${rule} warning`],
    );
  }
});

test('policies that nobody asked for', (t) => {
  const policyCa = issueCa(root, {
    subject: 'CN=Policy CA',
    extraExtensions: [certificatePolicies(['1.2.3'])],
  });
  const leaf = issueSigner(policyCa, { extraExtensions: [certificatePolicies(['1.2.3'])] });
  const path = pathOf(root, policyCa, leaf);
  const inputs = { at, purpose: 'signer', initialExplicitPolicy: true } as const;
  t.deepEqual(errorsOf({ path, inputs }), []);
  t.deepEqual(errorsOf({ path, inputs: { ...inputs, userInitialPolicySet: ['1.2.3'] } }), []);
  t.deepEqual(errorsOf({ path, inputs: { ...inputs, userInitialPolicySet: ['1.2.4'] } }), [
    'certificate-policies',
  ]);
  const { certificatePolicies: policies } = validatePath(path, inputs, createWorkBudget());
  t.deepEqual(policies, ['1.2.3']);
});

test('a limit on intermediates does not count self-issued ones', (t) => {
  const rollover = issueCertificate({ subject: ca.subject, issuer: ca, extraExtensions: [] }, [
    ...roleOfCa(),
  ]);
  const leaf = issueTsu(rollover);
  const path = pathOf(root, ca, rollover, leaf);
  const inputs = { at, purpose: 'tsu' } as const;
  t.deepEqual(errorsOf({ path, inputs: { ...inputs, maxPathLength: 1 } }), []);
  t.deepEqual(errorsOf({ path, inputs: { ...inputs, maxPathLength: 0 } }), ['path-length']);
});

function roleOfCa(): readonly Uint8Array[] {
  return ca.certificate.extensions
    .filter(({ oid }) => oid === oids.basicConstraints || oid === oids.keyUsage)
    .map(({ oid, value, critical }) => extension(oid, value, critical));
}

/** The same key, its public half without DSA parameters (RFC 3279 §2.3.2). */
function withoutParameters(key: TestKey): TestKey {
  const bare = buildAlgorithmIdentifier(oids.idDsa);
  return { ...key, publicKey: withKeyAlgorithm(parsePublicKey(key.publicKey), bare) };
}

test('DSA parameters are inherited from the key above', (t) => {
  const above = testKey('DSA-2048', 'above');
  const dsaRoot = issueRoot({ subject: 'CN=DSA Root', key: above });
  const dsaLeaf = issueSigner(dsaRoot, { key: withoutParameters(above) });
  t.is(dsaLeaf.certificate.key.bits, 0);
  const inputs = { at, purpose: 'signer' } as const;
  t.deepEqual(errorsOf({ path: pathOf(dsaRoot, dsaLeaf), inputs }), []);
  const ecRoot = issueRoot({ subject: 'CN=EC Root' });
  const orphan = issueSigner(ecRoot, { key: withoutParameters(above) });
  t.deepEqual(errorsOf({ path: pathOf(ecRoot, orphan), inputs }), ['public-key-usable']);
});
