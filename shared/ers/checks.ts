// The demands of RFC 4998 on a record, one named check each, in the order of the RFC's steps
// (§4.3, §5.3). A check reads facts that walk.ts recomputed and answers with what it found wrong;
// tokens are judged in verify.ts, by the caller's function.
import { compareBytes } from '#shared/bytes.ts';
import { digestLength, digestOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { isBefore } from '#shared/time.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import type { Walk, WalkedArchiveTimeStamp } from './walk.ts';

/** What the caller asks beyond the record itself. */
export type CheckOptions = {
  /** The data objects are the whole group: other values in a first list are refused. */
  readonly exactGroup: boolean;
  /** Whether a tree hash is secure at an instant; absent: not judged. */
  readonly digestSecure?:
    ((algorithm: DigestAlgorithm, at: Temporal.Instant) => boolean | undefined) | undefined;
};

/** One thing found; `subIndication` only where it differs from the check's own. */
export type CheckResult = Pick<Finding, 'level' | 'message' | 'facts'> & {
  readonly subIndication?: SubIndication;
};

export type EvidenceRecordCheck = {
  readonly name: string;
  readonly clause: string;
  /** The sub-indication of EN 319 102-1 that an error or unknown of this check leads to. */
  readonly subIndication: SubIndication;
  readonly run: (walk: Walk, options: CheckOptions) => readonly CheckResult[];
};

/** Chain and archive timestamp, counted from 1 as in the RFC's figures. */
function place(step: WalkedArchiveTimeStamp): Record<string, string> {
  return { chain: `${step.chainIndex + 1}`, archiveTimeStamp: `${step.index + 1}` };
}

/** Runs `find` on every archive timestamp and adds its place to what it answers. */
function perArchiveTimeStamp(
  find: (
    step: WalkedArchiveTimeStamp,
    walk: Walk,
    options: CheckOptions,
  ) => CheckResult | undefined,
): EvidenceRecordCheck['run'] {
  return (walk, options) => {
    const results: CheckResult[] = [];
    for (const step of walk.steps) {
      const result = find(step, walk, options);
      if (result) results.push({ ...result, facts: { ...place(step), ...result.facts } });
    }
    return results;
  };
}

function missingNames(step: WalkedArchiveTimeStamp, walk: Walk): string[] {
  const found = step.covers.kind === 'previous-token' ? [] : step.covers.found;
  // Of most records none is missing: then there is nothing to compare by name.
  if (found.length === walk.dataObjects.length) return [];
  return walk.dataObjects
    .map(({ name }) => name)
    .filter((name) => !found.includes(name) && !step.undecided.includes(name));
}

/** The two outcomes of looking for data objects in a first list: missing is wrong, no digest is unknown. */
function dataObjectResults(
  step: WalkedArchiveTimeStamp,
  walk: Walk,
  sentence: string,
): CheckResult[] {
  const missing = missingNames(step, walk);
  return [
    ...missing.map((dataObject) => ({
      level: 'error' as const,
      message: `${sentence} ${dataObject}.`,
      facts: { ...place(step), dataObject },
    })),
    ...step.undecided.map((dataObject) => ({
      level: 'unknown' as const,
      subIndication: 'SIGNED_DATA_NOT_FOUND' as const,
      message: `No ${step.archiveTimeStamp.effectiveDigestAlgorithm} digest of ${dataObject} is known.`,
      facts: { ...place(step), dataObject },
    })),
  ];
}

/** In order; exported as data so that a test can leave one out and see that something notices. */
export const evidenceRecordChecks: readonly EvidenceRecordCheck[] = [
  {
    name: 'data-objects-given',
    clause: 'RFC 4998 §4.3 step 1',
    subIndication: 'SIGNED_DATA_NOT_FOUND',
    run: ({ dataObjects }) =>
      dataObjects.length > 0
        ? []
        : [{ level: 'unknown', message: 'No data object was given to prove.', facts: {} }],
  },
  {
    name: 'digest-algorithms-listed',
    clause: 'RFC 4998 §3.1',
    subIndication: 'FORMAT_FAILURE',
    run: ({ record, steps }) =>
      [...new Set(steps.map(({ chainAlgorithm }) => chainAlgorithm))]
        .filter((algorithm) => !record.digestAlgorithms.includes(digestOid(algorithm)))
        .map((algorithm) => ({
          level: 'warning',
          message: `The record's digestAlgorithms do not list ${algorithm}, which a chain uses.`,
          facts: { algorithm },
        })),
  },
  {
    name: 'encryption-stated',
    clause: 'RFC 4998 §6',
    subIndication: 'FORMAT_FAILURE',
    run: ({ record: { encryptionInfo } }) =>
      encryptionInfo
        ? [
            {
              level: 'info',
              message: 'The record is about data objects in encrypted form.',
              facts: { encryptionInfoType: encryptionInfo.type },
            },
          ]
        : [],
  },
  {
    // A value of another length could be an inner node's two halves, or hide one.
    name: 'hash-value-lengths',
    clause: 'RFC 4998 §4.2 step 2',
    subIndication: 'FORMAT_FAILURE',
    run: perArchiveTimeStamp(({ archiveTimeStamp, imprint }) => {
      const algorithm = archiveTimeStamp.effectiveDigestAlgorithm;
      const length = digestLength(algorithm);
      const lists = archiveTimeStamp.reducedHashtree ?? [];
      const fits =
        lists.every((list) => list.length > 0 && list.every((value) => value.length === length)) &&
        imprint.digest.length === digestLength(imprint.algorithm);
      return fits
        ? undefined
        : {
            level: 'error',
            message: `A hash list is empty, or a hash value is not of the length of ${algorithm}.`,
            facts: { algorithm },
          };
    }),
  },
  {
    name: 'hash-values-in-order',
    clause: 'RFC 4998 §4.2, reduction, step 2',
    subIndication: 'FORMAT_FAILURE',
    run: perArchiveTimeStamp(({ archiveTimeStamp: { reducedHashtree = [] } }) =>
      reducedHashtree.some((list) =>
        list.some((value, index) => {
          const next = list[index + 1];
          return next !== undefined && compareBytes(value, next) > 0;
        }),
      )
        ? {
            level: 'info',
            message: 'A hash list is stored out of order; its values were sorted before hashing.',
            facts: {},
          }
        : undefined,
    ),
  },
  {
    name: 'one-digest-algorithm-per-chain',
    clause: 'RFC 4998 §5.3 step 2 c',
    subIndication: 'FORMAT_FAILURE',
    run: perArchiveTimeStamp(({ archiveTimeStamp, chainAlgorithm }) =>
      archiveTimeStamp.effectiveDigestAlgorithm === chainAlgorithm
        ? undefined
        : {
            level: 'error',
            message: `The hash algorithm is not ${chainAlgorithm}, the one of its chain.`,
            facts: { algorithm: archiveTimeStamp.effectiveDigestAlgorithm },
          },
    ),
  },
  {
    name: 'times-in-order',
    clause: 'RFC 4998 §5.1',
    subIndication: 'TIMESTAMP_ORDER_FAILURE',
    run: ({ steps }) =>
      steps.flatMap((step, position) => {
        const before = steps[position - 1];
        if (!before || !isBefore(step.genTime, before.genTime)) return [];
        return [
          {
            level: 'error',
            message: 'The archive timestamp is older than the one before it.',
            facts: {
              ...place(step),
              genTime: step.genTime.toString(),
              before: before.genTime.toString(),
            },
          },
        ];
      }),
  },
  {
    name: 'imprint-algorithm',
    clause: 'RFC 4998 §4.2, §4.3 step 4',
    subIndication: 'FORMAT_FAILURE',
    run: perArchiveTimeStamp(({ archiveTimeStamp, imprint }) =>
      archiveTimeStamp.effectiveDigestAlgorithm === imprint.algorithm
        ? undefined
        : {
            level: 'warning',
            message: `The timestamp's imprint is made with ${imprint.algorithm}, not with the hash algorithm of the tree; other verifiers may refuse it.`,
            facts: { algorithm: imprint.algorithm },
          },
    ),
  },
  {
    name: 'root-is-imprint',
    clause: 'RFC 4998 §4.3 step 4',
    subIndication: 'HASH_FAILURE',
    run: perArchiveTimeStamp((step) =>
      step.imprintIntact || !step.archiveTimeStamp.reducedHashtree
        ? undefined
        : {
            level: 'error',
            message: 'The reduced hash tree does not lead to the imprint of the timestamp.',
            facts: {},
          },
    ),
  },
  {
    name: 'initial-covers-data-objects',
    clause: 'RFC 4998 §5.3 step 1',
    subIndication: 'HASH_FAILURE',
    run: (walk) =>
      walk.steps
        .filter(({ kind }) => kind === 'initial')
        .flatMap((step) =>
          dataObjectResults(
            step,
            walk,
            'The first hash list of the initial archive timestamp does not hold',
          ),
        ),
  },
  {
    name: 'renewal-covers-previous-token',
    clause: 'RFC 4998 §5.3 step 2 a',
    subIndication: 'HASH_FAILURE',
    run: perArchiveTimeStamp((step) =>
      step.covers.kind !== 'previous-token' || step.coversPrevious
        ? undefined
        : {
            level: 'error',
            message: 'The first hash list does not hold the hash of the timestamp before it.',
            facts: { earlierTokens: `${step.covers.earlierTokens}` },
          },
    ),
  },
  {
    name: 'renewal-covers-data-objects-and-sequence',
    clause: 'RFC 4998 §5.3 step 3 a',
    subIndication: 'HASH_FAILURE',
    run: (walk) =>
      walk.steps
        .filter(({ kind }) => kind === 'hash-tree-renewal')
        .flatMap((step) =>
          dataObjectResults(
            step,
            walk,
            'The hash-tree renewal does not hold the hash of the older chains with',
          ),
        ),
  },
  {
    // In XML the older chains stand beside the data objects, so that they can be told without these.
    name: 'renewal-covers-sequence',
    clause: 'RFC 6283 §4.2.2',
    subIndication: 'HASH_FAILURE',
    run: perArchiveTimeStamp(({ covers }, { record }) =>
      record.xml === undefined ||
      covers.kind !== 'data-objects-and-sequence' ||
      covers.form !== undefined
        ? undefined
        : {
            level: 'error',
            message: 'The first hash list does not hold the hash of the older chains.',
            facts: {},
          },
    ),
  },
  {
    name: 'renewal-reading',
    clause: 'RFC 4998 §5.2 step 4, Figure 4',
    subIndication: 'HASH_FAILURE',
    run: perArchiveTimeStamp(({ covers }) =>
      covers.kind === 'data-objects-and-sequence' && covers.reading === 'sorted'
        ? {
            level: 'warning',
            message:
              'The hash-tree renewal sorts document hash and sequence hash (Figure 4) instead of keeping their order; other verifiers may refuse it.',
            facts: { reading: covers.reading },
          }
        : undefined,
    ),
  },
  {
    name: 'hashed-form',
    clause: 'RFC 4998 §5.2 step 3',
    subIndication: 'HASH_FAILURE',
    run: perArchiveTimeStamp(({ covers }) =>
      covers.kind !== 'data-objects' && covers.form === 'der'
        ? {
            level: 'info',
            message: 'The DER re-encoding of what came before was hashed, not its stored octets.',
            facts: { form: covers.form },
          }
        : undefined,
    ),
  },
  {
    name: 'group-complete',
    clause: 'RFC 4998 §4.3, §5.3, last paragraphs',
    subIndication: 'SIGNED_DATA_NOT_FOUND',
    run: perArchiveTimeStamp((step, _walk, { exactGroup }) =>
      step.kind === 'timestamp-renewal' || step.orphanDigests.length === 0
        ? undefined
        : {
            level: exactGroup ? 'error' : 'info',
            message: 'The first hash list holds values of data objects that were not given.',
            facts: { count: `${step.orphanDigests.length}` },
          },
    ),
  },
  {
    name: 'digest-algorithm-secure-until-renewal',
    clause: 'RFC 4998 §5.3 step 2 d',
    subIndication: 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
    run: ({ steps, at }, { digestSecure }) =>
      steps
        .filter(({ index }) => index === 0)
        .flatMap((step, position, firsts) => {
          const until = firsts[position + 1]?.genTime ?? at;
          if (!digestSecure || digestSecure(step.chainAlgorithm, until) === true) return [];
          return [
            {
              level: 'unknown',
              message: `${step.chainAlgorithm} is not known to be secure when the next chain begins.`,
              facts: { ...place(step), algorithm: step.chainAlgorithm, until: until.toString() },
            },
          ];
        }),
  },
];
