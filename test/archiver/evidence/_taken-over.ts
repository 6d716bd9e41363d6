// Records as other products make them, in shapes that this archive never writes, taken over into a small
// archive and renewed there. One list, so that what we accept is also shown to other judges.
import { toHex } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { reEncodeAsDer } from '#shared/der/re-encode.ts';
import {
  buildArchiveTimeStamp,
  buildArchiveTimeStampChain,
  buildArchiveTimeStampSequence,
  buildEvidenceRecord,
} from '#shared/ers/build.ts';
import { leafDigest } from '#shared/ers/hash-tree.ts';
import { parseRecord } from '#shared/ers/record-form.ts';
import { createAssembler } from '../../../archiver/evidence/assemble.ts';
import { renewHashTree } from '../../../archiver/evidence/renew-hash-tree.ts';
import { renewTimestamps } from '../../../archiver/evidence/renew-timestamps.ts';
import { takeOver, type TakeOverOutcome } from '../../../archiver/evidence/take-over.ts';
import type {
  EvidenceContext,
  GroupMember,
  GroupPosition,
  StampOutcome,
  TokenVerification,
} from '../../../archiver/evidence/types.ts';
import {
  createArchive,
  recordOf,
  renewHashTree as renewForeignHashTree,
  renewTimestamps as renewForeignTimestamps,
} from '../../shared/ers/_archive.ts';
import { archiveAfter, firstTime, type RenewalStep } from '../../shared/ers/_cases.ts';
import { createTestTsu, type TestTsu, type TokenForm } from '../../shared/ers/_tokens.ts';
import { makeForeignXml, xmlStyles } from './_foreign-xml.ts';
import { createWorld, signal, type World } from './_world.ts';

const contents: readonly Uint8Array[] = [Buffer.from('document 1.0'), Buffer.from('document 1.1')];

/** A record of another product and the data objects that stand beside it. */
export type ForeignRecord = {
  readonly name: string;
  /**
   * Who accepts such a record before and after: not the strict walk what is not DER; nobody but us a
   * neighbour in the first list and the reading of Figure 4 (docs/standards.md).
   */
  readonly acceptedBy: 'all' | 'libraries' | 'us';
  readonly make: (tsu: TestTsu) => {
    readonly record: Uint8Array;
    readonly documents: readonly Uint8Array[];
  };
};

/** One archive timestamp over the given lists, whatever they are. */
function single(
  tsu: TestTsu,
  lists: readonly (readonly Uint8Array[])[] | undefined,
  imprint: Uint8Array,
  form: TokenForm = 'der',
): Uint8Array {
  const timeStamp = tsu.stamp({ algorithm: 'SHA-256', imprint, genTime: firstTime, form });
  return buildEvidenceRecord({
    digestAlgorithms: ['SHA-256'],
    sequence: buildArchiveTimeStampSequence([
      buildArchiveTimeStampChain([
        buildArchiveTimeStamp({ digestAlgorithm: 'SHA-256', reducedHashtree: lists, timeStamp }),
      ]),
    ]),
  });
}

function ours(steps: readonly RenewalStep[], form: TokenForm, size: number): ForeignRecord {
  return {
    name: `${steps.join(' ') || 'not renewed'}, ${form}, ${size} objects`,
    acceptedBy: 'all',
    make: (tsu) => {
      const archive = archiveAfter(3, size, steps, { tsu, form });
      return { record: recordOf(archive, 1), documents: archive.groups[1] ?? [] };
    },
  };
}

export const foreignRecords: readonly ForeignRecord[] = [
  ours([], 'der', 1),
  ours([], 'ber', 1),
  ours(['timestamp', 'hash-tree', 'timestamp'], 'der', 2),
  ours(['hash-tree', 'hash-tree'], 'evidence', 1),
  {
    name: 'no tree',
    acceptedBy: 'all',
    make: (tsu) => {
      const [document = new Uint8Array()] = contents;
      return { record: single(tsu, undefined, digest('SHA-256', document)), documents: [document] };
    },
  },
  {
    name: 'a neighbour in the first list',
    acceptedBy: 'us',
    make: (tsu) => {
      const [document = new Uint8Array()] = contents;
      const list = [digest('SHA-256', document), digest('SHA-256', Buffer.from('a neighbour'))];
      return { record: single(tsu, [list], leafDigest('SHA-256', list)), documents: [document] };
    },
  },
  {
    name: 'tokens in BER, renewed by a product that hashes them in DER',
    acceptedBy: 'libraries',
    make: (tsu) => {
      const stamping = { tsu, form: 'ber' } as const;
      const first = createArchive('SHA-256', [contents], firstTime, stamping);
      const cover = (tokens: readonly Uint8Array[]) => tokens.map((token) => reEncodeAsDer(token));
      const archive = renewForeignTimestamps(first, { ...stamping, cover });
      return { record: recordOf(archive, 0), documents: contents };
    },
  },
  {
    name: 'a hash-tree renewal in the reading of the figure',
    acceptedBy: 'us',
    make: (tsu) => {
      const first = createArchive('SHA-256', [contents], firstTime, { tsu });
      const join = (
        algorithm: DigestAlgorithm,
        digests: readonly Uint8Array[],
        sequence: Uint8Array,
      ): Uint8Array[] => {
        const older = digest(algorithm, sequence);
        return digests.map((own) =>
          digest(algorithm, ...[own, older].sort((a, b) => Buffer.compare(a, b))),
        );
      };
      const archive = renewForeignHashTree(first, 'SHA-384', { tsu, join });
      return { record: recordOf(archive, 0), documents: contents };
    },
  },
];

function inXml(style: string, steps: readonly RenewalStep[], size: number): ForeignRecord {
  const found = xmlStyles[style];
  if (!found) throw new Error(`no style ${style}`);
  const documents = contents.slice(0, size);
  return {
    name: `in XML, ${style}, ${steps.join(' ') || 'not renewed'}, ${size} objects`,
    // The schema asks for a CanonicalizationMethod, and EU DSS for what the schema asks.
    acceptedBy: found.method ? 'all' : 'us',
    make: (tsu) => ({ record: makeForeignXml(tsu, documents, steps, found), documents }),
  };
}

/** The same in XML: EU DSS alone judges them beside us. */
export const foreignXmlRecords: readonly ForeignRecord[] = [
  inXml('plain', [], 1),
  inXml('prefixed', ['timestamp'], 2),
  inXml('prefixed', ['hash-tree', 'timestamp'], 1),
  inXml('ber', ['timestamp', 'hash-tree'], 2),
  inXml('unnamed', ['timestamp'], 1),
];

/** A world whose archive trusts the TSU of another product. */
export function createTakingWorld(): { readonly world: World; readonly tsu: TestTsu } {
  return { world: createWorld('2015-01-01T00:00:00Z'), tsu: createTestTsu('Another product') };
}

/** Trust in both, as the configuration gives it for documents. */
export function bothTrusted(world: World, tsu: TestTsu): TokenVerification {
  const { anchors } = world.verification;
  return { ...world.verification, anchors: [...anchors, tsu.anchor], revocationMode: 'soft' };
}

export async function contextOf(world: World, tsu: TestTsu): Promise<EvidenceContext> {
  const context = await world.context();
  const verification = { ...world.verification, takenOver: bothTrusted(world, tsu) };
  return { ...context, tsa: { ...context.tsa, verification } };
}

/** The document and its companions as members, kept where renewals read them. */
function membersOf(
  world: World,
  record: Uint8Array,
  documents: readonly Uint8Array[],
): readonly GroupMember[] {
  const algorithms = parseRecord(record).sequence.chains.map(
    ({ digestAlgorithm }) => digestAlgorithm,
  );
  return documents.map((content, index) => {
    const key = `foreign/${index}`;
    world.documents.set(key, content);
    return {
      store: 'documents',
      key,
      size: content.length,
      role: index === 0 ? 'document' : 'detached-signature',
      digests: {
        ...Object.fromEntries(algorithms.map((each) => [each, toHex(digest(each, content))])),
        'SHA-256': toHex(digest('SHA-256', content)),
      },
    };
  });
}

export async function takeInto(
  world: World,
  tsu: TestTsu,
  record: Uint8Array,
  documents: readonly Uint8Array[],
): Promise<TakeOverOutcome> {
  const [document, ...attached] = membersOf(world, record, documents);
  if (!document) throw new Error('a record of nothing');
  return takeOver(await contextOf(world, tsu), { octets: record, document, attached });
}

function committed(outcome: StampOutcome): string {
  if (outcome.kind === 'committed') return outcome.manifest.id;
  throw new Error(`not committed: ${JSON.stringify(outcome)}`);
}

/** The record as it stands after these renewals by the archive that took it over. */
export async function renewed(
  world: World,
  tsu: TestTsu,
  batchId: string,
  steps: readonly RenewalStep[],
): Promise<Uint8Array> {
  let at: GroupPosition = { batchId, index: 0 };
  for (const step of steps) {
    world.pass({ years: 2 });
    const context = await contextOf(world, tsu);
    const { digestAlgorithm } = context.chains.manifest(at.batchId);
    if (step === 'timestamp') {
      const batchIds = [at.batchId];
      committed((await renewTimestamps(context, { batchIds, digestAlgorithm })).stamped);
      continue;
    }
    const { stamped } = await renewHashTree(context, {
      toAlgorithm: digestAlgorithm === 'SHA-512' ? 'SHA3-512' : 'SHA-512',
      groups: world.renewalGroups(at.batchId),
      xmlGroups: true,
      onLeftOut: ({ findings }) => Promise.reject(new Error(JSON.stringify(findings))),
    });
    at = { batchId: committed(stamped), index: 0 };
  }
  const { store, chains } = await contextOf(world, tsu);
  return createAssembler(store, chains, { signal }).record(at);
}
