// Anchors with the ends that an operator set: the end counts in place of the certificate's own.
import test from 'ava';
import { horizonRules, trustAnchors } from '#archiver/trust.ts';
import { selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import { issueRoot, issueSigner } from '../_authority.ts';

const root = issueRoot();
const other = issueRoot({ subject: 'CN=Other' });
const signer = issueSigner(root);
const end = Temporal.Instant.from('2026-05-01T00:00:00Z');
const config = {
  profile: selectProfile(bundledPolicies, 'jp-medical'),
  anchorEnds: new Map([[root.certificate.fingerprint, end]]),
};

test('only the anchor that is named gets the end', (t) => {
  const [first, second] = trustAnchors(config, [root.certificate, other.certificate]);
  t.is(first?.sunset?.toString(), end.toString());
  t.is(second?.sunset, undefined);
  t.is(horizonRules(config).anchorEnds.get(root.certificate.fingerprint), end);
});

for (const [at, status] of [
  ['2026-04-30T23:59:59Z', 'valid'],
  ['2026-05-01T00:00:00Z', 'indeterminate'],
] as const)
  test(`a path to it at ${at}: ${status}`, (t) => {
    const verdict = verifyCertificatePath({
      target: signer.certificate,
      intermediates: [],
      anchors: trustAnchors(config, [root.certificate]),
      crls: [],
      ocspResponses: [],
      at: Temporal.Instant.from(at),
      purpose: 'signer',
      revocationMode: 'none',
    });
    t.is(verdict.status === 'valid' ? 'valid' : 'indeterminate', status);
  });
