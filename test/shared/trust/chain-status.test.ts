// Whether data issued after a proof of existence is at hand for a whole path, and what of it is kept.
import test from 'ava';
import { judgeChainStatus, type StatusMaterial } from '#shared/trust/chain-status.ts';
import {
  anchorOf,
  issueCa,
  issueCrl,
  issueOcspResponder,
  issueOcspResponse,
  issueRoot,
  issueSigner,
} from '../../_authority.ts';

const after = Temporal.Instant.from('2027-01-10T00:00:00Z');
const later = after.add({ hours: 24 });
const root = issueRoot();
const ca = issueCa(root);
const signer = issueSigner(ca);
const rootCrl = issueCrl({ issuer: root, thisUpdate: later });
const caCrl = issueCrl({ issuer: ca, thisUpdate: later });
const oldCaCrl = issueCrl({ issuer: ca, thisUpdate: after });

function judge(material: Partial<StatusMaterial>) {
  return judgeChainStatus({
    signer: signer.certificate,
    anchors: [anchorOf(root)],
    material: { certificates: [ca.certificate], crls: [], ocspResponses: [], ...material },
    after,
  });
}

test('complete: the path above the signer and what decided, nothing else', (t) => {
  const unrelated = issueRoot({ subject: 'CN=Unrelated' });
  const status = judge({
    certificates: [ca.certificate, unrelated.certificate, signer.certificate],
    crls: [oldCaCrl, rootCrl, caCrl, issueCrl({ issuer: unrelated, thisUpdate: later })],
  });
  t.is(status.kind, 'complete');
  if (status.kind !== 'complete') return;
  t.deepEqual(status.kept.certificates, [ca.certificate, root.certificate]);
  t.deepEqual(status.kept.crls, [rootCrl, caCrl]);
  t.is(status.offence, undefined);
});

test('missing: told by certificate, with as much of the path as there is', (t) => {
  for (const [material, missing] of [
    [{ crls: [rootCrl, oldCaCrl] }, [signer]],
    [{ crls: [caCrl] }, [ca]],
    [{}, [signer, ca]],
    [{ certificates: [], crls: [rootCrl, caCrl] }, [signer]],
  ] as const) {
    const status = judge(material);
    t.is(status.kind, 'missing');
    if (status.kind === 'missing')
      t.deepEqual(
        status.missing.map(({ certificate }) => certificate.fingerprint),
        missing.map(({ certificate }) => certificate.fingerprint),
      );
  }
});

test('a revocation is a known status', (t) => {
  const at = after.subtract({ hours: 1 });
  const revoking = issueCrl({
    issuer: ca,
    thisUpdate: later,
    revoked: [{ certificate: signer, at }],
  });
  const status = judge({ crls: [rootCrl, revoking] });
  t.true(status.kind === 'complete' && status.offence?.includes('was revoked'));
  const since = after.add({ hours: 1 });
  const afterwards = issueCrl({
    issuer: ca,
    thisUpdate: later,
    revoked: [{ certificate: signer, at: since }],
  });
  const harmless = judge({ crls: [rootCrl, afterwards] });
  t.true(harmless.kind === 'complete' && harmless.offence === undefined);
});

test('no data is waited for where a certificate had expired by then', (t) => {
  const notAfter = after.subtract({ hours: 1 });
  const expired = issueSigner(ca, { notAfter });
  const status = judgeChainStatus({
    signer: expired.certificate,
    anchors: [anchorOf(root)],
    material: { certificates: [ca.certificate], crls: [], ocspResponses: [] },
    after,
  });
  t.true(status.kind === 'complete' && status.offence?.includes('valid until'));
});

test('what appointed responders stand on is kept, too', (t) => {
  const responder = issueOcspResponder(ca);
  const entries = [{ certificate: signer, status: 'good', thisUpdate: later } as const];
  const response = issueOcspResponse({
    issuer: ca,
    responder,
    producedAt: later,
    entries,
    certificates: [],
  });
  const certificates = [ca.certificate, responder.certificate];
  const status = judge({ certificates, crls: [rootCrl], ocspResponses: [response] });
  t.is(status.kind, 'complete');
  // The response carries no certificate: without its responder's it would say nothing later.
  t.true(status.kind === 'complete' && status.kept.certificates.includes(responder.certificate));
});
