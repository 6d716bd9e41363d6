// Papers as files: whole, the same for the same content, tagged, with the data in them. That they are PDF/A-3a
// is judged by software of others (test/interop/papers.test.ts).
import test from 'ava';
import { loadTypefaces } from '#archiver/adapters/typefaces.ts';
import { openPaper } from '#archiver/pdf/paper.ts';
import { readPdf } from '#shared/pades/read.ts';

const typefaces = await loadTypefaces();
const at = Temporal.Instant.from('2030-01-01T00:00:00Z');
const data = new TextEncoder().encode('{"a":1}\n');

function write(rows = 3): Promise<Uint8Array> {
  const paper = openPaper({ title: '証拠', language: 'ja', at, typefaces });
  paper.heading(1, '証拠');
  paper.pairs([['鍵', '値']]);
  paper.items([{ label: '署名', lines: ['有効です。'], children: [] }]);
  paper.table(
    [
      { title: '文書', share: 3 },
      { title: '数', share: 1, align: 'right' },
    ],
    Array.from({ length: rows }, (_, row) => [`文書 ${row}`, String(row)]),
  );
  return paper.finish({
    name: 'data.json',
    octets: data,
    type: 'application/json',
    description: '',
  });
}

test('the same content as of the same instant gives the same octets', async (t) => {
  t.deepEqual(await write(), await write());
});

test('a long table goes on over pages and the file stays whole', async (t) => {
  const octets = await write(300);
  const { problems } = readPdf(octets);
  t.deepEqual(problems, []);
  const text = new TextDecoder('latin1').decode(octets);
  t.true((text.match(/\/Type \/Page\n/g) ?? []).length > 5);
});

test('it is tagged, says its language, and carries its data as the source', async (t) => {
  const text = new TextDecoder('latin1').decode(await write());
  for (const part of ['/Marked true', '/Lang (ja-JP)', '/AFRelationship /Source'])
    t.true(text.includes(part), part);
});
