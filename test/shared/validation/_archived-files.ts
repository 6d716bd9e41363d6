// One file of each format with an archive timestamp of 2029 over all that came before: what is judged octet by octet.
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { asicManifest } from '../../_asic.ts';
import { plainPdf, signPdf } from '../../_pdf.ts';
import { archivedXades } from '../../_xades.ts';
import { buildZip } from '../../_zip.ts';
import { ca, crlsOf, sign, signatureTimestamp, signer, stamp } from './_world.ts';

const archivedAt = '2029-06-01';
/** Of the signer while it lasted, and of the first unit shortly before its timestamp is covered. */
const crlsOn = ['2027-02-01', '2029-05-20'];
const archiveStamp = (imprint: Uint8Array): Uint8Array => stamp('second', archivedAt, imprint);
const over = (octets: Uint8Array): Uint8Array => archiveStamp(digest('SHA-256', octets));

export const archivedXml = new TextEncoder().encode(
  archivedXades({
    signer,
    signatureStamp: (imprint) => stamp('first', '2027-01-01', imprint),
    certificates: [ca.certificate.raw],
    crls: crlsOn.flatMap((on) => crlsOf(on)).map(({ raw }) => raw),
    archive: { stamp: archiveStamp },
  }),
);

const stream = (octets: Uint8Array): string => {
  const text = `${toHex(octets)}>`;
  return `<< /Filter /ASCIIHexDecode /Length ${text.length} >>\nstream\n${text}\nendstream`;
};

export const archivedPdf = signPdf(
  signPdf(plainPdf(), {
    sign: (content) =>
      sign({
        content,
        detached: true,
        unsigned: signatureTimestamp('first', '2027-01-01'),
        crlsOn: crlsOn.slice(0, 1),
      }),
  }),
  {
    subFilter: 'ETSI.RFC3161',
    number: 20,
    name: 'Timestamp',
    otherFields: [11],
    extraCatalog: '/DSS 40 0 R',
    extraObjects: {
      40: '<< /Certs [41 0 R] /CRLs [42 0 R 43 0 R] >>',
      41: stream(ca.certificate.raw),
      ...Object.fromEntries(
        crlsOf('2029-05-20').map(({ raw }, index): [number, string] => [42 + index, stream(raw)]),
      ),
    },
    sign: over,
  },
);

const data = new TextEncoder().encode('the prescription');
const manifest = asicManifest('META-INF/signature.p7s', [['rx.txt', data]]);
const signature = sign({
  content: manifest,
  detached: true,
  unsigned: signatureTimestamp('first', '2027-01-01'),
  crlsOn,
});
const archiveManifest = asicManifest('META-INF/timestamp.tst', [
  ['rx.txt', data],
  ['META-INF/ASiCManifest.xml', manifest],
  ['META-INF/signature.p7s', signature],
]);

export const archivedContainer = buildZip([
  { name: 'mimetype', data: 'application/vnd.etsi.asic-e+zip' },
  { name: 'rx.txt', data },
  { name: 'META-INF/ASiCManifest.xml', data: manifest },
  { name: 'META-INF/signature.p7s', data: signature },
  { name: 'META-INF/ASiCArchiveManifest.xml', data: archiveManifest },
  { name: 'META-INF/timestamp.tst', data: over(archiveManifest) },
]);
