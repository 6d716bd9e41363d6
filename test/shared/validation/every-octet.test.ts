// One turned bit anywhere in what an archive timestamp is over is noticed. What may be turned unnoticed is what nothing is
// over (_every-octet.ts), of CMS the version and digestAlgorithms, and of the newest token what it does not sign itself.
import test from 'ava';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { archivedContainer, archivedPdf, archivedXml } from './_archived-files.ts';
import {
  freeInPdf,
  freeInXml,
  freeInZip,
  isIn,
  rangesIn,
  signedParts,
  unnoticed,
} from './_every-octet.ts';
import { lta, version2 } from './_hostile-makers.ts';
import { hostileOn } from './_hostile-cades.ts';
import { ca, judge, nodesOf, said } from './_world.ts';
import { valueOf } from '../../_edited-cms.ts';

const isLong = process.env['TEST_LONG'] === '1';
/** A prime, so that every kind of place is met. */
const strideOf = (prime: number): number => (isLong ? 1 : prime);

for (const [name, octets] of [
  ['version 3', lta],
  ['version 2', version2],
] as const)
  test(`an archive timestamp of ${name}: each octet that it is over`, (t) => {
    const { elements, signerInfos } = parseSignedData(octets);
    const newest = signerInfos[0]?.unsignedAttrs.at(-1)?.raw;
    const token = valueOf(newest);
    const [shift = 0] = rangesIn(octets, token)[0] ?? [];
    const [own] = parseSignedData(token).signerInfos;
    const free = rangesIn(octets, elements.version.raw, elements.digestAlgorithms.raw, newest);
    const index = rangesIn(octets, ...(own?.unsignedAttrs ?? []).map(({ raw }) => raw));
    const signed = signedParts(token).map(([from, to]) => [from + shift, to + shift] as const);
    t.deepEqual(
      unnoticed(
        octets,
        strideOf(19),
        (place) => isIn(free, place) && !isIn([...signed, ...index], place),
        (bytes) =>
          nodesOf(judge({ bytes, at: hostileOn }).tree).every(({ status }) => status === 'valid'),
      ),
      [],
    );
  });

/** Judged while the archive timestamp is not needed yet, so that one that vanishes is not made up for by its absence. */
const goodAt = (at: string) => (bytes: Uint8Array) =>
  said(judge({ bytes, at, material: { certificates: [ca.certificate] } }).tree) === 'valid';

for (const [name, octets, isFree, prime] of [
  ['XAdES', archivedXml, freeInXml(archivedXml), 31],
  ['PAdES', archivedPdf, freeInPdf(archivedPdf), 83],
  ['ASiC', archivedContainer, freeInZip(archivedContainer), 19],
] as const)
  test(`${name}: each octet that its archive timestamp is over`, (t) => {
    const isGood = goodAt(hostileOn);
    t.true(isGood(octets));
    t.deepEqual(unnoticed(octets, strideOf(prime), isFree, isGood), []);
  });
