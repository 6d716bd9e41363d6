// ASiC containers that hold but for one entry of META-INF that cannot be read, and such as only look so.
// EN 319 162-1 §4.3.3.2, §4.4.3.2, §4.4.4.2, Annex A.
import { crc32 } from 'node:zlib';
import { digest } from '#shared/crypto/digest.ts';
import { asicManifest } from '../../_asic.ts';
import { edited } from '../../_edited-cms.ts';
import { signXades } from '../../_xades.ts';
import { buildZip, type TestEntry } from '../../_zip.ts';
import { broken, skips, good, timeTurned, unknown, type UnreadRow } from './_unread.ts';
import { recordOver, sign, signatureTimestamp, signer, stamp } from './_world.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (octets: Uint8Array): string => new TextDecoder().decode(octets);
const meta = (name: string, data: string | Uint8Array): TestEntry => ({
  name: `META-INF/${name}`,
  data,
});
const extended: TestEntry = { name: 'mimetype', data: 'application/vnd.etsi.asic-e+zip' };
const simple: TestEntry = { name: 'mimetype', data: 'application/vnd.etsi.asic-s+zip' };
const data = encode('the prescription');
const object: TestEntry = { name: 'rx.txt', data };
const listed = ['rx.txt', data] as const;

const cadesOver = (content: Uint8Array): Uint8Array =>
  sign({
    content,
    detached: true,
    unsigned: signatureTimestamp('first', '2027-01-01'),
    crlsOn: ['2027-02-01'],
  });
const tokenOver = (octets: Uint8Array): Uint8Array =>
  stamp('first', '2027-02-01', digest('SHA-256', octets));
const recordOf = (octets: Uint8Array): Uint8Array => recordOver(octets, [['first', '2027-02-01']]);

const manifest = asicManifest('META-INF/signature.p7s', [listed]);
const signature = cadesOver(manifest);
/** An extended container with one signature that holds. */
const base = [
  extended,
  object,
  meta('ASiCManifest.xml', manifest),
  meta('signature.p7s', signature),
];
const withMore = (...entries: readonly TestEntry[]): Uint8Array => buildZip([...base, ...entries]);

const archive = asicManifest('META-INF/timestamp.tst', [
  listed,
  ['META-INF/signature.p7s', signature],
]);
const archived = (octets: Uint8Array, token: Uint8Array, name = 'timestamp.tst'): Uint8Array =>
  withMore(meta('ASiCArchiveManifest.xml', octets), meta(name, token));
const recordManifest = asicManifest('META-INF/evidencerecord.ers', [listed]);
const recorded = (octets: Uint8Array, record: string | Uint8Array): Uint8Array =>
  withMore(meta('ASiCEvidenceRecordManifest.xml', octets), meta('evidencerecord.ers', record));
/** The manifest of a second signature, edited, and the signature over it. */
const second = asicManifest('META-INF/signature2.p7s', [listed]);
const withSecond = (
  octets: Uint8Array,
  cms = cadesOver(octets),
  name = 'signature2.p7s',
): Uint8Array => withMore(meta('ASiCManifest2.xml', octets), meta(name, cms));
const rewritten = (octets: Uint8Array, from: string | RegExp, to: string): Uint8Array =>
  encode(decode(octets).replace(from, to));

const xades = signXades({ signer });
const noFile =
  'EN 319 162-1 §4.4.3.2: no reference of this signature is to a file of the container';
const refuses = 'it reads no archive of which an entry is damaged';
const inXades = (...entries: readonly TestEntry[]): Uint8Array =>
  buildZip([extended, object, meta('signatures.xml', xades), ...entries]);
const damagedEntry = (entry: TestEntry): TestEntry => ({
  ...entry,
  central: { crc: crc32(encode('other')) },
  local: { crc: crc32(encode('other')) },
});

const rows: readonly (readonly [name: string, octets: Uint8Array, says: string, dss?: string])[] = [
  ['CAdES', buildZip(base), good],
  ['a second signature', withSecond(second), good],
  ['a second signature that is none', withSecond(second, cadesOver(second).with(4, 0)), broken],
  [
    'a second signature without a signer',
    withSecond(
      second,
      edited(cadesOver(second), () => ({ signers: [] })),
    ),
    broken,
    skips,
  ],
  [
    'a second signature whose entry is damaged',
    withMore(
      meta('ASiCManifest2.xml', second),
      damagedEntry(meta('signature2.p7s', cadesOver(second))),
    ),
    broken,
  ],
  [
    'a second signature of another name',
    withSecond(second, cadesOver(second), 'signatura2.p7s'),
    broken,
    skips,
  ],
  ['a second manifest alone', withMore(meta('ASiCManifest2.xml', second)), broken, skips],
  ['a second manifest that is no XML', withMore(meta('ASiCManifest2.xml', '<')), broken, skips],
  [
    'a second manifest of another namespace',
    withMore(meta('ASiCManifest2.xml', rewritten(second, 'v1.2.1', 'v1.2.0'))),
    broken,
    skips,
  ],
  [
    'a manifest without SigReference',
    withSecond(rewritten(second, /<a:SigReference[^>]*>/, '')),
    broken,
  ],
  [
    'a manifest whose SigReference leaves the container',
    withSecond(rewritten(second, 'META-INF/signature2', '../signature2')),
    broken,
  ],
  [
    'a manifest without references',
    withSecond(asicManifest('META-INF/signature2.p7s', [])),
    broken,
    skips,
  ],
  [
    'a manifest with a reference that leaves the container',
    withSecond(rewritten(second, 'rx.txt', '/rx.txt')),
    broken,
  ],
  [
    'a manifest with a digest that is no Base64 text',
    withSecond(rewritten(second, /(DigestValue>).{4}/, '$1$$$$$$$$')),
    broken,
  ],
  ['an archive manifest', archived(archive, tokenOver(archive)), good],
  [
    'an archive timestamp with a turned octet',
    archived(archive, timeTurned(tokenOver(archive))),
    broken,
  ],
  [
    'an archive timestamp of another name',
    archived(archive, tokenOver(archive), 'timestamq.tst'),
    broken,
    skips,
  ],
  ['an archive manifest alone', withMore(meta('ASiCArchiveManifest.xml', archive)), broken, skips],
  [
    'an archive manifest that is no XML',
    withMore(meta('ASiCArchiveManifest.xml', '<')),
    broken,
    skips,
  ],
  ['a record', recorded(recordManifest, recordOf(data)), good],
  ['a record with a turned octet', recorded(recordManifest, timeTurned(recordOf(data))), broken],
  ['a record that is other XML', recorded(recordManifest, '<record/>'), broken, skips],
  ['a record manifest that is no XML', recorded(encode('<'), recordOf(data)), broken],
  [
    'ASiC-S with a timestamp',
    buildZip([simple, object, meta('timestamp.tst', tokenOver(data))]),
    good,
  ],
  [
    'ASiC-S with a timestamp with a turned octet',
    buildZip([simple, object, meta('timestamp.tst', timeTurned(tokenOver(data)))]),
    broken,
  ],
  [
    'ASiC-S with a record with a turned octet',
    buildZip([simple, object, meta('evidencerecord.ers', timeTurned(recordOf(data)))]),
    broken,
  ],
  ['XAdES', inXades(), good, noFile],
  ['further XAdES that is no XML', inXades(meta('signatures2.xml', '<')), broken],
  ['further XAdES without a signature', inXades(meta('signatures2.xml', '<signatures/>')), broken],
  [
    'further XAdES with a document type',
    inXades(meta('signatures2.xml', '<!DOCTYPE a><a/>')),
    unknown,
  ],
  [
    'a package without a media type of its own, an empty signature file in it',
    buildZip([
      { name: 'mimetype', data: 'application/vnd.oasis.opendocument.text' },
      object,
      meta('documentsignatures.xml', xades),
      meta('macrosignatures.xml', '<signatures/>'),
    ]),
    good,
  ],
  ['a foreign file', withMore({ name: 'other.bin', data: '<' }), good],
  [
    'a foreign file that is damaged',
    withMore(damagedEntry({ name: 'other.bin', data: '<' })),
    good,
    refuses,
  ],
  ['a foreign file in META-INF', withMore(meta('other.xml', '<'), meta('manifest.xml', '<')), good],
];

export const unreadContainers: readonly UnreadRow[] = rows.map(([name, octets, says, dss]) => ({
  name,
  octets,
  says,
  dss,
}));
