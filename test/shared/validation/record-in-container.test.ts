// What an evidence record in an ASiC container is over: what its manifest lists, or in the simple form the data
// object. EN 319 162-1 §4.3.3.2, §4.4.4.2
import test from 'ava';
import type { VerdictNode } from '#shared/validation/verdict.ts';
import { asicManifest } from '../../_asic.ts';
import { buildZip, type TestEntry } from '../../_zip.ts';
import { judge, recordOver } from './_world.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const good = encode('the prescription');
const place = 'META-INF/evidencerecord.ers';
const manifestName = 'META-INF/ASiCEvidenceRecordManifest.xml';
const record = { name: place, data: recordOver(good, [['first', '2027-01-01']]) };
const dataObject = { name: 'rx.txt', data: good };
const mediaType = (type: 's' | 'e'): TestEntry => ({
  name: 'mimetype',
  data: `application/vnd.etsi.asic-${type}+zip`,
});

function recordIn(...entries: readonly TestEntry[]): VerdictNode | undefined {
  const { tree } = judge({ bytes: buildZip(entries), at: '2027-06-01' });
  return tree.children.find(({ subject }) => subject === 'evidence-record');
}

const listing = (...references: Parameters<typeof asicManifest>[1]): TestEntry => ({
  name: manifestName,
  data: asicManifest(place, references),
});

test('ASiC-S: a manifest of something else is no data object of the record', (t) => {
  const stray = asicManifest('META-INF/other.ers', [['rx.txt', good]]);
  const of = (data: Uint8Array) =>
    recordIn(mediaType('s'), { name: 'rx.txt', data }, record, { name: manifestName, data: stray });
  t.is(of(good)?.status, 'valid');
  t.is(of(encode('another prescription'))?.status, 'invalid');
});

test('ASiC-E: the record is over what its manifest lists', (t) => {
  t.is(recordIn(mediaType('e'), dataObject, listing(['rx.txt', good]), record)?.status, 'valid');
});

test('ASiC-E: a manifest with the digest of something else is not of these data', (t) => {
  const wrong = listing(['rx.txt', encode('another prescription')]);
  t.like(recordIn(mediaType('e'), dataObject, wrong, record), {
    status: 'invalid',
    subIndication: 'HASH_FAILURE',
  });
});

test('ASiC-E: a listed entry that is gone leaves open what the record is over', (t) => {
  const more = listing(['rx.txt', good], ['gone.txt', good]);
  t.like(recordIn(mediaType('e'), dataObject, more, record), {
    status: 'indeterminate',
    subIndication: 'SIGNED_DATA_NOT_FOUND',
  });
});
