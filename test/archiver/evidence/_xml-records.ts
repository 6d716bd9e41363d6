// Records of one archive in both forms, after renewals of both kinds, with what the damaged ones lack: shown to
// our verifier and to other judges.
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { createAssembler } from '../../../archiver/evidence/assemble.ts';
import { assembleXmlEvidenceRecord } from '../../../archiver/evidence/assemble-xml.ts';
import { readObjectList } from '../../../archiver/evidence/object-list.ts';
import { renewHashTree } from '../../../archiver/evidence/renew-hash-tree.ts';
import { renewTimestamps } from '../../../archiver/evidence/renew-timestamps.ts';
import { anchor } from '../../../archiver/evidence/stamp.ts';
import type {
  BatchId,
  GroupPosition,
  RenewalGroup,
  StampOutcome,
} from '../../../archiver/evidence/types.ts';
import type { RenewalStep } from '../../shared/ers/_cases.ts';
import { createWorld, each, signal, type World } from './_world.ts';

export type RecordPair = {
  readonly name: string;
  readonly documents: readonly Uint8Array[];
  readonly asn1: Uint8Array;
  readonly xml: Uint8Array;
};

export function committed(outcome: StampOutcome): BatchId {
  if (outcome.kind === 'committed') return outcome.manifest.id;
  throw new Error(`not committed: ${JSON.stringify(outcome)}`);
}

/** Two batches under one archive, the second of them a year younger. */
export async function anchorTwo(world: World): Promise<readonly [BatchId, BatchId]> {
  const stamp = async (name: string, sizes: readonly number[]): Promise<BatchId> => {
    const groups = each(world.addGroups(name, sizes, ['SHA-256']));
    return committed(await anchor(await world.context(), { digestAlgorithm: 'SHA-256', groups }));
  };
  const first = await stamp('first', [1, 2, 1]);
  world.pass({ years: 1 });
  return [first, await stamp('second', [3])];
}

/** Groups by the name of their first object, as they stand in the batches that are renewed. */
type Standing = ReadonlyMap<string, GroupPosition>;

async function rehashed(
  world: World,
  standing: Standing,
  toAlgorithm: DigestAlgorithm,
): Promise<Standing> {
  const batches = [...new Set([...standing.values()].map(({ batchId }) => batchId))];
  const groups = async function* (): AsyncIterable<RenewalGroup> {
    for (const batchId of batches) yield* world.renewalGroups(batchId);
  };
  const { stamped } = await renewHashTree(await world.context(), {
    toAlgorithm,
    groups: groups(),
    xmlGroups: true,
    onLeftOut: ({ findings }) => Promise.reject(new Error(JSON.stringify(findings))),
  });
  const batchId = committed(stamped);
  const next = new Map<string, GroupPosition>();
  for await (const { index, members } of readObjectList(world.store, batchId, signal))
    next.set(members[0]?.key ?? '', { batchId, index });
  return next;
}

/** `join`: a new chain under the same hash (docs/decisions/joined-batches.md). */
export type PairStep = RenewalStep | 'join';

/** Records of three groups at first and after each of these joint renewals. */
export async function recordPairs(
  steps: readonly PairStep[],
  start: string,
): Promise<readonly RecordPair[]> {
  const world = createWorld(start);
  const [first, second] = await anchorTwo(world);
  let standing: Standing = new Map([
    ['first/0/0', { batchId: first, index: 0 }],
    ['first/1/0', { batchId: first, index: 1 }],
    ['first/2/0', { batchId: first, index: 2 }],
    ['second/0/0', { batchId: second, index: 0 }],
  ]);
  let digestAlgorithm: DigestAlgorithm = 'SHA-256';
  const pairs: RecordPair[] = [];
  for (let count = 0; ; count++) {
    const context = await world.context();
    const assembler = createAssembler(world.store, context.chains, { signal });
    for (const [key, size] of [
      ['first/0/0', 1],
      ['first/1/0', 2],
      ['second/0/0', 3],
    ] as const) {
      const position = standing.get(key);
      if (!position) throw new Error(`no group of ${key}`);
      pairs.push({
        name: `group of ${key} after ${steps.slice(0, count).join(', ') || 'no renewal'}`,
        documents: Array.from(
          { length: size },
          (_, member) =>
            world.documents.get(key.replace(/0$/, String(member))) ?? new Uint8Array(0),
        ),
        asn1: await assembler.record(position),
        xml: await assembleXmlEvidenceRecord(world.store, position, { signal }),
      });
    }
    const step = steps[count];
    if (!step) return pairs;
    world.pass({ years: 2 });
    if (step !== 'timestamp') {
      if (step === 'hash-tree')
        digestAlgorithm = digestAlgorithm === 'SHA-256' ? 'SHA-512' : 'SHA3-512';
      standing = await rehashed(world, standing, digestAlgorithm);
      continue;
    }
    const batchIds = [...new Set([...standing.values()].map(({ batchId }) => batchId))];
    const renewal = { batchIds, digestAlgorithm };
    committed((await renewTimestamps(await world.context(), renewal)).stamped);
  }
}

export type DamagedRecord = { readonly name: string; readonly xml: Uint8Array };

/** One record for each thing that an archive timestamp covers, changed or gone. */
export function damagedRecords({ xml, documents }: RecordPair): readonly DamagedRecord[] {
  const text = Buffer.from(xml).toString('utf8');
  const changed = (name: string, from: RegExp, to: string): DamagedRecord => {
    const found = text.replace(from, to);
    if (found === text) throw new Error(`${name}: nothing changed`);
    return { name, xml: Buffer.from(found) };
  };
  const [first = new Uint8Array(0)] = documents;
  const leaf = Buffer.from(digest('SHA-256', first)).toString('base64');
  const zeros = Buffer.alloc(32).toString('base64');
  return [
    changed('a leaf', new RegExp(leaf.replace(/[+/]/g, '\\$&')), zeros),
    changed('a sibling', /(<Sequence Order="2"><DigestValue>)[^<]*/, `$1${zeros}`),
    changed(
      'the order of archive timestamps',
      /<ArchiveTimeStamp Order="1">(.*?)<ArchiveTimeStamp Order="2">/,
      '<ArchiveTimeStamp Order="2">$1<ArchiveTimeStamp Order="1">',
    ),
    changed('white space inside of a renewed timestamp', /<TimeStamp>/, '<TimeStamp> '),
    changed(
      'a missing archive timestamp',
      /<ArchiveTimeStamp Order="1">.*?<\/ArchiveTimeStamp>/,
      '',
    ),
  ];
}
