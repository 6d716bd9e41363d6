// Documents by content: every format told apart, signatures and tokens found, hostile octets never thrown.
import test from 'ava';
import fc from 'fast-check';
import { digest } from '#shared/crypto/digest.ts';
import { buildTimeStampResp } from '#shared/tsp/response.ts';
import type { DetachedContent, Facts } from '#shared/validation/facts.ts';
import { inspect } from '#shared/validation/inspect.ts';
import { issueCrl } from '../../_authority.ts';
import { buildTestCms, testContent, testRoot, testSigner } from '../../_cms.ts';
import { plainPdf, signPdf } from '../../_pdf.ts';
import { createTsu, issueToken, testData } from '../../_tsu.ts';
import { signedXml } from '../../_xml-signature.ts';
import { buildZip } from '../../_zip.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const inspected = (bytes: Uint8Array, detached: readonly DetachedContent[] = []): Facts =>
  inspect({ bytes, size: bytes.length, detached });
const content = (octets: Uint8Array): DetachedContent => ({
  name: 'beside',
  digest: (algorithm) => digest(algorithm, octets),
});

const tsu = createTsu();
const token = issueToken(tsu);
const crl = issueCrl({ issuer: testRoot, thisUpdate: '2026-01-01T00:00:00Z' });
const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.from(testRoot.certificate.raw).toString('base64')}\n-----END CERTIFICATE-----\n`;

const formats: readonly (readonly [Facts['format'], string, Uint8Array])[] = [
  ['empty', 'no octet', new Uint8Array()],
  ['plain', 'text', encode('0123')],
  ['plain', 'a web page', encode('<!DOCTYPE html><html></html>')],
  ['plain', 'octets that begin like ASN.1', Uint8Array.of(0x30, 0x03, 1, 1, 0)],
  ['CAdES', 'attached', buildTestCms()],
  ['CAdES', 'a PDF inside', buildTestCms({ content: plainPdf() })],
  ['CAdES', 'BER', buildTestCms({ indefinite: true })],
  ['CMS', 'no signing certificate', buildTestCms({ cades: false })],
  ['PDF', 'unsigned', plainPdf()],
  ['PDF', 'old subfilter', pdf('adbe.pkcs7.detached')],
  ['PAdES', 'ETSI subfilter', pdf('ETSI.CAdES.detached')],
  ['XML', 'unsigned', encode('<a/>')],
  ['XAdES', 'signed', signedXml({ signedProperties: '' })],
  ['ZIP', 'plain', buildZip([{ name: 'a' }])],
  ['TST', 'token', token],
  ['TSR', 'response', buildTimeStampResp({ status: 'granted', token })],
  ['TSR', 'refusal', buildTimeStampResp({ status: 'rejection' })],
  ['Certificate', 'DER', testRoot.certificate.raw],
  ['Certificate', 'PEM', encode(pem)],
  ['CRL', 'DER', crl.raw],
];
function pdf(subFilter: string): Uint8Array {
  return signPdf(plainPdf(), {
    subFilter,
    sign: (covered) => buildTestCms({ content: covered, detached: true }),
  });
}
for (const [format, what, bytes] of formats)
  test(`${format}: ${what}`, (t) => {
    t.is(inspected(bytes).format, format);
  });

test('facts survive JSON', (t) => {
  const facts = inspected(pdf('ETSI.CAdES.detached'));
  const again = JSON.parse(JSON.stringify(facts)) as { signatures: { signer: unknown }[] };
  t.like(again.signatures[0]?.signer, {
    fingerprint: testSigner.certificate.fingerprint,
    notAfter: testSigner.certificate.notAfter.toString(),
  });
});

test('detached content decides found and intact', (t) => {
  const cms = buildTestCms({ detached: true });
  const state = (detached: readonly DetachedContent[]): unknown => {
    const [reference] = inspected(cms, detached).signatures[0]?.references ?? [];
    return [reference?.found, reference?.intact];
  };
  t.deepEqual(state([]), [false, false]);
  t.deepEqual(state([content(encode('other'))]), [true, false]);
  t.deepEqual(state([content(encode('other')), content(testContent)]), [true, true]);
});

test('a bare token over what lies beside it', (t) => {
  const state = (detached: readonly DetachedContent[]): unknown => {
    const [timestamp] = inspected(token, detached).timestamps;
    return [timestamp?.type, timestamp?.imprintFound, timestamp?.imprintIntact];
  };
  t.deepEqual(state([]), ['token', false, false]);
  t.deepEqual(state([content(testData)]), ['token', true, true]);
});

test('a document timestamp of a PDF', (t) => {
  const bytes = signPdf(plainPdf(), { subFilter: 'ETSI.RFC3161', sign: () => token });
  t.deepEqual(
    inspected(bytes).timestamps.map(({ type, place, imprintFound, imprintIntact }) => [
      type,
      place,
      imprintFound,
      imprintIntact,
    ]),
    [['document', 'Signature1', true, false]],
  );
});

test('content inside a signature that has to be detached', (t) => {
  const bytes = signPdf(plainPdf(), { sign: () => buildTestCms() });
  t.true(inspected(bytes).problems.some(({ code }) => code === 'cms-content-not-detached'));
});

test('the TSU and its path', (t) => {
  const [timestamp] = inspected(token).timestamps;
  t.is(timestamp?.tsu?.fingerprint, tsu.tsu.certificate.fingerprint);
  t.true((timestamp?.tsu?.chainNotAfter.length ?? 0) > 1);
});

test('too large: told by its head, and said so', (t) => {
  const facts = inspect({ bytes: plainPdf().subarray(0, 50), size: 5_000_000_000 });
  t.is(facts.format, 'PDF');
  t.deepEqual(
    facts.problems.map(({ code }) => code),
    ['too-large-to-inspect'],
  );
  t.deepEqual(inspect({ bytes: encode('text'), size: 5_000_000_000 }).problems, []);
});

test('octets after a CMS are said, the signature is read', (t) => {
  const facts = inspected(Uint8Array.of(...buildTestCms(), 0, 0));
  t.is(facts.signatures.length, 1);
  t.deepEqual(
    facts.problems.map(({ code }) => code),
    ['octets-after-the-end'],
  );
});

const bases = formats.map(([, , bytes]) => bytes).filter(({ length }) => length > 0);
test('changed, cut and joined octets end in facts', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...bases),
      fc.nat(),
      fc.integer({ min: 0, max: 255 }),
      fc.nat(),
      (base, at, octet, cut) => {
        const bytes = Uint8Array.from(base);
        bytes[at % bytes.length] = octet;
        const part = cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes;
        return Array.isArray(inspected(part).problems);
      },
    ),
    { numRuns: 300 },
  );
  t.pass();
});
