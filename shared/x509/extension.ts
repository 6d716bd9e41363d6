// Extension (RFC 5280 §4.1.2.9) of certificates, CRLs and OCSP alike, and what reading their values
// shares: one parser table per structure, a value that does not parse becoming a problem with a name.
import {
  isUniversal,
  readBitString,
  readBoolean,
  readChildren,
  readInteger,
  readObjectIdentifier,
  readWhole,
  tags,
} from '#shared/der/reader.ts';
import type { Tlv } from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { oidName } from '#shared/oid.ts';

/** `Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }` */
export type Extension = {
  readonly oid: string;
  readonly critical: boolean;
  /** Contents of the OCTET STRING: the DER of the extension's own type. */
  readonly value: Uint8Array;
};

/** An extension whose value is not what its type says, or that is there twice. */
export type ExtensionProblem = { readonly oid: string; readonly message: string };

function readExtension(tlv: Tlv): Extension {
  const fields = isUniversal(tlv, tags.sequence) ? readChildren(tlv) : [];
  const [id, second, third] = fields;
  const critical = isUniversal(second, tags.boolean) ? second : undefined;
  const value = critical ? third : second;
  if (
    !isUniversal(id, tags.objectIdentifier) ||
    !isUniversal(value, tags.octetString) ||
    value.constructed ||
    fields.length !== (critical ? 3 : 2)
  ) {
    throw new FormatError('ERR_FORMAT_DER', `Extension expected at octet ${tlv.offset}`, {
      offset: tlv.offset,
      clause: 'RFC 5280 §4.1.2.9',
    });
  }
  return {
    oid: readObjectIdentifier(id),
    critical: critical ? readBoolean(critical) : false,
    value: value.content,
  };
}

/** `Extensions ::= SEQUENCE SIZE (1..MAX) OF Extension`. @throws FormatError ERR_FORMAT_DER */
export function readExtensions(tlv: Tlv): readonly Extension[] {
  return readChildren(expectSequence(tlv, 'Extensions')).map(readExtension);
}

/** Reads the values that `parsers` knows into one object; what fails is listed, not thrown. */
export function interpretExtensions<Known extends object>(
  extensions: readonly Extension[],
  parsers: ReadonlyMap<string, (value: Tlv) => Partial<Known>>,
): { readonly known: Partial<Known>; readonly problems: readonly ExtensionProblem[] } {
  const known: Partial<Known> = {};
  const problems: ExtensionProblem[] = [];
  const seen = new Set<string>();
  for (const { oid, value } of extensions) {
    // RFC 5280 §4.2: not more than one instance; else two readers may each heed another one.
    if (seen.has(oid)) {
      problems.push({ oid, message: `extension ${oidName(oid)} occurs twice` });
      continue;
    }
    seen.add(oid);
    const parse = parsers.get(oid);
    if (!parse) continue;
    try {
      Object.assign(known, parse(readWhole(value)));
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      problems.push({ oid, message: `extension ${oidName(oid)}: ${error.message}` });
    }
  }
  return { known, problems };
}

/** The element, if it has this universal tag. @throws FormatError ERR_FORMAT_DER */
export function expectUniversal(tlv: Tlv | undefined, tag: number, what: string): Tlv {
  if (tlv?.tagClass === 'universal' && tlv.tag === tag) return tlv;
  throw new FormatError('ERR_FORMAT_DER', `${what} expected`, { offset: tlv?.offset });
}

/** The element, if it is a SEQUENCE. @throws FormatError ERR_FORMAT_DER */
export function expectSequence(tlv: Tlv | undefined, what: string): Tlv {
  return expectUniversal(tlv, tags.sequence, what);
}

/** A count such as pathLenConstraint or SkipCerts, which are INTEGER (0..MAX); huge ones become a large number. */
export function readCount(tlv: Tlv, what: string): number {
  const value = readInteger(tlv);
  if (value < 0n) {
    throw new FormatError('ERR_FORMAT_DER', `${what} is negative`, { offset: tlv.offset });
  }
  return value > 1_000_000n ? 1_000_000 : Number(value);
}

/** The names of the bits that are set in a named bit list. @throws FormatError ERR_FORMAT_DER */
export function readNamedBits<Bit extends string>(
  tlv: Tlv,
  names: readonly Bit[],
): ReadonlySet<Bit> {
  const { octets } = readBitString(tlv);
  return new Set(names.filter((_, bit) => ((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0));
}

/** Octets of an OCTET STRING value, in one piece as DER has it. @throws FormatError ERR_FORMAT_DER */
export function expectOctetString(tlv: Tlv): Uint8Array {
  const { constructed, content } = expectUniversal(tlv, tags.octetString, 'OCTET STRING');
  if (!constructed) return content;
  throw new FormatError('ERR_FORMAT_DER', 'OCTET STRING in segments', { offset: tlv.offset });
}
