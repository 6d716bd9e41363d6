// `tokiwa evidence`: which record is given, and when there is none in XML.
import test from 'ava';
import { xmlEvidenceOf } from '#archiver/commands/evidence.ts';
import { parseXmlEvidenceRecord } from '#shared/ers/xml-evidence-record.ts';
import { createArchive, type TestArchive } from '../night/_night.ts';

async function inXml(archive: TestArchive, key: string): Promise<Uint8Array> {
  const { signal } = new AbortController();
  return xmlEvidenceOf(await archive.open(), await archive.row(key), signal);
}

test('a record in XML, before and after a renewal', async (t) => {
  await using archive = await createArchive({}, { tsuDays: 300 });
  await archive.put('a.txt', 'a');
  await archive.put('c.xml', '<a b="1"></a>');
  await archive.night();
  for (const key of ['a.txt', 'c.xml'])
    t.is(parseXmlEvidenceRecord(await inXml(archive, key)).sequence.chains.length, 1);
  const renewal = await archive.nightAfter(220);
  t.is(renewal.timestampRenewals, 1);
  const [chain] = parseXmlEvidenceRecord(await inXml(archive, 'a.txt')).sequence.chains;
  t.is(chain?.archiveTimeStamps.length, 2);
});

for (const [what, files] of [
  ['a document that is XML in another form', { 'a.xml': '<?xml version="1.0"?>\n<a  b="1"/>\n' }],
  [
    'a signature of that kind in its group',
    { 'a.xml': '<a></a>', 'a.xml.sig': '<?xml version="1.0"?>\n<s  b="1"/>\n' },
  ],
] as const)
  test(`${what} has none: its verifiers would hash other octets`, async (t) => {
    await using archive = await createArchive();
    for (const [key, content] of Object.entries(files)) await archive.put(key, content);
    await archive.night();
    await t.throwsAsync(inXml(archive, 'a.xml'), {
      code: 'ERR_UNSUPPORTED_FEATURE',
      message: /canonical form/,
    });
  });

test('a document that waits has none yet', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night({
    deps: (deps) => ({ ...deps, config: { ...deps.config, ceiling: { tokens: 0 } } }),
  });
  await t.throwsAsync(inXml(archive, 'a.txt'), { code: 'ERR_SOURCE_NOT_FOUND' });
});
