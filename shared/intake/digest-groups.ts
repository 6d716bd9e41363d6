// What comes in to be proved without its documents: data object groups of digests (RFC 4998 §4.2 step 1), read
// from what a program sends as JSON, within limits. Who may send it, and what becomes of it, is for the programs.
import { fromBase64, fromHex, toHex } from '#shared/bytes.ts';
import {
  digest,
  digestLength,
  isDigestAlgorithm,
  type DigestAlgorithm,
} from '#shared/crypto/digest.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';

/** Groups in the order in which their records are wanted; every digest is of `algorithm`'s length. */
export type DigestGroups = {
  readonly algorithm: DigestAlgorithm;
  /** Never empty, and no group is. */
  readonly groups: readonly (readonly Uint8Array[])[];
};

export type DigestLimits = {
  readonly groups: number;
  readonly digestsOfGroup: number;
};

/** A document, its signatures, their validation data: more than that is a mistake. */
export const maxDigestsOfGroup = 64;

function refuse(message: string): FormatError {
  return new FormatError('ERR_FORMAT_DIGESTS', message, { clause: 'RFC 4998 §4.2' });
}

/** Hexadecimal or base64, told apart by their lengths. */
function digestOf(value: unknown, algorithm: DigestAlgorithm, place: string): Uint8Array {
  const length = digestLength(algorithm);
  const octets =
    typeof value !== 'string'
      ? undefined
      : value.length === 2 * length
        ? fromHex(value.toLowerCase())
        : fromBase64(value);
  if (octets?.length === length) return octets;
  throw refuse(`${place} is no digest of ${algorithm}: ${length} octets in hexadecimal or base64`);
}

function groupOf(
  value: unknown,
  algorithm: DigestAlgorithm,
  place: string,
  { digestsOfGroup }: DigestLimits,
): readonly Uint8Array[] {
  if (!Array.isArray(value) || value.length === 0) throw refuse(`${place} is no list of digests`);
  if (value.length > digestsOfGroup)
    throw refuse(`${place} has ${value.length} digests; a group has at most ${digestsOfGroup}`);
  const digests = value.map((each, i) => digestOf(each, algorithm, `${place}[${i}]`));
  // The same object twice says nothing, and implementations differ in whether they hash it twice.
  if (new Set(digests.map(toHex)).size < digests.length)
    throw refuse(`${place} names a digest twice`);
  return digests;
}

/**
 * Reads `{ hashAlgorithm, digests }`, one group, or `{ hashAlgorithm, groups }`, each with a record of its own.
 * @throws FormatError ERR_FORMAT_DIGESTS: it is something else, or more than the limits
 * @throws UnsupportedError ERR_UNSUPPORTED_ALGORITHM
 */
export function readDigestGroups(value: unknown, limits: DigestLimits): DigestGroups {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse('an object with hashAlgorithm and digests or groups is expected');
  const { hashAlgorithm, digests, groups, ...others } = value as Record<string, unknown>;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined)
    throw refuse(`there is no key ${JSON.stringify(unknown.slice(0, 64))}`);
  if (typeof hashAlgorithm !== 'string') throw refuse('hashAlgorithm is missing');
  if (!isDigestAlgorithm(hashAlgorithm))
    throw new UnsupportedError(
      'ERR_UNSUPPORTED_ALGORITHM',
      `hashAlgorithm ${JSON.stringify(hashAlgorithm.slice(0, 64))} is not known`,
      { feature: 'hashAlgorithm' },
    );
  if ((digests === undefined) === (groups === undefined))
    throw refuse('either digests (one group) or groups is expected');
  if (digests !== undefined)
    return {
      algorithm: hashAlgorithm,
      groups: [groupOf(digests, hashAlgorithm, 'digests', limits)],
    };
  if (!Array.isArray(groups) || groups.length === 0) throw refuse('groups is no list of groups');
  if (groups.length > limits.groups)
    throw refuse(`${groups.length} groups; a request has at most ${limits.groups}`);
  return {
    algorithm: hashAlgorithm,
    groups: groups.map((each, i) => groupOf(each, hashAlgorithm, `groups[${i}]`, limits)),
  };
}

/**
 * A name for exactly these groups from exactly this sender: 32 hexadecimal digits. What is sent twice has one name,
 * and nobody can tell it who does not know both.
 */
export function nameOfGroups(
  sender: readonly string[],
  { algorithm, groups }: DigestGroups,
): string {
  const head = Buffer.from(JSON.stringify([sender, algorithm, groups.map(({ length }) => length)]));
  return toHex(digest('SHA-256', head, ...groups.flat()).subarray(0, 16));
}
