// Judges a batch afresh from the store, as a stranger would: documented layouts, shared/ verifiers, and
// nothing of the code that wrote it but types (design §1, invariant 1). Runs before the manifest
// is written, and whenever fixity reads a batch again. Records are judged by judge-record.ts.
import { equalBytes, fromHex, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { FormatError, SourceError, UnsupportedError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { readAgain } from '#shared/tsp/second-reading.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import type { ChainIndex } from './chains.ts';
import { createCoveredTokens } from './read-back-covered.ts';
import {
  createRootCounter,
  readGroups,
  readHeader,
  readJsonLines,
  type ReadGroup,
} from './read-back-table.ts';
import type { BatchManifest, TokenVerification } from './types.ts';

export type ReadBackOptions = {
  readonly chains: ChainIndex;
  readonly verification: TokenVerification;
  /** The instant as of which the token must hold. */
  readonly at: Temporal.Instant;
  readonly signal: AbortSignal;
};

type Reading = ReadBackOptions & {
  readonly store: ObjectStore;
  readonly manifest: BatchManifest;
  /** Adds an error. */
  readonly fail: (check: string, clause: string, message: string) => void;
};

/**
 * Everything of one batch but its manifest, read from the store. No finding of level error or
 * unknown: table, token, answer, object list and covered tokens fit one another.
 * @throws what the store throws, an absent object aside, which is a finding
 */
export async function readBackBatch(
  store: ObjectStore,
  manifest: BatchManifest,
  options: ReadBackOptions,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const reading: Reading = {
    ...options,
    store,
    manifest,
    fail: (check, clause, message) => {
      const facts = { batchId: manifest.id };
      findings.push({ check, clause, level: 'error', message, facts });
    },
  };
  try {
    const root = await readBackTable(reading);
    const token = await readBackToken(reading, root, findings);
    await readBackAnswer(reading, token);
  } catch (error) {
    const absent = error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND';
    const unreadable = error instanceof FormatError || error instanceof UnsupportedError;
    if (!absent && !unreadable) throw error;
    reading.fail('stored-as-written', 'design §1', error.message);
  }
  return findings;
}

function keyOf(id: string, name: string): string {
  return `batches/${id}/${name}`;
}

async function readObject(reading: Reading, id: string, name: string): Promise<Uint8Array> {
  const { store, signal } = reading;
  const { body } = await store.read(keyOf(id, name), { signal });
  return new Uint8Array(Buffer.concat(await Array.fromAsync(body)));
}

/** Recomputes the root from every group, and checks each group against what it stands for. */
async function readBackTable(reading: Reading): Promise<Uint8Array> {
  const { store, manifest, signal } = reading;
  const source = { store, key: keyOf(manifest.id, 'leaves.tkl'), signal };
  const header = await readHeader(source);
  const sameTable =
    header.digestAlgorithm === manifest.digestAlgorithm &&
    header.groupCount === manifest.groupCount &&
    header.memberCount === manifest.memberCount &&
    header.blind === manifest.blind &&
    header.hasPrevious === (manifest.kind === 'hash-tree-renewal');
  if (!sameTable)
    reading.fail('leaf-table-of-manifest', 'design §3', 'The leaf table is not the manifest’s.');
  const counter = createRootCounter(header.digestAlgorithm);
  await using check =
    manifest.kind === 'timestamp-renewal' ? checkCoveredTokens(reading) : checkListed(reading);
  for await (const group of readGroups(source, header)) {
    counter.add(group.leaf);
    if (!group.leafFits)
      reading.fail(
        'members-fit-leaf',
        'RFC 4998 §4.2.1 step 3',
        `The members of group ${group.index} do not give its leaf.`,
      );
    await check.group(group);
  }
  const root = counter.root() ?? new Uint8Array(0);
  if (!equalBytes(root, header.root) || toHex(root) !== manifest.root)
    reading.fail('leaf-table-leads-to-root', 'RFC 4998 §4.2', 'The leaves give another root.');
  return root;
}

/** A list that is left half-way would hold its file open. */
type GroupCheck = AsyncDisposable & { readonly group: (group: ReadGroup) => Promise<void> };

function sameValues(a: readonly string[], b: readonly Uint8Array[]): boolean {
  const left = new Set(a);
  const right = new Set(b.map(toHex));
  return left.size === right.size && left.isSubsetOf(right);
}

/** RFC 4998 §5.2, RFC 6283 §4.2.1: a renewal's group is every token of the batch's chain as it then was. */
function checkCoveredTokens(reading: Reading): GroupCheck {
  const { chains, manifest } = reading;
  const read = (id: string, name: string): Promise<Uint8Array> => readObject(reading, id, name);
  const fits = createCoveredTokens({ chains, manifest, read });
  return {
    group: async (group) => {
      if (!(await fits(group)))
        reading.fail(
          'renewal-covers-tokens',
          'RFC 4998 §5.2',
          `Group ${group.index} is not the tokens of the chain that it renews.`,
        );
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

type Line = {
  readonly index?: unknown;
  readonly members?: readonly { readonly digests?: Readonly<Record<string, string>> }[];
};

/**
 * Object list and table side by side. A line that is gone is a deletion. What a hash-tree renewal
 * hashes beside the document is judged with the whole record; here only that its line is in place.
 */
function checkListed(reading: Reading): GroupCheck {
  const { store, manifest, signal } = reading;
  const source = { store, key: keyOf(manifest.id, 'objects.jsonl'), signal };
  const lines = readJsonLines(source)[Symbol.asyncIterator]();
  let line: Line | undefined;
  let started = false;
  const advance = async (): Promise<void> => {
    const next = await lines.next();
    line = next.done ? undefined : (next.value as Line);
  };
  const group: GroupCheck['group'] = async ({ index, members: stored, blindValue }) => {
    if (!started) {
      started = true;
      await advance();
      await advance();
    }
    if (line?.index !== index) return;
    const { members = [] } = line;
    await advance();
    if (manifest.kind !== 'initial') return;
    const listed = members.map((member) => member.digests?.[manifest.digestAlgorithm] ?? '');
    if (blindValue) listed.push(toHex(digest(manifest.digestAlgorithm, blindValue)));
    if (!sameValues(listed, stored))
      reading.fail(
        'listed-objects-fit-members',
        'RFC 4998 §4.2',
        `The objects listed for group ${index} are not those of its leaf.`,
      );
  };
  return {
    group,
    [Symbol.asyncDispose]: async () => {
      await lines.return?.();
    },
  };
}

async function readBackToken(
  reading: Reading,
  root: Uint8Array,
  findings: Finding[],
): Promise<TimeStampToken> {
  const { manifest, verification, at, signal } = reading;
  const token = parseTimeStampToken(await readObject(reading, manifest.id, 'token.der'));
  const known = await verification.statusSource.certificatesAndCrlsFor(
    [...token.signedData.certificates, ...verification.certificates],
    { at, signal },
  );
  const verdict = verifyToken(token, {
    imprint: { algorithm: manifest.digestAlgorithm, digest: root },
    anchors: verification.anchors,
    certificates: [...verification.certificates, ...known.certificates],
    crls: known.crls,
    ocspResponses: known.ocspResponses,
    at,
    algorithmPolicy: verification.algorithmPolicy,
    revocationMode: verification.revocationMode,
  });
  if (verdict.status !== 'valid') {
    findings.push(...verdict.findings);
    reading.fail('token-valid', 'RFC 4998 §5.3', `The stored token is ${verdict.status}.`);
  }
  const again = readAgain(token);
  if (again.kind === 'differs')
    reading.fail(
      'second-reader-agrees',
      'RFC 3161 §2.4.2',
      `Another reader sees another ${again.fields.join(', ')} in the stored token.`,
    );
  if (again.kind === 'unreadable')
    findings.push({
      check: 'second-reader-agrees',
      clause: 'RFC 3161 §2.4.2',
      level: 'warning',
      message: `Another reader cannot read the stored token: ${again.reason}`,
      facts: { batchId: manifest.id },
    });
  if (!token.tstInfo.genTime.equals(manifest.genTime))
    reading.fail('manifest-names-token', 'design §3', 'The manifest names another genTime.');
  return token;
}

/** The evidence form signs what the answer as received signed. */
async function readBackAnswer(reading: Reading, token: TimeStampToken): Promise<void> {
  const { manifest } = reading;
  const octets = await readObject(reading, manifest.id, 'received.tsr');
  const received = parseTimeStampResp(octets).token;
  const unchanged = equalBytes(
    digest('SHA-256', octets),
    fromHex(manifest.receivedSha256) ?? new Uint8Array(0),
  );
  if (
    !unchanged ||
    !received ||
    !equalBytes(parseTimeStampToken(received).tstInfo.raw, token.tstInfo.raw)
  )
    reading.fail('answer-as-received', 'design §3', 'The answer is not the one received.');
}
