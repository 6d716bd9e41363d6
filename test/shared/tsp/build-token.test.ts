// Tokens of our own: strict DER, valid for our verifier under every kind of key, fields as asked for.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import { oids } from '#shared/oid.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import type { KeyName } from '../../_keys.ts';
import { createTsu, issueToken, testData, testGenTime, testPolicy } from '../../_tsu.ts';

const signs = test.macro<[KeyName, Parameters<typeof createTsu>[0]]>({
  exec: (t, keyName, options) => {
    const tsu = createTsu({ keyName, ...options });
    const octets = issueToken(tsu, { nonce: 1n << 159n });
    t.is(findDerOffence(octets), undefined);
    const verdict = verifyToken(parseTimeStampToken(octets), {
      anchors: tsu.anchors,
      revocationMode: 'none',
      imprint: { algorithm: 'SHA-256', digest: digest('SHA-256', testData) },
    });
    t.deepEqual(verdict.findings, []);
    t.is(verdict.status, 'valid');
  },
  title: (_, keyName, options) => `${keyName} with ${options?.digest ?? 'SHA-256'}`,
});
test(signs, 'P-256', {});
test(signs, 'P-384', { digest: 'SHA-384' });
test(signs, 'RSA-2048', {});
test(signs, 'RSA-PSS-2048', {});
test(signs, 'Ed25519', { digest: 'SHA-512' });
test(signs, 'ML-DSA-65', { digest: 'SHA-512' });

test('fields are written as given', (t) => {
  const tsu = createTsu();
  const { signedData, tstInfo } = parseTimeStampToken(
    issueToken(tsu, {
      nonce: -5n,
      ordering: true,
      tsa: true,
      accuracy: { seconds: 2, micros: 10 },
      signingTime: testGenTime,
    }),
  );
  t.like(tstInfo, {
    version: 1,
    policy: testPolicy,
    serialNumber: 4711n,
    genTimeText: '20260304050607.123456Z',
    ordering: true,
    nonce: -5n,
    accuracy: { seconds: 2n, millis: undefined, micros: 10n },
  });
  t.truthy(tstInfo.tsa);
  t.true(tstInfo.genTime.equals(testGenTime));
  t.deepEqual(
    signedData.signerInfos[0]?.signedAttrs?.attributes.map(({ oid }) => oid).toSorted(),
    [
      oids.idContentType,
      oids.idMessageDigest,
      oids.idSigningTime,
      oids.idAaSigningCertificateV2,
    ].toSorted(),
  );
});

test('whole seconds have no fraction, and certificates come with certReq alone', (t) => {
  const tsu = createTsu();
  const octets = issueToken(tsu, {
    genTime: Temporal.Instant.from('2051-01-01T00:00:00Z'),
    certReq: false,
  });
  const { signedData, tstInfo } = parseTimeStampToken(octets);
  t.is(tstInfo.genTimeText, '20510101000000Z');
  t.false(signedData.certificatesPresent);
});
