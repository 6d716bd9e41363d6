// `_batch-child.ts GROUPS FOLDER`: a night's batch of so many documents in a folder, from their digests to every record,
// read back and judged on the way. Prints the most memory that it had. A process of its own, so that nothing else is
// measured.
import { hash } from 'node:crypto';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { createAssembler } from '#archiver/evidence/assemble.ts';
import { loadChainIndex } from '#archiver/evidence/chains.ts';
import { anchor } from '#archiver/evidence/stamp.ts';
import type { DocumentGroup } from '#archiver/evidence/types.ts';
import { peakResidentBytes } from '../_peak-memory.ts';
import { createWorld, signal } from '../archiver/evidence/_world.ts';

const [count, folder = ''] = [Number(process.argv[2]), process.argv[3]];

async function* groupsOf(): AsyncIterable<DocumentGroup> {
  for (let index = 0; index < count; index++) {
    const digests = { 'SHA-256': hash('sha256', `document ${index}`, 'hex') };
    const key = `2026/${index}.pdf`;
    yield await Promise.resolve({
      members: [{ store: 'documents', key, size: 1000, role: 'document', digests }],
    });
  }
}

await using store = await openFolderStore({ name: 'evidence', folder, access: 'write' });
const context = await createWorld().context({ store });
const outcome = await anchor(context, { digestAlgorithm: 'SHA-256', groups: groupsOf() });
if (outcome.kind !== 'committed') throw new Error(`the batch is ${outcome.kind}`);
const chains = await loadChainIndex(store, signal);
const assembler = createAssembler(store, chains, { signal, readAhead: true });
let records = 0;
for await (const block of assembler.records(outcome.manifest.id)) records += block.length;
console.log(JSON.stringify({ records, peakBytes: peakResidentBytes() }));
