// PDF files: revisions, signatures and their coverage, and for each way to fool a reader a file that
// only this rule catches.
import test from 'ava';
import { concatBytes } from '#shared/bytes.ts';
import type { ErrorCode } from '#shared/errors.ts';
import { TokiwaError } from '#shared/errors.ts';
import { openPdf } from '#shared/pades/file.ts';
import { readPdf } from '#shared/pades/read.ts';
import { buildTestCms } from '../../_cms.ts';
import { appendRevision, plainObjects, plainPdf, signPdf } from '../../_pdf.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const sign = (content: Uint8Array): Uint8Array => buildTestCms({ content, detached: true });
const codes = (octets: Uint8Array): string[] => readPdf(octets).problems.map(({ code }) => code);
const replaced = (octets: Uint8Array, from: string, to: string): Uint8Array =>
  Uint8Array.from(Buffer.from(Buffer.from(octets).toString('latin1').replace(from, to), 'latin1'));

test('a plain file', (t) => {
  const reading = readPdf(plainPdf());
  t.deepEqual(
    { ...reading, securityStore: undefined },
    {
      damaged: false,
      revisions: 1,
      encrypted: false,
      signatures: [],
      securityStore: undefined,
      unread: [],
      problems: [],
    },
  );
});

test('a signature over the whole file, then over its revision', (t) => {
  const signed = signPdf(plainPdf(), { sign });
  const [signature] = readPdf(signed).signatures;
  t.deepEqual(signature?.coverage, { coverage: 'entire-file', revision: 2 });
  t.is(signature?.claimedSigningTime?.toString(), '2026-02-03T04:05:06Z');
  t.deepEqual(concatBytes(...(signature?.signedOctets ?? [])).length, signed.length - 16_002);
  const updated = appendRevision(signed, { 4: '(later)' });
  const [later] = readPdf(updated).signatures;
  t.deepEqual(later?.coverage, { coverage: 'entire-revision', revision: 2 });
});

test('octets after the end of a revision are not covered', (t) => {
  const signed = signPdf(plainPdf(), { sign });
  const [signature] = readPdf(concatBytes(signed, encode('tail\n'))).signatures;
  t.is(signature?.coverage.coverage, 'entire-revision');
});

test('two signatures', (t) => {
  const first = signPdf(plainPdf(), { sign });
  const second = signPdf(first, { sign, number: 20, name: 'Second', otherFields: [11] });
  t.deepEqual(
    readPdf(second).signatures.map(({ field, coverage }) => [field, coverage.coverage]),
    [
      ['Signature1', 'entire-revision'],
      ['Second', 'entire-file'],
    ],
  );
});

const ranges: readonly (readonly [string, string, string])[] = [
  ['missing number', '[0 1 2]', 'ERR_FORMAT_PDF'],
  ['no array', '(0 1 2 3)', 'ERR_FORMAT_PDF'],
  ['negative', '[0 -1 2 3]', 'ERR_FORMAT_PDF'],
  ['beyond 2^53', '[0 1 2 99999999999999999999]', 'ERR_FORMAT_PDF'],
  ['starts later', '[1 1 2 3]', 'pdf-byte-range'],
  ['empty gap', '[0 100 100 50]', 'pdf-byte-range'],
  ['gap elsewhere', '[0 100 200 50]', 'pdf-byte-range'],
];
for (const [what, byteRange, code] of ranges)
  test(`ByteRange: ${what}`, (t) => {
    const reading = readPdf(signPdf(plainPdf(), { sign, byteRange }));
    t.deepEqual(
      reading.problems.map((problem) => problem.code),
      [code],
    );
    t.is(reading.signatures[0]?.coverage.coverage, 'unclear');
    t.is(reading.signatures[0]?.signedOctets, undefined);
  });

test('octets other than zeros after the CMS', (t) => {
  const file = signPdf(plainPdf(), {
    sign: (content) => concatBytes(sign(content), Uint8Array.of(0, 1)),
  });
  t.deepEqual(codes(file), ['pdf-contents-padding']);
});

test('one signature as the value of two fields', (t) => {
  const file = signPdf(plainPdf(), {
    sign,
    otherFields: [12],
    extraObjects: { 12: '<< /FT /Sig /T (Other) /V 10 0 R >>' },
  });
  t.deepEqual(codes(file), ['pdf-shared-signature']);
  t.is(readPdf(file).signatures.length, 1);
});

const fields: readonly (readonly [string, Readonly<Record<number, string>>, ErrorCode])[] = [
  ['its own child', { 12: '<< /T (x) /Kids [12 0 R] >>' }, 'ERR_FORMAT_PDF'],
  [
    'too deep',
    Object.fromEntries(
      Array.from({ length: 70 }, (_, index) => [12 + index, `<< /Kids [${13 + index} 0 R] >>`]),
    ),
    'ERR_FORMAT_LIMIT',
  ],
];
for (const [what, objects, code] of fields)
  test(`form field: ${what}`, (t) => {
    const catalog = '<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [12 0 R] >> >>';
    t.deepEqual(codes(plainPdf({ ...plainObjects, 1: catalog, ...objects })), [code]);
  });

test('security store: each stream once, whatever names it', (t) => {
  const objects = {
    ...plainObjects,
    1: '<< /Type /Catalog /Pages 2 0 R /DSS << /Certs [4 0 R 4 0 R] /CRLs 5 0 R /VRI << /A << >> >> >> >>',
    4: '<< /Length 3 >>\nstream\nabc\nendstream',
    5: '[6 0 R]',
    6: '<< /Length 2 >>\nstream\nde\nendstream',
  };
  const store = readPdf(plainPdf(objects)).securityStore;
  t.deepEqual(
    [store?.certificates.length, store?.crls.length, store?.ocspResponses.length, store?.vri],
    [1, 1, 0, 1],
  );
});

const catalogs: readonly (readonly [string, string, string])[] = [
  ['key twice', '<< /Type /Catalog /Pages 2 0 R /Pages 3 0 R >>', 'pdf-duplicate-key'],
  ['key twice after decoding', '<< /Pages 2 0 R /P#61ges 3 0 R >>', 'pdf-duplicate-key'],
  ['script', '<< /Pages 2 0 R /OpenAction << /S /JavaScript >> >>', 'pdf-javascript'],
];
for (const [what, catalog, code] of catalogs)
  test(`catalogue: ${what}`, (t) => {
    t.deepEqual(codes(plainPdf({ ...plainObjects, 1: catalog })), [code]);
  });

const broken: readonly (readonly [string, (file: Uint8Array) => Uint8Array, ErrorCode])[] = [
  ['no header', (file) => file.subarray(9), 'ERR_FORMAT_PDF'],
  ['no end mark', (file) => replaced(file, '%%EOF', ''), 'ERR_FORMAT_PDF'],
  ['no startxref', (file) => replaced(file, 'startxref', 'start'), 'ERR_FORMAT_PDF'],
  [
    'no section there',
    (file) => replaced(file, /startxref\n\d+/.exec(text(file))?.[0] ?? '', 'startxref\n20'),
    'ERR_FORMAT_PDF',
  ],
  ['previous is a string', (file) => replaced(file, '/Size 100', '/Prev (1)'), 'ERR_FORMAT_PDF'],
  [
    'previous is itself',
    (file) =>
      replaced(
        file,
        '/Size 100',
        `/Size 1 /Prev ${/startxref\n(\d+)/.exec(text(file))?.[1] ?? ''}`,
      ),
    'ERR_FORMAT_PDF',
  ],
  ['negative size', (file) => replaced(file, '/Size 100', '/Size -1'), 'ERR_FORMAT_PDF'],
  ['too many entries', (file) => replaced(file, '3 1\n', '3 4000000000\n'), 'ERR_FORMAT_PDF'],
  ['catalogue is a loop', () => plainPdf({ 1: '4 0 R', 4: '1 0 R' }), 'ERR_FORMAT_PDF'],
  ['catalogue is missing', () => plainPdf(plainObjects, '/Root 9 0 R'), 'ERR_FORMAT_PDF'],
  ['nested arrays', () => plainPdf({ 1: '['.repeat(200) }), 'ERR_FORMAT_LIMIT'],
  ['string that does not end', () => plainPdf({ 1: '<< /X (abc >>' }), 'ERR_FORMAT_PDF'],
  ['hexadecimal that is none', () => plainPdf({ 1: '<< /X <zz> >>' }), 'ERR_FORMAT_PDF'],
];
function text(file: Uint8Array): string {
  return Buffer.from(file).toString('latin1');
}
for (const [what, breakFile, code] of broken)
  test(`refused: ${what}`, (t) => {
    const error = t.throws(() => openPdf(breakFile(plainPdf())), { any: true });
    t.true(error instanceof TokiwaError);
    t.is((error as TokiwaError).code, code);
  });

test('a broken file is listed all the same, as damaged', (t) => {
  const file = replaced(signPdf(plainPdf(), { sign }), '/Prev', '/Prev 1 /P');
  const reading = readPdf(file);
  t.true(reading.damaged);
  t.is(reading.signatures.length, 1);
  t.is(reading.problems[0]?.code, 'ERR_FORMAT_PDF');
});

test('objects that are not where the table says', (t) => {
  const file = replaced(plainPdf(), '2 0 obj', '7 0 obj');
  t.deepEqual(codes(file), ['pdf-misplaced-objects']);
});

test('encryption that no reader could undo', (t) => {
  t.deepEqual(codes(plainPdf(plainObjects, '/Root 1 0 R /Encrypt << /Filter /Odd >>')), [
    'ERR_UNSUPPORTED_FEATURE',
  ]);
  t.deepEqual(
    codes(plainPdf(plainObjects, '/Root 1 0 R /Encrypt << /Filter /Standard /R 4 /O (a) >>')),
    ['ERR_FORMAT_PDF'],
  );
});
