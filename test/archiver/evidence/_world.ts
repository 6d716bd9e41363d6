// A small archive for tests of the evidence room: documents, a clock that is set, a TSA that counts
// what it sells and answers a repeat with the same token, and CRLs as fresh as the clock.
import { createHash } from 'node:crypto';
import { toHex } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { SourceError } from '#shared/errors.ts';
import type { EvidenceRecordVerdict } from '#shared/ers/verdict.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { StatusSource } from '#shared/ports/status-source.ts';
import type { TimestampSource } from '#shared/ports/timestamp-source.ts';
import { addCalendar } from '#shared/time.ts';
import { buildTimeStampToken } from '#shared/tsp/build-token.ts';
import { parseTimeStampReq } from '#shared/tsp/request.ts';
import { buildTimeStampResp } from '#shared/tsp/response.ts';
import { createAssembler } from '../../../archiver/evidence/assemble.ts';
import { loadChainIndex } from '../../../archiver/evidence/chains.ts';
import { judgeRecord } from '../../../archiver/evidence/judge-record.ts';
import { readObjectList } from '../../../archiver/evidence/object-list.ts';
import type {
  BatchId,
  DocumentGroup,
  EvidenceContext,
  GroupMember,
  GroupPosition,
  RenewalGroup,
  TokenVerification,
} from '../../../archiver/evidence/types.ts';
import { anchorOf, issueCrl, issueRoot, issueTsu } from '../../_authority.ts';
import { createMemoryStore, type MemoryStore } from '../../_memory-store.ts';

export const signal = new AbortController().signal;

/** What the TSA does with the next query. */
export type TsaMood =
  'well' | 'unreachable' | 'answer-lost' | 'rejects' | 'garbage' | 'other-imprint' | 'waiting';

export type World = {
  readonly documents: Map<string, Uint8Array>;
  readonly store: MemoryStore;
  /** Tokens sold; a repeat of the same octets is none. */
  readonly sold: () => number;
  readonly asked: () => number;
  readonly now: () => Temporal.Instant;
  readonly setNow: (instant: Temporal.Instant) => void;
  /** Adds calendar time, and replaces the TSU's certificate where it has less than six years left. */
  readonly pass: (span: Temporal.DurationLike) => void;
  readonly setMood: (mood: TsaMood) => void;
  readonly setRevocationKnown: (known: boolean) => void;
  /** Revokes the TSU's certificate in force as compromised. */
  readonly revokeTsu: () => void;
  readonly verification: TokenVerification;
  /** A fresh context over this or another store, its chains read from there. */
  readonly context: (options?: {
    readonly store?: ObjectStore;
    readonly ceiling?: number;
  }) => Promise<EvidenceContext>;
  /** Writes `count` documents of one to `sizes` objects and gives their groups. */
  readonly addGroups: (
    name: string,
    sizes: readonly number[],
    algorithms?: readonly DigestAlgorithm[],
  ) => DocumentGroup[];
  /** The groups of a batch as a hash-tree renewal reads them. */
  readonly renewalGroups: (batchId: BatchId) => AsyncIterable<RenewalGroup>;
  /** The verdict on a position's record against the documents as they are now. */
  readonly judge: (position: GroupPosition) => Promise<EvidenceRecordVerdict>;
};

export async function* each<T>(values: Iterable<T>): AsyncIterable<T> {
  for (const value of values) yield await Promise.resolve(value);
}

export function createWorld(start = '2026-01-01T00:00:00Z'): World {
  let now = Temporal.Instant.from(start);
  const period = { notBefore: '2000-01-01T00:00:00Z', notAfter: '2200-01-01T00:00:00Z' };
  const root = issueRoot(period);
  let generation = 0;
  const nextTsu = () =>
    issueTsu(root, {
      subject: `CN=Test TSU ${(generation += 1)}`,
      notBefore: now.subtract({ hours: 24 }),
      notAfter: addCalendar(now, { years: 10 }),
    });
  let tsu = nextTsu();
  const revoked: { certificate: typeof tsu; at: Temporal.Instant }[] = [];

  const documents = new Map<string, Uint8Array>();
  const store = createMemoryStore({ name: 'evidence', now: () => now });
  const answers = new Map<string, Uint8Array>();
  let asked = 0;
  let mood: TsaMood = 'well';
  let revocationKnown = true;
  let serialNumber = 0n;

  const sell = (request: Uint8Array): Uint8Array => {
    const known = answers.get(toHex(request));
    if (known) return known;
    const { messageImprint, nonce } = parseTimeStampReq(request);
    const other = parseTimeStampReq(request).messageImprint.raw.slice();
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    serialNumber += 1n;
    const token = buildTimeStampToken({
      tstInfo: {
        policy: '1.3.6.1.4.1.32473.1',
        messageImprint: mood === 'other-imprint' ? other : messageImprint.raw,
        serialNumber,
        genTime: now,
        nonce,
      },
      signer: {
        certificate: tsu.certificate,
        chain: [],
        digestAlgorithm: 'SHA-256',
        signatureAlgorithm: tsu.key.algorithm.raw,
        sign: tsu.key.sign,
      },
      certReq: true,
    });
    const answer = buildTimeStampResp({ status: 'granted', token });
    answers.set(toHex(request), answer);
    return answer;
  };

  const source: TimestampSource = {
    name: 'test-tsa',
    exchange: async (request, options) => {
      await Promise.resolve();
      options.signal.throwIfAborted();
      asked += 1;
      switch (mood) {
        case 'unreachable':
          throw new SourceError('ERR_SOURCE_UNREACHABLE', 'refused', { retryable: true });
        case 'answer-lost':
          sell(request);
          throw new SourceError('ERR_SOURCE_TIMEOUT', 'no answer', {
            retryable: true,
            outcomeUnknown: true,
          });
        case 'rejects':
          return buildTimeStampResp({ status: 'rejection', failInfo: ['systemFailure'] });
        case 'waiting':
          return buildTimeStampResp({ status: 'waiting' });
        case 'garbage':
          return new TextEncoder().encode('<html>busy</html>');
        default:
          return sell(request);
      }
    },
  };

  const statusSource: StatusSource = {
    certificatesAndCrlsFor: async (chain, { at }) => {
      await Promise.resolve();
      const missing = chain.map(({ fingerprint }) => ({ fingerprint, reason: 'not reachable' }));
      if (!revocationKnown)
        return { certificates: [root.certificate], crls: [], ocspResponses: [], missing };
      const thisUpdate = at.subtract({ hours: 1 });
      const crl = issueCrl({
        issuer: root,
        thisUpdate,
        revoked: revoked.map((one) => ({ ...one, reason: 'keyCompromise' as const })),
      });
      return { certificates: [root.certificate], crls: [crl], ocspResponses: [], missing: [] };
    },
  };

  const verification: TokenVerification = {
    anchors: [anchorOf(root)],
    certificates: [],
    statusSource,
    revocationMode: 'require',
    clockToleranceSeconds: 60,
  };

  let drawn = 0;
  const random = (length: number): Uint8Array =>
    new Uint8Array(createHash('shake256', { outputLength: length }).update(`${drawn++}`).digest());

  const memberOf = (
    key: string,
    content: Uint8Array,
    algorithms: readonly DigestAlgorithm[],
    role: GroupMember['role'],
  ): GroupMember => ({
    store: 'documents',
    key,
    size: content.length,
    role,
    digests: {
      ...Object.fromEntries(algorithms.map((each) => [each, toHex(digest(each, content))])),
      'SHA-256': toHex(digest('SHA-256', content)),
    },
  });

  const context: World['context'] = async (options = {}) => {
    const over = options.store ?? store;
    let left = options.ceiling ?? 100;
    return {
      store: over,
      chains: await loadChainIndex(over, signal),
      tsa: { source, verification },
      run: {
        runAt: now,
        clock: { now: () => now },
        random,
        budget: { take: (tokens) => left >= tokens && ((left -= tokens), true) },
        events: () => undefined,
        signal,
      },
    };
  };

  return {
    documents,
    store,
    sold: () => answers.size,
    asked: () => asked,
    now: () => now,
    setNow: (instant) => {
      now = instant;
    },
    pass: (span) => {
      now = addCalendar(now, span);
      const enough = addCalendar(now, { years: 6 });
      if (Temporal.Instant.compare(tsu.certificate.notAfter, enough) < 0) tsu = nextTsu();
    },
    setMood: (next) => {
      mood = next;
    },
    setRevocationKnown: (known) => {
      revocationKnown = known;
    },
    revokeTsu: () => {
      revoked.push({ certificate: tsu, at: now });
    },
    verification,
    context,
    addGroups: (name, sizes, algorithms = []) =>
      sizes.map((size, i) => ({
        members: Array.from({ length: size }, (_, member) => {
          const key = `${name}/${i}/${member}`;
          const content = new TextEncoder().encode(`document ${key}`);
          documents.set(key, content);
          return memberOf(
            key,
            content,
            algorithms,
            member === 0 ? 'document' : 'detached-signature',
          );
        }),
      })),
    renewalGroups: async function* (batchId) {
      for await (const { index, members } of readObjectList(store, batchId, signal))
        yield {
          position: { batchId, index },
          members: members.map(({ store: name, key, versionId, size, role }) => ({
            store: name,
            key,
            versionId,
            size,
            role,
            read: async (algorithms) => {
              const content = await Promise.resolve(documents.get(key));
              if (content) return memberOf(key, content, algorithms, role);
              throw new SourceError('ERR_SOURCE_NOT_FOUND', key, { retryable: false });
            },
          })),
        };
    },
    judge: async (position) => {
      const chains = await loadChainIndex(store, signal);
      const assembler = createAssembler(store, chains, { signal });
      const record = await assembler.record(position);
      const blindValue = await assembler.blindValue(position);
      const dataObjects: { name: string; digest: (algorithm: DigestAlgorithm) => Uint8Array }[] =
        [];
      for await (const line of readObjectList(store, position.batchId, signal))
        if (line.index === position.index)
          for (const { key } of line.members)
            dataObjects.push({
              name: key,
              digest: (algorithm) => digest(algorithm, documents.get(key) ?? new Uint8Array(0)),
            });
      if (blindValue)
        dataObjects.push({ name: 'blind', digest: (algorithm) => digest(algorithm, blindValue) });
      return judgeRecord({ record, dataObjects, exactGroup: true, verification, at: now, signal });
    },
  };
}
