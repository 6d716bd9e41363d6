// CMS and CAdES signatures as facts: attributes, timestamps with what they cover, validation data.
import test from 'ava';
import { concatBytes, equalBytes } from '#shared/bytes.ts';
import { readCades } from '#shared/cades/read.ts';
import { derContext, derElement, derOctetString, derSequence } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { formatUtcTime } from '#shared/time.ts';
import { issueCrl } from '../../_authority.ts';
import {
  buildTestCms,
  buildTestSignerInfo,
  testRoot,
  testSigner,
  testSigningTime,
} from '../../_cms.ts';
import { createTsu, issueToken, testAttribute } from '../../_tsu.ts';

const tsu = createTsu();
const crl = issueCrl({ issuer: testRoot, thisUpdate: '2026-01-01T00:00:00Z' });

test('CAdES has a signing certificate, CMS has none', (t) => {
  t.true(readCades(buildTestCms()).signatures[0]?.isCades);
  t.false(readCades(buildTestCms({ cades: false })).signatures[0]?.isCades);
});

test('claimed signing time, once', (t) => {
  t.is(
    readCades(buildTestCms()).signatures[0]?.claimedSigningTime?.toString(),
    testSigningTime.toString(),
  );
  const second = testAttribute(
    oids.idSigningTime,
    derElement(0x17, formatUtcTime(testSigningTime)),
  );
  const reading = readCades(buildTestCms({ extraSigned: [second] }));
  t.is(reading.signatures[0]?.claimedSigningTime, undefined);
  t.deepEqual(
    reading.problems.map(({ code }) => code),
    ['cms-attribute-twice'],
  );
});

for (const [time, claimed] of [
  ['20491231235959Z', undefined],
  ['20500101000000Z', '2050-01-01T00:00:00Z'],
  ['20500101000000.5Z', undefined],
  ['19491231235959Z', '1949-12-31T23:59:59Z'],
  ['19500101000000Z', undefined],
] as const)
  test(`a signing time that is the GeneralizedTime ${time}`, (t) => {
    const value = derElement(0x18, new TextEncoder().encode(time));
    const cms = buildTestCms({
      signingTimes: [],
      extraSigned: [testAttribute(oids.idSigningTime, value)],
    });
    const { signatures, problems } = readCades(cms);
    t.is(signatures[0]?.claimedSigningTime?.toString(), claimed);
    t.deepEqual(
      problems.map(({ code }) => code),
      claimed === undefined ? ['cms-signing-time-form'] : [],
    );
  });

test('BER around the same signature', (t) => {
  const [signature] = readCades(buildTestCms({ indefinite: true })).signatures;
  t.true(signature?.isCades);
});

test('timestamps and what they cover', (t) => {
  const token = issueToken(tsu);
  const types = [
    oids.idAaSignatureTimeStampToken,
    oids.idAaEtsEscTimeStamp,
    oids.idAaEtsCertCRLTimestamp,
    oids.idAaEtsArchiveTimestampV3,
  ];
  const reading = readCades(
    buildTestCms({
      extraSigned: [testAttribute(oids.idAaEtsContentTimestamp, token)],
      unsigned: () => [
        // Stored in another order than the one in which they are hashed (RFC 5126 §6.3.5).
        testAttribute(oids.idAaEtsRevocationRefs, derSequence()),
        testAttribute(oids.idAaEtsCertificateRefs, derOctetString(Uint8Array.of(1))),
        ...types.map((type) => testAttribute(type, token)),
      ],
    }),
  );
  const [signature] = reading.signatures;
  t.deepEqual(
    signature?.timestamps.map(({ type, covered }) => [type, covered.kind]),
    [
      ['content', 'content'],
      ['signature', 'octets'],
      ['validation-data', 'octets'],
      ['references-only', 'octets'],
      ['archive', 'archive'],
    ],
  );
  const partsOf = (index: number): readonly Uint8Array[] => {
    const covered = signature?.timestamps[index]?.covered;
    return covered?.kind === 'octets' ? covered.parts : [];
  };
  const value = signature?.signerInfo.signature ?? new Uint8Array();
  t.deepEqual(partsOf(1), [value]);
  const [certificateRefs, revocationRefs] = partsOf(3);
  t.true(equalBytes(partsOf(2)[2] ?? value, certificateRefs ?? value));
  t.true(equalBytes(partsOf(2)[3] ?? value, revocationRefs ?? value));
  t.true(concatBytes(...partsOf(3)).includes(1));
});

test('validation data in attributes', (t) => {
  const values = derSequence(derContext(0, derSequence(crl.raw)));
  const reading = readCades(
    buildTestCms({
      unsigned: () => [
        testAttribute(oids.idAaEtsCertValues, derSequence(testRoot.certificate.raw)),
        testAttribute(oids.idAaEtsRevocationValues, values),
      ],
    }),
  );
  t.deepEqual(reading.signatures[0]?.values, {
    certificates: [testRoot.certificate.raw],
    crls: [crl.raw],
    ocspResponses: [],
  });
});

test('countersignatures, bounded in depth', (t) => {
  const nested = (depth: number): Uint8Array =>
    buildTestSignerInfo({
      signer: testSigner,
      ...(depth > 0 && {
        unsigned: () => [testAttribute(oids.idCountersignature, nested(depth - 1))],
      }),
    });
  const cms = (depth: number): Uint8Array =>
    buildTestCms({ unsigned: () => [testAttribute(oids.idCountersignature, nested(depth))] });
  t.is(readCades(cms(1)).signatures[0]?.countersignatures[0]?.countersignatures.length, 1);
  t.true(readCades(cms(10)).problems.some(({ code }) => code === 'ERR_FORMAT_LIMIT'));
});

test('a token that does not parse is a problem, the rest is read', (t) => {
  const reading = readCades(
    buildTestCms({
      unsigned: () => [testAttribute(oids.idAaSignatureTimeStampToken, derSequence())],
    }),
  );
  t.is(reading.signatures.length, 1);
  t.deepEqual(
    reading.problems.map(({ place }) => place),
    ['signature timestamp'],
  );
});

test('too many attributes', (t) => {
  const unsigned = (): Uint8Array[] =>
    Array.from({ length: 1001 }, () => testAttribute(oids.idAaEtsCertificateRefs, derSequence()));
  t.throws(() => readCades(buildTestCms({ unsigned })), { code: 'ERR_FORMAT_LIMIT' });
});
