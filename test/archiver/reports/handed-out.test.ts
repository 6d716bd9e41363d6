// Reports that are handed out: as a table, on paper, with a timestamp.
import test from 'ava';
import type { Archiver } from '#archiver/main.ts';
import { loadTypefaces } from '#archiver/adapters/typefaces.ts';
import { reportCsv } from '#archiver/reports/csv.ts';
import { documentLines } from '#archiver/reports/document-line.ts';
import { loadPage, pageDocuments } from '#archiver/reports/load-page.ts';
import { textsOf } from '#archiver/reports/messages.ts';
import { renderPaper, signaturesCell } from '#archiver/reports/render-paper.ts';
import { type ReportDigests, stampReport } from '#archiver/reports/stamp.ts';
import { renderReport } from '#archiver/reports/write.ts';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { readPdf } from '#shared/pades/read.ts';
import type { Event } from '#shared/ports/runtime.ts';
import { parseTimeStampReq } from '#shared/tsp/request.ts';
import { buildTimeStampResp, parseTimeStampResp } from '#shared/tsp/response.ts';
import type { StrongestDigest } from '#shared/tsp/strongest-digest.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { createArchive } from '../night/_night.ts';
import { throwsCode } from '../adapters/_store-contract.ts';
import { at, catalogueOf, documentRow, everyState, rules, signature } from './_archive.ts';

const { signal } = new AbortController();

test('the table has a line for each document under the names of the JSON', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const text = (await Array.fromAsync(reportCsv(documentLines(catalogue, at, rules)))).join('');
  const [head = '', ...lines] = text.trimEnd().split('\r\n');
  t.true(head.startsWith('\uFEFFstore,key,versionId,sha256,'));
  t.is(lines.length, await catalogue.countDocuments({}));
  const columns = head.split(',').length;
  t.true(lines.every((line) => cellsOf(line).length === columns));
});

/** Fields of one line, quotes taken off. */
function cellsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^",]*))/g)].map(
    ([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain,
  );
}

/** Signed by a doctor under HPKI, and by a witness for somebody, whom a file beside it names. */
const prescription = documentRow('rx', {
  intake: {
    status: 'valid',
    at: at.toString(),
    signatures: [
      signature('valid', {
        qualification: {
          anchorClass: 'hpki',
          anchor: 'ee',
          licences: [{ name: 'Medical Doctor', ja: '医師' }],
        },
      }),
      signature('valid', {
        signer: 'CN=立会 株式会社,O=立会',
        qualification: { anchorClass: 'witness-provider', anchor: 'ff', licences: [] },
      }),
    ],
  },
});
const demanding = { ...rules, rules: [{ name: 'jp-medical-record', requires: ['医師'] }] };

test('the table names signers, their services, licences and assessments (R-01 to R-05)', async (t) => {
  await using catalogue = await catalogueOf([{ document: prescription }]);
  const lines = documentLines(catalogue, at, demanding);
  const text = (await Array.fromAsync(reportCsv(lines))).join('');
  const [head = '', line = ''] = text.trimEnd().split('\r\n');
  const names = cellsOf(head);
  const cells = cellsOf(line);
  const cell = (name: string) => cells[names.indexOf(name)];
  t.is(cell('signers'), 'CN=見本 太郎,O=見本病院; CN=立会 株式会社,O=立会');
  t.is(cell('signerStatus'), 'valid; valid');
  t.is(cell('signerClasses'), 'hpki; witness-provider');
  t.is(cell('licences'), '医師; ');
  t.is(cell('assessments'), '; not-assessed');
  t.is(cell('instructedBy'), '; not shown by the signature');
  t.is(cell('licenceStanding'), 'compliant');
});

for (const [language, expected] of [
  [
    'ja',
    [
      '見本 太郎 (保健医療福祉分野PKI(HPKI), 医師)',
      '立会 株式会社 (立会人型の署名事業者, 事業者未評価, 指示した利用者は署名からは確認できない)',
      '医師: 適合',
    ],
  ],
  [
    'en',
    [
      '見本 太郎 (healthcare PKI (HPKI), 医師)',
      '立会 株式会社 (provider that signs as a witness, provider not assessed, who instructed it is not shown by the signature)',
      '医師: compliant',
    ],
  ],
] as const)
  test(`on paper in ${language}, each signer stands with service, licence and assessment`, async (t) => {
    await using catalogue = await catalogueOf([{ document: prescription }]);
    const options = { at, rules: demanding, archiveId: 'archive', language, filter: {} };
    const page = await loadPage(catalogue, { ...options, pageNumber: 1 });
    const [detail] = await Array.fromAsync(pageDocuments(catalogue, page, at, demanding));
    if (!detail) throw new Error('no document');
    const cell = signaturesCell(detail.line, { ...page, texts: textsOf(language) });
    t.deepEqual(cell.split('\n').slice(1), expected);
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

function digestsOf(text: string): ReportDigests {
  const octets = new TextEncoder().encode(text);
  const of = (algorithm: StrongestDigest) => digest(algorithm, octets);
  return { 'SHA-256': of('SHA-256'), 'SHA-384': of('SHA-384'), 'SHA-512': of('SHA-512') };
}

/** The night’s TSA, taking no query whose imprint is of these lengths; and the events of what is done with it. */
async function nightTaking(archiver: Archiver, refusedLengths: readonly number[]) {
  const night = await archiver.night(signal);
  const events: Event[] = [];
  const exchange: typeof night.tsa.source.exchange = (octets, options) => {
    const { hashedMessage } = parseTimeStampReq(octets).messageImprint;
    return refusedLengths.includes(hashedMessage.length)
      ? Promise.resolve(buildTimeStampResp({ status: 'rejection', failInfo: ['badAlg'] }))
      : night.tsa.source.exchange(octets, options);
  };
  const tsa = { ...night.tsa, source: { ...night.tsa.source, exchange } };
  return { night: { ...night, tsa, events: (event: Event) => events.push(event) }, events };
}

const choices: readonly [string, readonly number[], StrongestDigest, RegExp][] = [
  ['every hash', [], 'SHA-512', /the TSA takes it/],
  ['no SHA-512', [64], 'SHA-384', /badAlg to SHA-512$/],
  ['SHA-256 alone', [64, 48], 'SHA-256', /badAlg to SHA-512 and SHA-384/],
];
for (const [name, refusedLengths, algorithm, reason] of choices)
  test(`a report is stamped by ${algorithm} where the TSA takes ${name}, and the log says why`, async (t) => {
    await using archive = await createArchive();
    const { night, events } = await nightTaking(await archive.open(), refusedLengths);
    const digests = digestsOf('the report');
    const { response, genTime } = await stampReport(night, digests, signal);
    const token = parseTimeStampToken(parseTimeStampResp(response).token ?? new Uint8Array());
    t.is(toHex(token.tstInfo.messageImprint.hashedMessage), toHex(digests[algorithm]));
    t.true(token.tstInfo.genTime.equals(genTime));
    const [chosen] = events.filter((event) => event.name === 'archiver.report.stamped');
    t.is(chosen?.algorithm, algorithm);
    t.regex(String(chosen?.reason), reason);
  });

test('a TSA that takes none of them gives no stamp', async (t) => {
  await using archive = await createArchive();
  const { night } = await nightTaking(await archive.open(), [64, 48, 32]);
  await throwsCode(
    t,
    () => stampReport(night, digestsOf('the report'), signal),
    'ERR_SOURCE_REFUSED',
  );
});

test('a token over something else is no stamp', async (t) => {
  await using archive = await createArchive();
  const night = await (await archive.open()).night(signal);
  const { response } = await stampReport(night, digestsOf('the report'), signal);
  const source = { ...night.tsa.source, exchange: () => Promise.resolve(response) };
  const other = digestsOf('another report');
  await throwsCode(
    t,
    () => stampReport({ ...night, tsa: { ...night.tsa, source } }, other, signal),
    'ERR_SOURCE_REFUSED',
  );
});
