// PDF files that hold but for one field, document timestamp or part of the security store that cannot be read, and such
// as only look so. ISO 32000-2 §12.7.5.5, §12.8; EN 319 142-1 §5.4.
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { edited } from '../../_edited-cms.ts';
import {
  appendRevision,
  type PdfObjects,
  plainObjects,
  plainPdf,
  signPdf,
  type TestSignature,
} from '../../_pdf.ts';
import { broken, skips, good, timeTurned, remarked, type UnreadRow } from './_unread.ts';
import { ca, crlsOf, sign, signatureTimestamp, stamp } from './_world.ts';

/** In hexadecimal: the file is put together as text. */
const stream = (octets: Uint8Array): string => {
  const text = `${toHex(octets)}>`;
  return `<< /Filter /ASCIIHexDecode /Length ${text.length} >>\nstream\n${text}\nendstream`;
};
const cms = (covered: Uint8Array): Uint8Array =>
  sign({
    content: covered,
    detached: true,
    unsigned: signatureTimestamp('first', '2027-01-01'),
    crlsOn: ['2027-02-01'],
  });
const token = (covered: Uint8Array): Uint8Array =>
  stamp('first', '2027-02-05', digest('SHA-256', covered));

const crl = crlsOf('2027-02-01')[0]?.raw ?? new Uint8Array();
const storeObjects: PdfObjects = {
  5: '<< /Certs [6 0 R] /CRLs [7 0 R] /VRI 8 0 R >>',
  6: stream(ca.certificate.raw),
  7: stream(crl),
  8: '<< /A 9 0 R >>',
  9: '<< /Cert [6 0 R] /TS 15 0 R >>',
  15: stream(token(new Uint8Array(1))),
};
const catalog = (fields: string, rest = ''): string =>
  `<< /Type /Catalog /Pages 2 0 R ${rest} /AcroForm << /SigFlags 3 /Fields [${fields}] >> >>`;
const signed = signPdf(plainPdf(), { sign: cms });
/** A further revision: objects, with the store or fields in the catalogue. */
const withField = (...objects: readonly string[]): Uint8Array =>
  appendRevision(signed, {
    1: catalog('11 0 R 31 0 R'),
    ...Object.fromEntries(objects.map((body, index) => [31 + index, body])),
  });
const withStore = (objects: PdfObjects = {}, dss = '/DSS 5 0 R'): Uint8Array =>
  appendRevision(signed, { 1: catalog('11 0 R', dss), ...storeObjects, ...objects });
const stampedWith = (spec: Partial<TestSignature>, before = signed): Uint8Array =>
  signPdf(before, {
    subFilter: 'ETSI.RFC3161',
    number: 20,
    name: 'Timestamp',
    otherFields: [11],
    sign: token,
    ...spec,
  });
const withoutSigner = edited(cms(new Uint8Array()), () => ({ signers: [] }));
const ownSignature = '<< /Type /Sig /ByteRange [0 1 2 3] /Contents <30> >>';
const rights = '/Perms << /UR3 31 0 R >>';
const noField = '<< /FT /Tx /T (Second) >>';
const withSecond = signPdf(signed, { sign: cms, number: 40, name: 'Second', otherFields: [11] });
const field = '<< /FT /Sig /T (Second) /V 32 0 R >>';

const rows: readonly (readonly [name: string, octets: Uint8Array, says: string, dss?: string])[] = [
  ['a signature', signed, good],
  ['a document timestamp', stampedWith({}), good],
  [
    'a document timestamp with a turned octet',
    stampedWith({ sign: (c) => timeTurned(token(c)) }),
    broken,
    skips,
  ],
  [
    'a document timestamp without anything in it',
    stampedWith({ sign: () => new Uint8Array() }),
    broken,
    skips,
  ],
  [
    'a document timestamp over another range',
    stampedWith({ byteRange: '[0 100 200 50]' }),
    broken,
    skips,
  ],
  [
    'a document timestamp whose range is no range',
    stampedWith({ byteRange: '[0 100 200]' }),
    broken,
  ],
  [
    'a second signature that is none',
    stampedWith({ subFilter: 'ETSI.CAdES.detached', sign: (c) => timeTurned(cms(c)).with(4, 0) }),
    broken,
    skips,
  ],
  [
    'a second signature without a signer',
    stampedWith({ subFilter: 'ETSI.CAdES.detached', sign: () => withoutSigner }),
    broken,
  ],
  ['a field that is still to be signed', withField('<< /FT /Sig /T (Second) >>'), good],
  ['a field whose value is null', withField('<< /FT /Sig /T (Second) /V null >>'), good],
  ['a field whose value is a number', withField('<< /FT /Sig /T (Second) /V 5 >>'), broken, skips],
  [
    'a field whose value cannot be read',
    withField(field, '<< /Type /Sig /Contents <3'),
    broken,
    skips,
  ],
  [
    'a field whose value has no contents',
    withField(field, '<< /Type /Sig /SubFilter /ETSI.CAdES.detached /ByteRange [0 1 2 3] >>'),
    broken,
    skips,
  ],
  [
    'a document timestamp without contents',
    withField(field, '<< /Type /DocTimeStamp /SubFilter /ETSI.RFC3161 /ByteRange [0 1 2 3] >>'),
    broken,
    skips,
  ],
  [
    'a signature in a field of another type',
    withField(
      '<< /FT /Sih /T (Second) /V 32 0 R >>',
      '<< /Type /Sig /ByteRange [0 1 2 3] /Contents <30> >>',
    ),
    broken,
    skips,
  ],
  ['a signature that no field leads to', withField(noField, ownSignature), broken, skips],
  [
    'a signature that grants rights to a viewer',
    signPdf(
      plainPdf({
        ...plainObjects,
        1: `<< /Type /Catalog /Pages 2 0 R ${rights} >>`,
        31: ownSignature,
      }),
      { sign: cms, extraCatalog: rights },
    ),
    good,
  ],
  [
    'a field that was cleared later',
    appendRevision(withSecond, { 41: '<< /FT /Sig /T (Second) >>' }),
    good,
  ],
  ['a security store', withStore(), good],
  ['a security store without anything in it', withStore({ 5: '<< >>' }), good],
  ['a store that is a number', withStore({}, '/DSS 5'), remarked, skips],
  [
    'a CRL that cannot be inflated',
    withStore({ 7: stream(crl).replace('ASCIIHex', 'Flate') }),
    remarked,
    skips,
  ],
  ['certificates that are no list', withStore({ 5: '<< /Certs 6 0 R >>' }), remarked, skips],
  ['a certificate that is no stream', withStore({ 6: '<< >>' }), remarked, skips],
  ['a certificate that is none', withStore({ 6: stream(crl) }), remarked, skips],
  ['a CRL that is none', withStore({ 7: stream(crl.with(4, 0)) }), remarked, skips],
  ['an OCSP response that is none', withStore({ 5: '<< /OCSPs [7 0 R] >>' }), remarked, skips],
  ['VRI that is a number', withStore({ 5: '<< /VRI 5 >>' }), remarked, skips],
  ['a VRI dictionary that is a number', withStore({ 8: '<< /A 5 >>' }), remarked, skips],
  ['a VRI timestamp that is no stream', withStore({ 15: '<< >>' }), broken, skips],
  [
    'a VRI timestamp with a turned octet',
    withStore({ 15: stream(timeTurned(token(new Uint8Array(1)))) }),
    broken,
    skips,
  ],
  [
    'a VRI dictionary with its own Type',
    withStore({ 8: '<< /Type /VRI /A 9 0 R >>', 9: '<< /Cert [6 0 R] >>' }),
    good,
  ],
  ['a key of the store that nobody knows', withStore({ 5: '<< /Certs [6 0 R] /Other 5 >>' }), good],
];

export const unreadPdf: readonly UnreadRow[] = rows.map(([name, octets, says, dss]) => ({
  name,
  octets,
  says,
  dss,
}));
