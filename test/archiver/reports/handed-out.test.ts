// Reports that are handed out: as a table, on paper, with a timestamp.
import test from 'ava';
import { loadTypefaces } from '#archiver/adapters/typefaces.ts';
import { reportCsv } from '#archiver/reports/csv.ts';
import { documentLines } from '#archiver/reports/document-line.ts';
import { loadPage, pageDocuments } from '#archiver/reports/load-page.ts';
import { renderPaper } from '#archiver/reports/render-paper.ts';
import { stampReport } from '#archiver/reports/stamp.ts';
import { renderReport } from '#archiver/reports/write.ts';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { readPdf } from '#shared/pades/read.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { createArchive } from '../night/_night.ts';
import { throwsCode } from '../adapters/_store-contract.ts';
import { at, catalogueOf, documentRow, everyState, rules } from './_archive.ts';

const { signal } = new AbortController();

test('the table has a line for each document under the names of the JSON', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const text = (await Array.fromAsync(reportCsv(documentLines(catalogue, at, rules)))).join('');
  const [head = '', ...lines] = text.trimEnd().split('\r\n');
  t.true(head.startsWith('\uFEFFstore,key,versionId,sha256,'));
  t.is(lines.length, await catalogue.countDocuments({}));
  const columns = head.split(',').length;
  t.true(lines.every((line) => line.split(',').length === columns));
});

test('a key that a spreadsheet would compute is text', async (t) => {
  await using catalogue = await catalogueOf([
    { document: documentRow('=HYPERLINK("https://example.org")') },
  ]);
  const text = (await Array.fromAsync(reportCsv(documentLines(catalogue, at, rules)))).join('');
  t.true(text.includes(`"'=HYPERLINK(""https://example.org"")"`), text);
});

for (const language of ['ja', 'en'] as const)
  test(`on paper in ${language}: every state, whole, with its data attached`, async (t) => {
    await using catalogue = await catalogueOf(everyState);
    const options = { at, rules, archiveId: 'archive', language, filter: {}, pageNumber: 1 };
    const page = await loadPage(catalogue, options);
    const documents = pageDocuments(catalogue, page, at, rules);
    const octets = await renderPaper(page, documents, await loadTypefaces());
    t.deepEqual(readPdf(octets).problems, []);
    t.true(new TextDecoder('latin1').decode(octets).includes('(report.json)'));
  });

test('an unknown format is refused with those that there are', async (t) => {
  await using archive = await createArchive();
  const archiver = await archive.open();
  t.throws(() => renderReport(archiver, { format: 'xls', lang: 'ja', at }), {
    code: 'ERR_CONFIG_USAGE',
    message: /json, html, csv, pdf/,
  });
});

test('a stamped report has a token over its octets', async (t) => {
  await using archive = await createArchive();
  const archiver = await archive.open();
  const sha256 = digest('SHA-256', new TextEncoder().encode('the report'));
  const { response, genTime } = await stampReport(await archiver.night(signal), sha256, signal);
  const token = parseTimeStampToken(parseTimeStampResp(response).token ?? new Uint8Array());
  t.is(toHex(token.tstInfo.messageImprint.hashedMessage), toHex(sha256));
  t.true(token.tstInfo.genTime.equals(genTime));
});

test('a token over something else is no stamp', async (t) => {
  await using archive = await createArchive();
  const night = await (await archive.open()).night(signal);
  const sha256 = digest('SHA-256', new TextEncoder().encode('the report'));
  const { response } = await stampReport(night, sha256, signal);
  const source = { ...night.tsa.source, exchange: () => Promise.resolve(response) };
  const other = digest('SHA-256', new TextEncoder().encode('another report'));
  await throwsCode(
    t,
    () => stampReport({ ...night, tsa: { ...night.tsa, source } }, other, signal),
    'ERR_SOURCE_REFUSED',
  );
});
