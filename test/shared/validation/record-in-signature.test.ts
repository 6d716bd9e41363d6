// Evidence records in attributes of a CMS (RFC 4998 Appendix A): what they have to be over, and what they
// save once the signer has expired. Each row differs from a neighbour in one thing.
import test from 'ava';
import { compareBytes, concatBytes } from '#shared/bytes.ts';
import { readCades } from '#shared/cades/read.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { digest } from '#shared/crypto/digest.ts';
import { readChildren, readWhole } from '#shared/der/reader.ts';
import { oids } from '#shared/oid.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import { withAttributes, withParts } from '../../_archive-timestamp.ts';
import { testContent } from '../../_cms.ts';
import { testAttribute } from '../../_tsu.ts';
import {
  ca,
  judge,
  nodesOf,
  recordOver,
  said,
  sign,
  signatureTimestamp,
  signer,
} from './_world.ts';

const plain = sign({ crlsOn: ['2027-02-01'] });
const crls = parseSignedData(plain).crls.map(({ raw }) => raw);
const detached = sign({ crlsOn: ['2027-02-01'], detached: true });
const withT = sign({
  crlsOn: ['2027-02-01'],
  unsigned: signatureTimestamp('first', '2027-01-02'),
});
const content: DetachedContent = {
  name: 'content',
  digest: (algorithm) => digest(algorithm, testContent),
};
const other: DetachedContent = {
  name: 'other',
  digest: (algorithm) => digest(algorithm, Uint8Array.of(1)),
};

const record = (...documents: readonly Uint8Array[]): Uint8Array =>
  recordOver(documents, [['first', '2027-01-20']]);
const internal = (...values: readonly Uint8Array[]): Uint8Array =>
  testAttribute(oids.idAaErInternal, ...values);
const external = (...values: readonly Uint8Array[]): Uint8Array =>
  testAttribute(oids.idAaErExternal, ...values);

/** BER: indefinite lengths around the same SignedData. */
function withIndefiniteLength(cms: Uint8Array): Uint8Array {
  const [type, wrapper] = readChildren(readWhole(cms));
  const end = Uint8Array.of(0, 0);
  return concatBytes(
    Uint8Array.of(0x30, 0x80),
    type?.raw ?? cms,
    Uint8Array.of(0xa0, 0x80),
    wrapper?.content ?? cms,
    end,
    end,
  );
}

const unsignedAttrsOf = (cms: Uint8Array): readonly Uint8Array[] =>
  readCades(cms).signatures.flatMap(({ signerInfo }) =>
    signerInfo.unsignedAttrs.map(({ raw }) => raw),
  );

type Row = {
  readonly what: string;
  readonly bytes: Uint8Array;
  readonly detached?: readonly DetachedContent[];
  readonly record: string;
  readonly signature: string;
};

const certificates = [signer, ca].map(({ certificate }) => certificate.raw).toSorted(compareBytes);
const sorted = withParts(plain, { certificates, crls: [...crls].toSorted(compareBytes) });
const unsorted = withParts(plain, {
  certificates: certificates.toReversed(),
  crls: [...crls].toSorted(compareBytes).toReversed(),
});
const noPoe = 'indeterminate OUT_OF_BOUNDS_NO_POE';
const wrong = 'invalid HASH_FAILURE';
const ber = withIndefiniteLength(plain);

const rows: readonly Row[] = [
  { what: 'none', bytes: plain, record: 'missing', signature: noPoe },
  {
    what: 'internal',
    bytes: withAttributes(plain, internal(record(plain))),
    record: 'valid',
    signature: 'valid',
  },
  {
    what: 'internal, over another signature',
    bytes: withAttributes(plain, internal(record(detached))),
    record: wrong,
    signature: noPoe,
  },
  {
    what: 'internal, over the content only',
    bytes: withAttributes(plain, internal(record(testContent))),
    record: wrong,
    signature: noPoe,
  },
  {
    what: 'internal, BER as it is stored',
    bytes: withIndefiniteLength(withAttributes(plain, internal(record(ber)))),
    record: 'valid',
    signature: 'valid',
  },
  {
    what: 'internal, BER, over its DER (TS 119 122-3)',
    bytes: withIndefiniteLength(withAttributes(plain, internal(record(sorted)))),
    record: 'valid',
    signature: 'valid',
  },
  {
    what: 'internal, over DER that sorts what is stored in another order',
    bytes: withAttributes(unsorted, internal(record(sorted))),
    record: 'valid',
    signature: 'valid',
  },
  {
    what: 'internal, in that other order',
    bytes: withAttributes(unsorted, internal(record(unsorted))),
    record: 'valid',
    signature: 'valid',
  },
  {
    what: 'two values over the same signature',
    bytes: withAttributes(plain, internal(record(plain), record(plain))),
    record: 'valid',
    signature: 'valid',
  },
  {
    what: 'after another attribute',
    bytes: withAttributes(withT, internal(record(withT))),
    record: 'valid',
    signature: 'valid',
  },
  {
    what: 'stored before the attribute that it is over: a SET OF in DER has no order',
    bytes: withParts(withT, {
      unsignedAttrs: [internal(record(withT)), ...unsignedAttrsOf(withT)],
    }),
    record: 'valid',
    signature: 'valid',
  },
  {
    what: 'external, content given',
    bytes: withAttributes(detached, external(record(detached, testContent))),
    detached: [content],
    record: 'valid',
    signature: 'valid',
  },
  {
    what: 'external, not over the content',
    bytes: withAttributes(detached, external(record(detached))),
    detached: [content],
    record: wrong,
    signature: noPoe,
  },
  {
    what: 'external, content missing',
    bytes: withAttributes(detached, external(record(detached, testContent))),
    record: 'indeterminate SIGNED_DATA_NOT_FOUND',
    signature: 'indeterminate SIGNED_DATA_NOT_FOUND',
  },
  {
    what: 'external, other content given',
    bytes: withAttributes(detached, external(record(detached, testContent))),
    detached: [other],
    record: wrong,
    signature: wrong,
  },
  {
    what: 'internal over a detached signature alone',
    bytes: withAttributes(detached, internal(record(detached))),
    detached: [content],
    record: 'valid',
    signature: 'valid',
  },
];

for (const { what, bytes, detached: given, record: evidence, signature } of rows)
  test(what, (t) => {
    const { tree } = judge({
      bytes,
      at: '2029-01-01',
      ...(given && { detached: given }),
    });
    const nodes = nodesOf(tree);
    t.is(said(nodes.find(({ subject }) => subject === 'evidence-record')), evidence);
    t.is(said(nodes.find(({ subject }) => subject === 'signature')), signature);
  });
