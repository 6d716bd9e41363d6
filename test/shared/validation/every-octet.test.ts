// One turned bit anywhere in what an archive timestamp is over is noticed. What may be turned unnoticed is what nothing is
// over: the version and digestAlgorithms of the SignedData, and of the newest token what it does not sign itself.
import test from 'ava';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { lta, version2 } from './_hostile-makers.ts';
import { hostileOn } from './_hostile-cades.ts';
import { judge, nodesOf } from './_world.ts';
import { valueOf } from '../../_edited-cms.ts';

/** A prime, so that every kind of place is met. */
const stride = 19;

type Range = readonly [from: number, to: number];

/** Where parts stand in the octets that they are views of. */
function rangesIn(whole: Uint8Array, ...parts: readonly (Uint8Array | undefined)[]): Range[] {
  return parts.flatMap((part): Range[] => {
    if (!part) return [];
    if (part.buffer !== whole.buffer) throw new Error('a copy');
    const from = part.byteOffset - whole.byteOffset;
    return [[from, from + part.length]];
  });
}

const isIn = (ranges: readonly Range[], place: number): boolean =>
  ranges.some(([from, to]) => place >= from && place < to);

for (const [name, octets] of [
  ['version 3', lta],
  ['version 2', version2],
] as const)
  test(`an archive timestamp of ${name}: each octet that it is over`, (t) => {
    const { elements, signerInfos } = parseSignedData(octets);
    const newest = signerInfos[0]?.unsignedAttrs.at(-1)?.raw;
    const token = parseSignedData(valueOf(newest));
    const [own] = token.signerInfos;
    const free = rangesIn(octets, elements.version.raw, elements.digestAlgorithms.raw, newest);
    const signed = rangesIn(octets, token.eContent, own?.signedAttrs?.raw, own?.signature);
    const index = rangesIn(octets, ...(own?.unsignedAttrs ?? []).map(({ raw }) => raw));
    const unnoticed: number[] = [];
    for (let place = 0; place < octets.length; place += stride) {
      const isFree = isIn(free, place) && !isIn([...signed, ...index], place);
      if (isFree) continue;
      const turned = octets.with(place, (octets[place] ?? 0) ^ (1 << (place % 8)));
      const { tree } = judge({ bytes: turned, at: hostileOn });
      if (nodesOf(tree).every(({ status }) => status === 'valid')) unnoticed.push(place);
    }
    t.deepEqual(unnoticed, []);
  });
