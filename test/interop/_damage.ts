// One changed bit in each part of a token that a signature or an imprint protects, within whatever
// holds the token: a bare token, a response, an evidence record.
import type { TimeStampToken } from '#shared/tsp/token.ts';

export type Damaged = { readonly part: string; readonly octets: Uint8Array };

/** A copy of `whole` with the last bit of `part`, which stands in it exactly once, turned over. */
export function flipIn(whole: Uint8Array, part: Uint8Array): Uint8Array {
  const octets = Buffer.from(whole);
  const start = octets.indexOf(part);
  if (start < 0 || part.length === 0 || octets.indexOf(part, start + 1) >= 0)
    throw new Error(`${part.length} octets that do not stand exactly once in ${whole.length}`);
  const last = start + part.length - 1;
  octets[last] = (octets[last] ?? 0) ^ 1;
  return new Uint8Array(octets);
}

/** `whole` with eContent, signedAttrs and signature of its token changed, one at a time. */
export function damageToken(whole: Uint8Array, token: TimeStampToken): readonly Damaged[] {
  const { eContent } = token.signedData;
  const [signer] = token.signedData.signerInfos;
  if (!eContent || !signer?.signedAttrs) throw new Error('a token without content or signer');
  return [
    { part: 'eContent', octets: flipIn(whole, eContent) },
    { part: 'signedAttrs', octets: flipIn(whole, signer.signedAttrs.raw) },
    { part: 'signature', octets: flipIn(whole, signer.signature) },
  ];
}
