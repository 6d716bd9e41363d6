// What is added to a SignedData of any form, and that every other octet of it stays: the gaps between the copied
// stretches are lengths of elements around, and the version, and nothing else.
import fc from 'fast-check';
import test from 'ava';
import { equalBytes, toHex } from '#shared/bytes.ts';
import {
  noAdditions,
  type SignedDataAdditions,
  spliceSignedData,
} from '#shared/cades/augment/splice-signed-data.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { checkLimits, readChildren, readWhole, type Tlv } from '#shared/der/reader.ts';
import { applySplice } from '#shared/der/splice.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import { derContext, derObjectIdentifier, derOctetString } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { issueCrl, issueOcspResponse, issueRoot, issueSigner } from '../../../_authority.ts';
import { buildTestCms, testRoot, testSigner } from '../../../_cms.ts';
import { testAttribute } from '../../../_tsu.ts';
import { withIndefiniteLengths } from '../../../interop/_cades-samples.ts';

const crls = ['2026-01-01', '2026-02-01', '2026-03-01'].map(
  (on) => issueCrl({ issuer: testRoot, thisUpdate: `${on}T00:00:00Z` }).raw,
);
const ocsp = derContext(
  1,
  derObjectIdentifier(oids.idRiOcspResponse),
  issueOcspResponse({
    issuer: testRoot,
    producedAt: '2026-02-01T00:00:00Z',
    entries: [{ certificate: testSigner, status: 'good', thisUpdate: '2026-02-01T00:00:00Z' }],
  }).raw,
);
const certificates = [1, 2, 3].map(
  (number) => issueRoot({ subject: `CN=Root ${number}` }).certificate.raw,
);
const cosigner = issueSigner(testRoot, { subject: 'CN=Other Signer' });
const attributeOf = (content: Uint8Array): Uint8Array =>
  testAttribute(oids.idAaContentHint, derOctetString(content));

/** Headers of constructed elements, and the version: the only octets that may give way. */
function mayChange(source: Uint8Array): ReadonlySet<string> {
  const ranges = new Set<string>();
  const walk = (tlv: Tlv): void => {
    if (!tlv.constructed) return;
    ranges.add(`${tlv.offset}-${tlv.offset + tlv.headerLength}`);
    readChildren(tlv).forEach(walk);
  };
  walk(readWhole(source));
  const { version } = parseSignedData(source).elements;
  return ranges.add(`${version.offset}-${version.offset + version.raw.length}`);
}

const forms = fc.record({
  detached: fc.boolean(),
  indefinite: fc.boolean(),
  cosigned: fc.boolean(),
  unsigned: fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 3 }),
  crls: fc.subarray(crls.slice(0, 1)),
  content: fc.uint8Array({ maxLength: 400 }),
});

const additions: fc.Arbitrary<SignedDataAdditions> = fc.record({
  certificates: fc.subarray(certificates),
  revocationInfo: fc.subarray([...crls.slice(1), ocsp]),
  digestAlgorithms: fc.subarray(['SHA-256', 'SHA-512', 'SHA3-256'] as const),
  signers: fc.array(
    fc.record({
      attributes: fc
        .array(fc.uint8Array({ maxLength: 300 }), { maxLength: 3 })
        .map((contents) => contents.map(attributeOf)),
    }),
    { maxLength: 2 },
  ),
});

test('every octet stays but lengths, the version, and what is added', (t) => {
  fc.assert(
    fc.property(forms, additions, (form, added) => {
      const der = buildTestCms({
        ...form,
        indefinite: false,
        cosigners: form.cosigned ? [cosigner] : [],
        ...(form.crls.length > 0 && { crls: form.crls }),
        unsigned: () => form.unsigned.map(attributeOf),
        crls: form.crls,
      });
      const source = form.indefinite ? withIndefiniteLengths(der) : der;
      const stored = { signedData: parseSignedData(source), length: source.length };
      const splice = spliceSignedData(stored, added);
      const allowed = mayChange(source);
      let position = 0;
      for (const part of [...splice.parts, { kind: 'copy', start: source.length } as const]) {
        if (part.kind !== 'copy') continue;
        // Several elements may begin one after the other.
        for (let end = position; end < part.start;) {
          const gap = [...allowed].find((range) => range.startsWith(`${end}-`));
          t.truthy(gap, `octet ${end} gives way`);
          end = Number(gap?.split('-')[1]);
          t.true(end <= part.start);
        }
        position = 'end' in part ? part.end : position;
      }
      const result = applySplice(source, splice);
      checkLimits(result);
      t.is(result.length, splice.length);
      const after = parseSignedData(result);
      const has = (field: Tlv | undefined, members: readonly Uint8Array[]): boolean =>
        members.every((member) =>
          (field ? readChildren(field) : []).some(({ raw }) => equalBytes(raw, member)),
        );
      t.true(has(after.elements.certificates, added.certificates));
      t.true(has(after.elements.crls, added.revocationInfo));
      t.is(after.version, added.revocationInfo.includes(ocsp) ? 5 : 1);
      for (const [index, { attributes }] of added.signers.entries()) {
        const own = after.signerInfos[index]?.unsignedAttrs.map(({ raw }) => toHex(raw)) ?? [];
        if (index < after.signerInfos.length)
          t.true(attributes.every((attribute) => own.includes(toHex(attribute))));
      }
      // Signers stay in their places, also where DER would now have them in another order.
      if (!form.cosigned && !findDerOffence(source)) t.is(findDerOffence(result), undefined);
    }),
    { numRuns: process.env['TEST_LONG'] ? 5000 : 150 },
  );
});

test('a set that is out of order stays so: what is added comes last', (t) => {
  const [first, second] = certificates.toSorted((a, b) => Buffer.compare(b, a));
  if (!first || !second) throw new Error('no certificates');
  const source = buildTestCms({
    certificates: [first, second].map((raw) => ({ ...testSigner.certificate, raw })),
  });
  const stored = { signedData: parseSignedData(source), length: source.length };
  const splice = spliceSignedData(stored, {
    ...noAdditions,
    certificates: [testSigner.certificate.raw],
  });
  const { certificates: field } = parseSignedData(applySplice(source, splice)).elements;
  t.deepEqual(
    (field ? readChildren(field) : []).map(({ raw }) => toHex(raw)),
    [first, second, testSigner.certificate.raw].map(toHex),
  );
});

test('nothing to add changes nothing', (t) => {
  const source = buildTestCms();
  const stored = { signedData: parseSignedData(source), length: source.length };
  t.deepEqual(applySplice(source, spliceSignedData(stored, noAdditions)), source);
});

test('a digest algorithm that is listed already is not listed twice', (t) => {
  const source = buildTestCms();
  const stored = { signedData: parseSignedData(source), length: source.length };
  const splice = spliceSignedData(stored, {
    ...noAdditions,
    digestAlgorithms: ['SHA-256', 'SHA-512', 'SHA-512'],
  });
  t.deepEqual(
    parseSignedData(applySplice(source, splice)).digestAlgorithms.map(({ oid }) => oid),
    [oids.sha256, oids.sha512],
  );
});
