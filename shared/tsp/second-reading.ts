// A second reading of a token by PKI.js and asn1js, readers that share no line with ours: before
// evidence counts for decades, both must see the same stamp in it (RFC 3161 §2.4.2). It judges nothing
// else: asn1js reads generously, so what is DER and what is valid is decided elsewhere.
import { fromBER } from 'asn1js';
import { ContentInfo, SignedData, TSTInfo } from 'pkijs';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { digestAlgorithmOfOid } from '#shared/crypto/digest.ts';
import { checkLimits } from '#shared/der/reader.ts';
import { oids } from '#shared/oid.ts';
import type { TimeStampToken } from './token.ts';

/** agrees · differs, in the fields named · unreadable: to the second reader, with its reason. */
export type SecondReading =
  | { readonly kind: 'agrees' }
  | { readonly kind: 'differs'; readonly fields: readonly string[] }
  | { readonly kind: 'unreadable'; readonly reason: string };

/** A token nests a dozen deep with its certificates. */
const limits = { maxDepth: 48, maxElements: 50_000 };

function readStamp(octets: Uint8Array): TSTInfo {
  checkLimits(octets, limits);
  const outer = fromBER(octets);
  if (outer.offset === -1) throw new TypeError(outer.result.error);
  const contentInfo = new ContentInfo({ schema: outer.result });
  const { encapContentInfo } = new SignedData({ schema: contentInfo.content });
  if (encapContentInfo.eContentType !== oids.idCtTSTInfo || !encapContentInfo.eContent)
    throw new TypeError('no TSTInfo inside');
  const inner = fromBER(encapContentInfo.eContent.getValue());
  if (inner.offset === -1) throw new TypeError(inner.result.error);
  return new TSTInfo({ schema: inner.result });
}

/** INTEGER contents, two's complement: some TSAs give negative numbers. */
function integer(octets: Uint8Array): bigint {
  const value = octets.length === 0 ? 0n : BigInt(`0x${toHex(octets)}`);
  return BigInt.asIntN(octets.length * 8, value);
}

/** PKI.js keeps milliseconds; ours may be finer. */
function sameTime(theirs: Date, ours: Temporal.Instant): boolean {
  return theirs.getTime() === ours.epochMilliseconds;
}

/** Reads the token's octets again and compares imprint, serial number, genTime and nonce. Never throws. */
export function readAgain({ raw, tstInfo }: TimeStampToken): SecondReading {
  let stamp: TSTInfo;
  try {
    stamp = readStamp(raw);
  } catch (error) {
    // Whatever a foreign reader throws, it says only that it cannot read this.
    return { kind: 'unreadable', reason: error instanceof Error ? error.message : String(error) };
  }
  const { messageImprint, serialNumber, nonce } = tstInfo;
  const theirs = stamp.messageImprint;
  const theirNonce = stamp.nonce && integer(stamp.nonce.valueBlock.valueHexView);
  const checks: readonly (readonly [field: string, same: boolean])[] = [
    [
      'messageImprint.hashAlgorithm',
      digestAlgorithmOfOid(theirs.hashAlgorithm.algorithmId) === messageImprint.algorithm,
    ],
    [
      'messageImprint.hashedMessage',
      equalBytes(theirs.hashedMessage.valueBlock.valueHexView, messageImprint.hashedMessage),
    ],
    ['serialNumber', integer(stamp.serialNumber.valueBlock.valueHexView) === serialNumber],
    ['genTime', sameTime(stamp.genTime, tstInfo.genTime)],
    ['nonce', theirNonce === nonce],
  ];
  const fields = checks.flatMap(([field, same]) => (same ? [] : [field]));
  return fields.length === 0 ? { kind: 'agrees' } : { kind: 'differs', fields };
}
