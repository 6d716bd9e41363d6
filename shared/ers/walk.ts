// Recomputes everything that RFC 4998 §4.3 and §5.3 compare: for each archive timestamp the root of
// its tree and what its first list covers, in every reading the RFC leaves open. Facts only; what
// follows from them is decided by checks.ts. Records in XML (RFC 6283) differ in what a hash-tree renewal
// covers alone. Nothing of the writing side is imported.
import { compareBytes, equalBytes, memberOf } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { ArchiveTimeStamp, EvidenceRecord, PartialHashtree } from './evidence-record.ts';
import { createFormHasher, type FormHasher } from './hashed-forms.ts';
import { rootOfReduced, type NodeHasher } from './reduce.ts';
import type {
  ArchiveTimeStampVerdict,
  Coverage,
  EvidenceDataObject,
  HashedForm,
  RenewalReading,
} from './verdict.ts';

/** One archive timestamp with what was recomputed for it. */
export type WalkedArchiveTimeStamp = Omit<ArchiveTimeStampVerdict, 'tokenVerdict'> & {
  readonly chainIndex: number;
  readonly index: number;
  readonly archiveTimeStamp: ArchiveTimeStamp;
  readonly chainAlgorithm: DigestAlgorithm;
  readonly firstList: PartialHashtree;
  /** The digest that the token's imprint has to be; undefined for a malformed tree. */
  readonly expectedImprint: Uint8Array | undefined;
  /** Names of data objects without a digest under this algorithm: nothing can be said about them. */
  readonly undecided: readonly string[];
};

/** All archive timestamps, oldest first, across the chains. */
export type Walk = {
  readonly record: EvidenceRecord;
  readonly dataObjects: readonly EvidenceDataObject[];
  readonly at: Temporal.Instant;
  readonly steps: readonly WalkedArchiveTimeStamp[];
};

function orphansIn(firstList: PartialHashtree, known: readonly Uint8Array[]): Uint8Array[] {
  const isKnown = memberOf(known);
  return firstList.filter((value) => !isKnown(value));
}

type Covered = {
  readonly covers: Coverage;
  readonly complete: boolean;
  readonly orphanDigests: readonly Uint8Array[];
  readonly undecided: readonly string[];
};

/** The hash values that a data object may be known by under an algorithm; empty where none is known. */
export type ValuesOf = (dataObject: EvidenceDataObject) => Iterable<Uint8Array>;

/** Of octets as they are; in a record in XML, of canonical XML, too: both are written. RFC 6283 §3.1.1 */
export function valuesUnder(
  record: EvidenceRecord,
  chainIndex: number,
  algorithm: DigestAlgorithm,
): ValuesOf {
  if (!record.xml)
    return ({ digest: digestUnder }) => {
      const value = digestUnder(algorithm);
      return value ? [value] : [];
    };
  return function* ({ digest: digestUnder, octets }) {
    const value = digestUnder(algorithm);
    if (value) yield value;
    const canonical = octets && record.xml?.canonicalData(octets(), chainIndex);
    if (canonical) yield digest(algorithm, canonical);
  };
}

/** §4.3 steps 1 and 2, §5.3 step 1: H(d) of each data object in the first list. */
function coverDataObjects(
  firstList: PartialHashtree,
  dataObjects: readonly EvidenceDataObject[],
  valuesOf: ValuesOf,
): Covered {
  const isPresent = memberOf(firstList);
  const found: string[] = [];
  const undecided: string[] = [];
  const known: Uint8Array[] = [];
  for (const dataObject of dataObjects) {
    let any = false;
    for (const value of valuesOf(dataObject)) {
      any = true;
      if (!isPresent(value)) continue;
      found.push(dataObject.name);
      known.push(value);
      break;
    }
    if (!any) undecided.push(dataObject.name);
  }
  return {
    covers: { kind: 'data-objects', found },
    complete: found.length === dataObjects.length,
    orphanDigests: orphansIn(firstList, known),
    undecided,
  };
}

/** §5.3 step 2 a: the hash of the token before. Older tokens of the chain may stand beside it, never instead. */
function coverPreviousToken(
  firstList: PartialHashtree,
  algorithm: DigestAlgorithm,
  earlier: readonly ArchiveTimeStamp[],
  hasher: FormHasher,
): Covered {
  const isPresent = memberOf(firstList);
  const known: Uint8Array[] = [];
  let earlierTokens = 0;
  let form: HashedForm | undefined;
  for (const [index, { timeStamp }] of earlier.entries()) {
    for (const hashed of hasher.element(algorithm, timeStamp)) {
      if (!isPresent(hashed.value)) continue;
      known.push(hashed.value);
      if (index === earlier.length - 1) form = hashed.form;
      else earlierTokens++;
      break;
    }
  }
  return {
    covers: { kind: 'previous-token', form, earlierTokens },
    complete: form !== undefined,
    orphanDigests: orphansIn(firstList, known),
    undecided: [],
  };
}

/** How a hash-tree renewal joins the hash of a data object and that of the older chains. */
export function joinedDigest(
  algorithm: DigestAlgorithm,
  reading: RenewalReading,
  document: Uint8Array,
  sequence: Uint8Array,
): Uint8Array {
  // Figure 4 of the RFC sorts the two members, the text of §5.2 step 4 keeps the document first.
  return reading === 'sorted' && compareBytes(document, sequence) > 0
    ? digest(algorithm, sequence, document)
    : digest(algorithm, document, sequence);
}

/** Data objects found under one reading and form of the earlier sequence. */
type Hits = {
  readonly members: readonly { readonly name: string; readonly value: Uint8Array }[];
  readonly form?: HashedForm;
  readonly reading?: RenewalReading;
};

/**
 * §5.3 step 3 a: the hash of data object hash and hash of all older chains. One reading and form has
 * to fit every data object; of several that fit equally well the text's positional one counts.
 */
function coverRenewedDataObjects(
  firstList: PartialHashtree,
  algorithm: DigestAlgorithm,
  dataObjects: readonly EvidenceDataObject[],
  olderChains: readonly Uint8Array[],
  hasher: FormHasher,
): Covered {
  const isPresent = memberOf(firstList);
  const digests = dataObjects.flatMap((object) => {
    const value = object.digest(algorithm);
    return value ? [{ name: object.name, value }] : [];
  });
  let best: Hits = { members: [] };
  for (const { form, value: sequence } of hasher.sequence(algorithm, olderChains)) {
    for (const reading of ['positional', 'sorted'] as const) {
      const members = digests
        .map(({ name, value }) => ({
          name,
          value: joinedDigest(algorithm, reading, value, sequence),
        }))
        .filter(({ value }) => isPresent(value));
      if (members.length > best.members.length) best = { members, form, reading };
    }
    if (best.members.length === digests.length) break;
  }
  const found = best.members.map(({ name }) => name);
  return {
    covers: {
      kind: 'data-objects-and-sequence',
      found,
      form: best.form,
      reading: best.reading,
    },
    complete: found.length === dataObjects.length,
    orphanDigests: orphansIn(
      firstList,
      best.members.map(({ value }) => value),
    ),
    undecided: dataObjects
      .map(({ name }) => name)
      .filter((name) => !digests.some((known) => known.name === name)),
  };
}

/**
 * RFC 6283 §4.2.2: the hash of the older chains stands in the first list beside those of the data
 * objects. Without it nothing of what is older is covered.
 */
function coverXmlRenewal(
  firstList: PartialHashtree,
  algorithm: DigestAlgorithm,
  dataObjects: readonly EvidenceDataObject[],
  valuesOf: ValuesOf,
  olderSequence: Uint8Array,
): Covered {
  const sequence = digest(algorithm, olderSequence);
  const covered = coverDataObjects(firstList, dataObjects, valuesOf);
  const form = memberOf(firstList)(sequence) ? 'as-stored' : undefined;
  const found = form && covered.covers.kind === 'data-objects' ? covered.covers.found : [];
  return {
    ...covered,
    covers: { kind: 'data-objects-and-sequence', found, form },
    complete: form !== undefined && covered.complete,
    orphanDigests: covered.orphanDigests.filter((value) => !equalBytes(value, sequence)),
  };
}

/**
 * §4.3 step 4: the imprint to which the record leads. Under another imprint algorithm, which §4.2
 * allows where the field names the tree's, that is the root hashed once more. Without a tree there is
 * nothing to compute: the imprint is the covered hash value.
 */
function imprintOf(ats: ArchiveTimeStamp, hashNode?: NodeHasher): Uint8Array | undefined {
  const { reducedHashtree } = ats;
  if (!reducedHashtree) return ats.imprint.digest;
  const root = rootOfReduced(ats.effectiveDigestAlgorithm, reducedHashtree, hashNode);
  return root && ats.imprint.algorithm !== ats.effectiveDigestAlgorithm
    ? digest(ats.imprint.algorithm, root)
    : root;
}

/** The hash values that an archive timestamp is directly about. */
function firstListOf(ats: ArchiveTimeStamp): PartialHashtree {
  const { reducedHashtree } = ats;
  if (reducedHashtree) return reducedHashtree[0] ?? [];
  // A lone imprint under another algorithm than the field's is the hash of nothing we could name.
  return ats.imprint.algorithm === ats.effectiveDigestAlgorithm ? [ats.imprint.digest] : [];
}

/**
 * Walks the whole record once. Each token is hashed once per algorithm and form, each older sequence
 * once per form; the parser's limits bound the sum. `hashNode`: another way to the nodes of trees.
 * @throws FormatError ERR_FORMAT_LIMIT where stored BER has more elements than a re-encoding may have
 */
export function walkEvidenceRecord(
  record: EvidenceRecord,
  dataObjects: readonly EvidenceDataObject[],
  at: Temporal.Instant,
  hashNode?: NodeHasher,
): Walk {
  const { chains } = record.sequence;
  const genTimes = chains.flatMap((chain) =>
    chain.archiveTimeStamps.map(({ token }) => token.tstInfo.genTime),
  );
  // Of one archive timestamp alone nothing is asked.
  let hasher: FormHasher | undefined;
  const hasherOf = (): FormHasher => (hasher ??= createFormHasher(record.xml ? 'one' : 'both'));
  const steps: WalkedArchiveTimeStamp[] = [];
  for (const [chainIndex, chain] of chains.entries()) {
    for (const [index, archiveTimeStamp] of chain.archiveTimeStamps.entries()) {
      const { effectiveDigestAlgorithm: algorithm, reducedHashtree, imprint } = archiveTimeStamp;
      const firstList = firstListOf(archiveTimeStamp);
      const valuesOf = valuesUnder(record, chainIndex, algorithm);
      const expectedImprint = imprintOf(archiveTimeStamp, hashNode);
      const kind =
        index > 0 ? 'timestamp-renewal' : chainIndex > 0 ? 'hash-tree-renewal' : 'initial';
      const covered =
        kind === 'timestamp-renewal'
          ? coverPreviousToken(
              firstList,
              algorithm,
              chain.archiveTimeStamps.slice(0, index),
              hasherOf(),
            )
          : kind === 'hash-tree-renewal'
            ? record.xml
              ? coverXmlRenewal(
                  firstList,
                  algorithm,
                  dataObjects,
                  valuesOf,
                  record.xml.olderSequence(chainIndex),
                )
              : coverRenewedDataObjects(
                  firstList,
                  algorithm,
                  dataObjects,
                  chains.slice(0, chainIndex).map(({ raw }) => raw),
                  hasherOf(),
                )
            : coverDataObjects(firstList, dataObjects, valuesOf);
      steps.push({
        kind,
        chainIndex,
        index,
        archiveTimeStamp,
        chainAlgorithm: chain.digestAlgorithm,
        genTime: archiveTimeStamp.token.tstInfo.genTime,
        imprint,
        expectedImprint,
        imprintIntact: reducedHashtree
          ? expectedImprint !== undefined && equalBytes(expectedImprint, imprint.digest)
          : firstList.length > 0 && covered.orphanDigests.length === 0,
        listSizes: reducedHashtree?.map((list) => list.length) ?? [],
        firstList,
        covers: covered.covers,
        coversPrevious: covered.complete,
        orphanDigests: covered.orphanDigests,
        undecided: covered.undecided,
        verifiedAt: genTimes[steps.length + 1] ?? at,
      });
    }
  }
  return { record, dataObjects, at, steps };
}
