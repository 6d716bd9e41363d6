// What proofs hang on, by end date, with how many documents: certificates of signers, TSUs and
// authorities, and algorithms with the end that the algorithm profile gives them.
import { isDigestAlgorithm, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  askProfile,
  type AlgorithmProfile,
  type AlgorithmQuestion,
} from '#shared/policy/algorithm-policy.ts';
import type { BatchRow, Catalogue } from '#shared/ports/catalogue.ts';
import type { AlgorithmUse, Facts } from '#shared/validation/facts.ts';
import { signatureScheme, type HorizonToken } from '#shared/validation/proof-horizon.ts';
import type { DependencyLine } from './report.ts';

/** Lines by what they name; their number is that of algorithms and tokens, not of documents. */
type Tally = Map<string, DependencyLine>;

function add(tally: Tally, line: DependencyLine, name = line.name): void {
  const key = JSON.stringify([line.kind, line.role, name]);
  const known = tally.get(key);
  tally.set(key, known ? { ...known, documents: known.documents + line.documents } : line);
}

type EndAndStatus = Pick<DependencyLine, 'end' | 'status'>;

function certificateEnd(notAfter: string, at: Temporal.Instant): EndAndStatus {
  const ended = Temporal.Instant.compare(Temporal.Instant.from(notAfter), at) <= 0;
  return { end: notAfter, status: ended ? 'ended' : 'in-force' };
}

function algorithmEnd(
  question: AlgorithmQuestion,
  profile: AlgorithmProfile,
  at: Temporal.Instant,
): EndAndStatus {
  const answer = askProfile(profile, question);
  if (answer.kind === 'absent') return { end: undefined, status: 'not-listed' };
  if (answer.endExclusive === undefined) return { end: undefined, status: 'no-end' };
  return certificateEnd(answer.endExclusive.toString(), at);
}

function signatureQuestion(signature: HorizonToken['signature']): AlgorithmQuestion {
  return {
    kind: 'signature',
    scheme: signatureScheme(signature),
    digest: signature.digest,
    keyBits: signature.key.bits,
    curve: signature.key.curve,
  };
}

/** Scheme and key in one name, as proof horizons name them: `ECDSA P-256`, `RSASSA-PSS 2048`. */
function signatureName(signature: HorizonToken['signature']): string {
  const { key } = signature;
  return `${signatureScheme(signature)} ${key.curve ?? key.bits}`;
}

function useLine(
  use: AlgorithmUse,
  profile: AlgorithmProfile,
  at: Temporal.Instant,
): DependencyLine | undefined {
  const line = { kind: 'algorithm', role: use.usedBy, documents: 1 } as const;
  if (use.kind === 'signature') {
    if (!use.key) return undefined;
    const signature = { name: use.name, key: use.key };
    const end = algorithmEnd(signatureQuestion(signature), profile, at);
    return { ...line, ...end, name: signatureName(signature) };
  }
  const end = isDigestAlgorithm(use.name)
    ? algorithmEnd({ kind: 'digest', digest: use.name }, profile, at)
    : ({ end: undefined, status: 'not-listed' } as const);
  return { ...line, ...end, name: use.name };
}

/** Gathers the lines of one pass over documents and batches. */
export type DependencyTally = {
  readonly addDocument: (facts: Facts) => void;
  readonly addBatch: (batch: BatchRow, documents: number) => void;
  /** By end date; what has no end comes last. */
  readonly lines: () => readonly DependencyLine[];
};

/** Ascending by end, then by name, so that the same state gives the same order. */
function compareDependencies(a: DependencyLine, b: DependencyLine): number {
  const order = (line: DependencyLine): string =>
    line.status === 'not-listed' ? '' : (line.end ?? '~');
  const [x, y] = [`${order(a)} ${a.name} ${a.role}`, `${order(b)} ${b.name} ${b.role}`];
  return x < y ? -1 : x > y ? 1 : 0;
}

export function tallyDependencies(
  profile: AlgorithmProfile,
  at: Temporal.Instant,
): DependencyTally {
  const tally: Tally = new Map();
  const addDigest = (digest: DigestAlgorithm, role: string, documents: number): void => {
    const end = algorithmEnd({ kind: 'digest', digest }, profile, at);
    add(tally, { kind: 'algorithm', name: digest, role, ...end, documents });
  };
  // Few algorithms, many documents: the policies are asked once for each.
  const asked = new Map<string, DependencyLine | undefined>();
  const lineOf = (use: AlgorithmUse): DependencyLine | undefined => {
    const key = JSON.stringify(use);
    if (!asked.has(key)) asked.set(key, useLine(use, profile, at));
    return asked.get(key);
  };
  return {
    addDocument: (facts) => {
      const lines = facts.algorithms.flatMap((use) => lineOf(use) ?? []);
      // One scheme has several identifiers: the document still counts once.
      const once = new Map(lines.map((line) => [`${line.role} ${line.name}`, line]));
      for (const line of once.values()) add(tally, line);
    },
    addBatch: (batch, documents) => {
      const { chain, signature, imprintAlgorithm } = batch.newestToken;
      chain.forEach((certificate, index) => {
        const last = index === chain.length - 1 && chain.length > 1;
        const role = last ? 'evidence-anchor' : index === 0 ? 'evidence-tsu' : 'evidence-ca';
        add(
          tally,
          {
            kind: 'certificate',
            name: certificate.subject,
            role,
            ...certificateEnd(certificate.notAfter, at),
            documents,
          },
          certificate.fingerprint,
        );
      });
      const end = algorithmEnd(signatureQuestion(signature), profile, at);
      const name = signatureName(signature);
      add(tally, { kind: 'algorithm', name, role: 'evidence-token', ...end, documents });
      for (const digest of new Set([signature.digest ?? imprintAlgorithm, imprintAlgorithm]))
        addDigest(digest, 'evidence-token', documents);
      addDigest(batch.digestAlgorithm, 'evidence-tree', documents);
    },
    lines: () => [...tally.values()].toSorted(compareDependencies),
  };
}

async function* certificateLines(
  catalogue: Catalogue,
  at: Temporal.Instant,
): AsyncIterable<DependencyLine> {
  for await (const row of catalogue.dependencies()) {
    // Algorithms are counted with their keys in the pass over the documents.
    if (row.kind !== 'certificate' || !row.end) continue;
    yield { ...row, kind: 'certificate', ...certificateEnd(row.end.toString(), at) };
  }
}

/**
 * All lines by end date: the counted ones merged into the certificates of documents, which the
 * catalogue streams in that order.
 */
export async function* dependencyLines(
  catalogue: Catalogue,
  counted: readonly DependencyLine[],
  at: Temporal.Instant,
): AsyncIterable<DependencyLine> {
  const waiting = [...counted];
  for await (const line of certificateLines(catalogue, at)) {
    for (let next = waiting[0]; next && compareDependencies(next, line) <= 0; next = waiting[0]) {
      yield next;
      waiting.shift();
    }
    yield line;
  }
  yield* waiting;
}
