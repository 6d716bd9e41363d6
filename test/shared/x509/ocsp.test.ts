import test from 'ava';
import { derNull, derOctetString } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { parseBasicOcspResponse, parseOcspResponse } from '#shared/x509/ocsp.ts';
import { issueOcspResponder, issueOcspResponse, issueRoot, issueTsu } from '../../_authority.ts';
import { extension } from '../../_extensions.ts';

const root = issueRoot();
const tsu = issueTsu(root);
const responder = issueOcspResponder(root);
const producedAt = '2024-01-01T00:00:00Z';

test('a response with everything in it', (t) => {
  const { responseStatus, basic } = issueOcspResponse({
    issuer: root,
    responder,
    producedAt,
    nonce: Uint8Array.of(1, 2, 3),
    responderIdBy: 'key',
    entries: [
      {
        certificate: tsu,
        status: 'revoked',
        revokedAt: '2023-06-01T00:00:00Z',
        reason: 'superseded',
        thisUpdate: producedAt,
        nextUpdate: '2024-01-02T00:00:00Z',
        archiveCutoff: '2020-01-01T00:00:00Z',
        certHashOf: tsu.certificate.raw,
      },
      { certificate: root, status: 'good', thisUpdate: producedAt },
      { certificate: responder, status: 'unknown', thisUpdate: producedAt },
    ],
  });
  t.is(responseStatus, 'successful');
  t.is(basic?.responderId.kind, 'byKey');
  t.deepEqual(basic?.nonce, Uint8Array.of(1, 2, 3));
  t.is(basic?.certificates[0]?.fingerprint, responder.certificate.fingerprint);
  const [first, second, third] = basic?.responses ?? [];
  t.is(first?.certId.serialNumber, tsu.certificate.serialNumber);
  t.is(first?.certStatus.kind, 'revoked');
  t.is(first?.certStatus.kind === 'revoked' ? first.certStatus.reason : undefined, 'superseded');
  t.is(first?.nextUpdate?.toString(), '2024-01-02T00:00:00Z');
  t.is(first?.archiveCutoff?.toString(), '2020-01-01T00:00:00Z');
  t.is(first?.certHash?.algorithm.oid, oids.sha256);
  t.is(second?.certStatus.kind, 'good');
  t.is(third?.certStatus.kind, 'unknown');
});

test('a bare nonce of an old responder', (t) => {
  const { basic } = issueOcspResponse({
    issuer: root,
    producedAt,
    nonce: Uint8Array.of(9),
    entries: [{ certificate: tsu, status: 'good', thisUpdate: producedAt }],
  });
  t.is(basic?.responderId.kind, 'byName');
  t.deepEqual(basic?.nonce, Uint8Array.of(9));
});

test('a refusal carries no answer', (t) => {
  const response = issueOcspResponse({
    issuer: root,
    producedAt,
    entries: [],
    responseStatus: 'tryLater',
  });
  t.is(response.responseStatus, 'tryLater');
  t.is(response.basic, undefined);
});

test('malformed extensions of a single response are listed', (t) => {
  const { basic } = issueOcspResponse({
    issuer: root,
    producedAt,
    entries: [
      {
        certificate: tsu,
        status: 'good',
        thisUpdate: producedAt,
        extraExtensions: [extension(oids.idPkixOcspArchiveCutoff, derNull())],
      },
    ],
  });
  t.is(basic?.responses[0]?.extensionProblems.length, 1);
});

test('octets that are no response are a FormatError with its own code', (t) => {
  const { raw } = issueOcspResponse({
    issuer: root,
    producedAt,
    entries: [{ certificate: tsu, status: 'good', thisUpdate: producedAt }],
  });
  for (let length = 0; length < raw.length; length += 3)
    t.throws(() => parseOcspResponse(raw.subarray(0, length)), { code: 'ERR_FORMAT_OCSP' });
  t.throws(() => parseOcspResponse(root.certificate.raw), { code: 'ERR_FORMAT_OCSP' });
  t.throws(() => parseBasicOcspResponse(derOctetString(raw)), { code: 'ERR_FORMAT_OCSP' });
});
