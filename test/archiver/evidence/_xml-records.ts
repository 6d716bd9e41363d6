// Records of one archive in both forms, after timestamp renewals, with what the damaged ones lack: shown to
// our verifier and to other judges.
import { digest } from '#shared/crypto/digest.ts';
import { createAssembler } from '../../../archiver/evidence/assemble.ts';
import { assembleXmlEvidenceRecord } from '../../../archiver/evidence/assemble-xml.ts';
import { renewTimestamps } from '../../../archiver/evidence/renew-timestamps.ts';
import { anchor } from '../../../archiver/evidence/stamp.ts';
import type { BatchId, StampOutcome } from '../../../archiver/evidence/types.ts';
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

/** Records of three groups after up to `renewals` joint renewals. */
export async function recordPairs(renewals: number, start: string): Promise<readonly RecordPair[]> {
  const world = createWorld(start);
  const [first, second] = await anchorTwo(world);
  const pairs: RecordPair[] = [];
  for (let count = 0; ; count++) {
    const context = await world.context();
    const assembler = createAssembler(world.store, context.chains, { signal });
    for (const [batchId, index, size] of [
      [first, 0, 1],
      [first, 1, 2],
      [second, 0, 3],
    ] as const) {
      const name = batchId === first ? 'first' : 'second';
      pairs.push({
        name: `group ${index} of the ${name} batch, ${count} renewals`,
        documents: Array.from(
          { length: size },
          (_, member) => world.documents.get(`${name}/${index}/${member}`) ?? new Uint8Array(0),
        ),
        asn1: await assembler.record({ batchId, index }),
        xml: await assembleXmlEvidenceRecord(world.store, { batchId, index }, { signal }),
      });
    }
    if (count === renewals) return pairs;
    world.pass({ years: 2 });
    const renewal = { batchIds: [first, second], digestAlgorithm: 'SHA-256' } as const;
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
