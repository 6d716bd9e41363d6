// An evidence record inside of a document whose tree hash has ended: what it says counts if a record beside the
// document, under another hash, shows that it and all that it is over existed before. EN 319 102-1 §5.6.2.4
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import { oids } from '#shared/oid.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import { withAttributes } from '../../_archive-timestamp.ts';
import { asicManifest } from '../../_asic.ts';
import { testContent } from '../../_cms.ts';
import { testAttribute } from '../../_tsu.ts';
import { buildZip } from '../../_zip.ts';
import { judge, nodesOf, profileWith, recordOver, said, sign } from './_world.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const inside = (...documents: readonly Uint8Array[]): Uint8Array =>
  recordOver(documents, [['first', '2027-01-20']], 'SHA-512');

const data = encode('the prescription');
const place = 'META-INF/evidencerecord.ers';
const container = buildZip([
  { name: 'mimetype', data: 'application/vnd.etsi.asic-e+zip' },
  { name: 'rx.txt', data },
  {
    name: 'META-INF/ASiCEvidenceRecordManifest.xml',
    data: asicManifest(place, [['rx.txt', data]]),
  },
  { name: place, data: inside(data) },
]);
const attached = sign({ crlsOn: ['2027-02-01'] });
const internal = withAttributes(attached, testAttribute(oids.idAaErInternal, inside(attached)));
const detached = sign({ crlsOn: ['2027-02-01'], detached: true });
const external = withAttributes(
  detached,
  testAttribute(oids.idAaErExternal, inside(detached, testContent)),
);
const content: DetachedContent = {
  name: 'content',
  digest: (algorithm) => digest(algorithm, testContent),
  octets: () => testContent,
};

type Row = {
  readonly what: string;
  readonly bytes: Uint8Array;
  /** Octets that the record beside is over, and when it was made. */
  readonly beside?: readonly [over: readonly Uint8Array[], on: string];
  readonly says: string;
};

const ended = 'indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE';
const before = '2027-02-10';
const rows: readonly Row[] = [
  { what: 'container, nothing beside', bytes: container, says: ended },
  {
    what: 'container, a record beside from before',
    bytes: container,
    beside: [[container], before],
    says: 'valid',
  },
  {
    what: 'container, a record beside from after',
    bytes: container,
    beside: [[container], '2027-08-01'],
    says: ended,
  },
  {
    what: 'internal attribute, a record beside from before',
    bytes: internal,
    beside: [[internal], before],
    says: 'valid',
  },
  {
    what: 'external attribute, the record beside over signature and content',
    bytes: external,
    beside: [[external, testContent], before],
    says: 'valid',
  },
  {
    what: 'external attribute, the record beside over the signature alone',
    bytes: external,
    beside: [[external], before],
    says: ended,
  },
];

for (const { what, bytes, beside, says } of rows)
  test(what, (t) => {
    const { tree } = judge({
      bytes,
      at: '2029-01-01',
      ...(beside && { records: [recordOver(beside[0], [['first', beside[1]]])] }),
      ...(bytes === external && { detached: [content] }),
      material: {
        algorithmPolicy: profileWith({
          algorithm: 'SHA-512',
          endExclusive: Temporal.Instant.from('2027-06-01T00:00:00Z'),
          source: 'test',
        }),
      },
    });
    const record = nodesOf(tree).find(({ name }) => name === 'evidence-record-1');
    t.is(said(record), says);
    if (says === 'valid') t.is(record?.facts['provedBy'], 'record-1');
  });
