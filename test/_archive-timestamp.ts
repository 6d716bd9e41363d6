// CAdES signatures with archive timestamps for tests: imprints and hash indexes put together here, by the
// words of the clauses, so that the reader is compared with something that is not itself.
import { concatBytes } from '#shared/bytes.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { type DigestAlgorithm, digest, digestOid } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { isContext, readChildren, readTlv } from '#shared/der/reader.ts';
import {
  derContext,
  derElement,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { formatGeneralizedTime } from '#shared/time.ts';
import { buildMessageImprint } from '#shared/tsp/build-token.ts';
import { testContent } from './_cms.ts';
import { type TestTsu, assembleToken, testAttribute, testTstInfo } from './_tsu.ts';

/** Elements of the first SignerInfo before its unsigned attributes, and those attributes. */
function signerParts(cms: Uint8Array): {
  readonly fields: readonly Uint8Array[];
  readonly unsignedAttrs: readonly Uint8Array[];
} {
  const [signerInfo] = parseSignedData(cms).signerInfos;
  if (!signerInfo) throw new Error('no signer');
  const fields = readChildren(readTlv(signerInfo.raw)).filter((field) => !isContext(field, 1));
  return {
    fields: fields.map(({ raw }) => raw),
    unsignedAttrs: signerInfo.unsignedAttrs.map(({ raw }) => raw),
  };
}

/** The same signature with other unsigned attributes, certificates or CRLs; everything else as stored. */
export function withParts(
  cms: Uint8Array,
  parts: {
    readonly unsignedAttrs?: readonly Uint8Array[];
    readonly certificates?: readonly Uint8Array[];
    readonly crls?: readonly Uint8Array[];
  },
): Uint8Array {
  const { elements } = parseSignedData(cms);
  const { fields, unsignedAttrs } = signerParts(cms);
  const attributes = parts.unsignedAttrs ?? unsignedAttrs;
  const field = (tag: number, given: readonly Uint8Array[] | undefined, stored?: Uint8Array) =>
    given ? [derContext(tag, ...given)] : stored ? [stored] : [];
  return derSequence(
    derObjectIdentifier(oids.idSignedData),
    derContext(
      0,
      derSequence(
        elements.version.raw,
        elements.digestAlgorithms.raw,
        elements.encapContentInfo.raw,
        ...field(0, parts.certificates, elements.certificates?.raw),
        ...field(1, parts.crls, elements.crls?.raw),
        derElement(
          0x31,
          derSequence(...fields, ...(attributes.length > 0 ? [derContext(1, ...attributes)] : [])),
        ),
      ),
    ),
  );
}

/** Adds unsigned attributes at the end. */
export function withAttributes(cms: Uint8Array, ...attributes: readonly Uint8Array[]): Uint8Array {
  return withParts(cms, {
    unsignedAttrs: [...signerParts(cms).unsignedAttrs, ...attributes],
  });
}

export type TestStamp = {
  readonly algorithm?: DigestAlgorithm;
  readonly content?: Uint8Array;
  readonly genTime?: string;
};

function token(
  tsu: TestTsu,
  { algorithm = 'SHA-256', genTime = '2026-03-04T05:06:07Z' }: TestStamp,
  imprint: Uint8Array,
  unsignedAttrs: readonly Uint8Array[],
): Uint8Array {
  return assembleToken(tsu, {
    tstInfo: testTstInfo({
      messageImprint: buildMessageImprint(algorithm, imprint),
      genTime: derElement(0x18, formatGeneralizedTime(Temporal.Instant.from(genTime))),
    }),
    ...(unsignedAttrs.length > 0 && { unsignedAttrs }),
  });
}

export const indexTypes = {
  'ats-hash-index': oids.idAaATSHashIndex,
  'ats-hash-index-v2': oids.idAaATSHashIndexV2,
  'ats-hash-index-v3': oids.idAaATSHashIndexV3,
} as const;

/** What is hashed into an index. */
export type TestIndex = {
  readonly version?: keyof typeof indexTypes;
  readonly hashIndAlgorithm?: DigestAlgorithm;
  /** Extra entries for each list, of things that are not there. */
  readonly foreign?: 'certificates' | 'crls' | 'unsignedAttrs';
  /** In place of the whole value. */
  readonly value?: Uint8Array;
  /** In place of the whole attribute; empty: none. */
  readonly attributes?: readonly Uint8Array[];
};

/** The index over all that a CMS has now. */
export function buildIndex(
  cms: Uint8Array,
  { version = 'ats-hash-index-v3', hashIndAlgorithm = 'SHA-256', foreign }: TestIndex = {},
): Uint8Array {
  const { elements } = parseSignedData(cms);
  const hash = (...parts: readonly Uint8Array[]): Uint8Array =>
    derOctetString(digest(hashIndAlgorithm, ...parts));
  const members = (field: typeof elements.certificates): Uint8Array[] =>
    (field ? readChildren(field) : []).map(({ raw }) => hash(raw));
  const extra = (list: TestIndex['foreign']): Uint8Array[] =>
    foreign === list ? [hash(Uint8Array.of(0))] : [];
  const attributes = signerParts(cms).unsignedAttrs.flatMap((attribute) => {
    if (version !== 'ats-hash-index-v3') return [hash(attribute)];
    const [type, values] = readChildren(readTlv(attribute));
    if (!type || !values) throw new Error('no attribute');
    return readChildren(values).map(({ raw }) => hash(type.raw, raw));
  });
  return derSequence(
    buildAlgorithmIdentifier(digestOid(hashIndAlgorithm)).raw,
    derSequence(...members(elements.certificates), ...extra('certificates')),
    derSequence(...members(elements.crls), ...extra('crls')),
    derSequence(...attributes, ...extra('unsignedAttrs')),
  );
}

/** Adds an archive timestamp, version 3, over all that is there. EN 319 122-1 §5.5.3 */
export function addArchiveTimestampV3(
  tsu: TestTsu,
  cms: Uint8Array,
  stamp: TestStamp & { readonly index?: TestIndex } = {},
): Uint8Array {
  const { algorithm = 'SHA-256', content = testContent, index = {} } = stamp;
  const [eContentType] = readChildren(parseSignedData(cms).elements.encapContentInfo);
  if (!eContentType) throw new Error('no content type');
  const value = index.value ?? buildIndex(cms, index);
  const imprint = digest(
    algorithm,
    eContentType.raw,
    digest(algorithm, content),
    ...signerParts(cms).fields,
    value,
  );
  const attributes = index.attributes ?? [
    testAttribute(indexTypes[index.version ?? 'ats-hash-index-v3'], value),
  ];
  return withAttributes(
    cms,
    testAttribute(oids.idAaEtsArchiveTimestampV3, token(tsu, stamp, imprint, attributes)),
  );
}

/** Adds an archive timestamp, version 2, over all that is there. RFC 5126 §6.4.1 */
export function addArchiveTimestampV2(
  tsu: TestTsu,
  cms: Uint8Array,
  stamp: TestStamp & {
    /** TS 101 733 before V2.2.1, Annex K: unsigned attributes without tag and length. */
    readonly bare?: boolean;
  } = {},
): Uint8Array {
  const { algorithm = 'SHA-256', content, bare = false } = stamp;
  const { encapContentInfo, certificates, crls } = parseSignedData(cms).elements;
  const { fields, unsignedAttrs } = signerParts(cms);
  const imprint = digest(
    algorithm,
    concatBytes(
      encapContentInfo.raw,
      content ?? new Uint8Array(),
      certificates?.raw ?? new Uint8Array(),
      crls?.raw ?? new Uint8Array(),
      ...fields,
      ...(bare || unsignedAttrs.length === 0 ? unsignedAttrs : [derContext(1, ...unsignedAttrs)]),
    ),
  );
  return withAttributes(
    cms,
    testAttribute(oids.idAaEtsArchiveTimestampV2, token(tsu, stamp, imprint, [])),
  );
}
