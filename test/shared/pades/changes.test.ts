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
  ['another widget', { 3: page('/Annots [52 0 R]'), 52: '<< /Subtype /Widget /FT /Sig >>' }],
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

test('another catalogue', (t) => {
  const updated = appendRevision(signed, { 58: catalog('/DSS 6 0 R') }, '/Root 58 0 R');
  const [signature] = readPdf(updated).signatures;
  t.deepEqual(
    signature?.laterChanges.map(({ what }) => what),
    ['another object is the catalogue'],
  );
});
