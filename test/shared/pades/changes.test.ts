// What later revisions may change of a signed PDF, row by row, and how one could be fooled.
import test from 'ava';
import { readPdf } from '#shared/pades/read.ts';
import { buildTestCms } from '../../_cms.ts';
import { type PdfObjects, appendRevision, plainPdf, signPdf } from '../../_pdf.ts';

const objects: PdfObjects = {
  1: '<< /Type /Catalog /Pages 2 0 R /DSS 6 0 R >>',
  2: '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
  3: '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 10 10] /Contents 4 0 R >>',
  4: '<< /Length 4 >>\nstream\npaid\nendstream',
  6: '<< /Type /DSS /Certs [7 0 R] >>',
  7: '<< /Length 1 >>\nstream\nc\nendstream',
};
const signed = signPdf(plainPdf(objects), {
  sign: (content) => buildTestCms({ content, detached: true }),
  extraCatalog: '/DSS 6 0 R',
});
const form = '/AcroForm << /SigFlags 3 /Fields [11 0 R] >>';
const catalog = (more: string): string => `<< /Type /Catalog /Pages 2 0 R ${form} ${more} >>`;

function changesOf(update: PdfObjects): string[] {
  const [signature] = readPdf(appendRevision(signed, update)).signatures;
  return (signature?.laterChanges ?? []).map(({ what }) => what);
}

const allowed: readonly (readonly [string, PdfObjects])[] = [
  ['nothing', {}],
  ['an object that is new', { 50: '(new)' }],
  ['more validation data', { 6: '<< /Type /DSS /Certs [7 0 R 51 0 R] >>', 51: '<< >>' }],
  [
    'another widget of a signature field',
    {
      1: catalog('/DSS 6 0 R').replace('[11 0 R]', '[11 0 R 52 0 R]'),
      3: page('/Annots [53 0 R]'),
      52: '<< /FT /Sig /T (Signature2) /Kids [53 0 R] >>',
      53: '<< /Subtype /Widget >>',
    },
  ],
  ['metadata', { 1: catalog('/DSS 6 0 R /Metadata 53 0 R'), 53: '<< >>' }],
  ['a field filled', { 11: '<< /FT /Sig /T (Signature1) /V 10 0 R /AP << >> >>' }],
];
function page(more: string): string {
  return `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 10 10] /Contents 4 0 R ${more} >>`;
}
for (const [what, update] of allowed)
  test(`let through: ${what}`, (t) => {
    t.deepEqual(changesOf(update), []);
  });

const forbidden: readonly (readonly [string, PdfObjects, string])[] = [
  [
    'content of a page',
    { 4: '<< /Length 4 >>\nstream\nfree\nendstream' },
    'its content is another one',
  ],
  [
    'other content for a page',
    { 3: page('/Contents 54 0 R').replace('/Contents 4 0 R', '') },
    '/Contents is another one',
  ],
  ['other pages', { 2: '<< /Type /Pages /Kids [3 0 R 3 0 R] /Count 2 >>' }, '/Kids is another one'],
  [
    'other page tree',
    { 1: catalog('/DSS 6 0 R').replace('2 0 R', '55 0 R') },
    '/Pages is another one',
  ],
  ['an action', { 1: catalog('/DSS 6 0 R /OpenAction 56 0 R') }, '/OpenAction is another one'],
  [
    'an annotation',
    { 3: page('/Annots [57 0 R]'), 57: '<< /Subtype /FreeText >>' },
    'an annotation was added',
  ],
  [
    'a widget that belongs to no field of the form',
    { 3: page('/Annots [57 0 R]'), 57: '<< /Subtype /Widget /FT /Sig /T (Total) >>' },
    'an annotation was added',
  ],
  [
    'a field that is none of a signature',
    {
      1: catalog('/DSS 6 0 R').replace('[11 0 R]', '[11 0 R 57 0 R]'),
      57: '<< /FT /Tx /T (Total) >>',
    },
    'a form field was added',
  ],
  [
    'a field that stands in its list',
    { 1: catalog('/DSS 6 0 R').replace('[11 0 R]', '[11 0 R << /FT /Sig >>]') },
    'a form field was added',
  ],
  [
    'a field moved',
    { 11: '<< /FT /Sig /T (Signature1) /V 10 0 R /Rect [5 5 9 9] >>' },
    '/Rect is another one',
  ],
  ['validation data gone', { 1: catalog('') }, 'validation data was removed'],
  [
    'content named as validation data',
    {
      6: '<< /Type /DSS /Certs [7 0 R 4 0 R] >>',
      4: '<< /Length 4 >>\nstream\nfree\nendstream',
    },
    'its content is another one',
  ],
  [
    'content named as an appearance',
    {
      11: '<< /FT /Sig /T (Signature1) /V 10 0 R /AP << /N 4 0 R >> >>',
      4: '<< /Length 4 >>\nstream\nfree\nendstream',
    },
    'its content is another one',
  ],
];
for (const [what, update, expected] of forbidden)
  test(`said: ${what}`, (t) => {
    t.deepEqual(changesOf(update), [expected]);
  });

/** Two fields, one whose appearance stands in an object of its own, and an update after the signature. */
function changedAfter(
  update: PdfObjects,
  more: { readonly extraCatalog?: string; readonly trailer?: string } = {},
): string[] {
  const file = signPdf(plainPdf(objects), {
    sign: (content) => buildTestCms({ content, detached: true }),
    extraObjects: { 8: '<< >>', 9: '<< /FT /Tx /T (Name) /AP 8 0 R >>' },
    otherFields: [9],
    ...more,
  });
  const [signature] = readPdf(appendRevision(file, update, more.trailer)).signatures;
  return (signature?.laterChanges ?? []).map(({ what }) => what);
}

test('an appearance that a filled field leaves must be its own', (t) => {
  const filled = { 9: '<< /FT /Tx /T (Name) /V (x) /AP << /N 60 0 R >> >>' };
  t.deepEqual(changedAfter(filled), []);
  const elsewhere = ['/AP leaves an object that stands elsewhere too'];
  t.deepEqual(changedAfter(filled, { extraCatalog: '/Other 8 0 R' }), elsewhere);
  t.deepEqual(changedAfter(filled, { trailer: '/Root 1 0 R /Other 8 0 R' }), elsewhere);
});

test('a field that is gone', (t) => {
  const changes = changedAfter({ 1: catalog('') });
  t.deepEqual(changes, ['a form field was removed']);
});

test('another catalogue', (t) => {
  const updated = appendRevision(signed, { 58: catalog('/DSS 6 0 R') }, '/Root 58 0 R');
  const [signature] = readPdf(updated).signatures;
  t.deepEqual(
    signature?.laterChanges.map(({ what }) => what),
    ['another object is the catalogue'],
  );
});
