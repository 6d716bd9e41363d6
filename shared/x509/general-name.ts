// GeneralName in all its alternatives (RFC 5280 §4.2.1.6), as alternative names, constraints and
// distribution points use it. Text is kept as received; how it is compared is for shared/trust.
import { isContext, readChildren, readObjectIdentifier } from '#shared/der/reader.ts';
import type { Tlv } from '#shared/der/reader.ts';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';
import { namesMatch, readName } from './name.ts';
import type { Name } from './name.ts';

export type GeneralName =
  | { readonly kind: 'rfc822Name'; readonly value: string }
  | { readonly kind: 'dNSName'; readonly value: string }
  | { readonly kind: 'uniformResourceIdentifier'; readonly value: string }
  | { readonly kind: 'directoryName'; readonly name: Name }
  /** 4 or 16 octets; 8 or 32 (address and mask) in a name constraint. */
  | { readonly kind: 'iPAddress'; readonly octets: Uint8Array }
  | { readonly kind: 'registeredID'; readonly oid: string }
  | { readonly kind: 'otherName'; readonly oid: string; readonly value: Uint8Array }
  | { readonly kind: 'x400Address' | 'ediPartyName'; readonly raw: Uint8Array };

function malformed(tlv: Tlv, what: string): FormatError {
  return new FormatError('ERR_FORMAT_DER', `${what} at octet ${tlv.offset}`, {
    offset: tlv.offset,
    clause: 'RFC 5280 §4.2.1.6',
  });
}

function readIa5(tlv: Tlv): string {
  if (tlv.constructed) throw malformed(tlv, 'IA5String expected');
  // RFC 5280 §4.2.1.6: IA5String. An octet above 127 has no meaning and would compare unpredictably.
  if (tlv.content.some((octet) => octet > 127)) throw malformed(tlv, 'IA5String with other octets');
  return Buffer.from(tlv.content).toString('latin1');
}

function readOtherName(tlv: Tlv): GeneralName {
  const [type, value] = readChildren(tlv);
  if (!type || !isContext(value, 0)) throw malformed(tlv, 'bad otherName');
  return { kind: 'otherName', oid: readObjectIdentifier(type), value: value.content };
}

/** Reads one GeneralName element. @throws FormatError ERR_FORMAT_DER */
export function readGeneralName(tlv: Tlv): GeneralName {
  if (tlv.tagClass !== 'context') throw malformed(tlv, 'GeneralName expected');
  switch (tlv.tag) {
    case 0:
      return readOtherName(tlv);
    case 1:
      return { kind: 'rfc822Name', value: readIa5(tlv) };
    case 2:
      return { kind: 'dNSName', value: readIa5(tlv) };
    case 3:
      return { kind: 'x400Address', raw: tlv.raw };
    case 4: {
      const [name] = readChildren(tlv);
      if (!name) throw malformed(tlv, 'empty directoryName');
      return { kind: 'directoryName', name: readName(name) };
    }
    case 5:
      return { kind: 'ediPartyName', raw: tlv.raw };
    case 6:
      return { kind: 'uniformResourceIdentifier', value: readIa5(tlv) };
    case 7:
      return { kind: 'iPAddress', octets: tlv.content };
    case 8:
      return { kind: 'registeredID', oid: readObjectIdentifier(tlv) };
    default:
      throw malformed(tlv, 'unknown GeneralName');
  }
}

/** `GeneralNames ::= SEQUENCE SIZE (1..MAX) OF GeneralName`, of any tag. @throws FormatError ERR_FORMAT_DER */
export function readGeneralNames(tlv: Tlv): readonly GeneralName[] {
  const names = readChildren(tlv).map(readGeneralName);
  if (names.length === 0) throw malformed(tlv, 'empty GeneralNames');
  return names;
}

/** Whether two names are the same name: directory names by RFC 5280 §7.1, all others as received. */
export function generalNamesMatch(a: GeneralName, b: GeneralName): boolean {
  switch (a.kind) {
    case 'directoryName':
      return b.kind === 'directoryName' && namesMatch(a.name, b.name);
    case 'rfc822Name':
    case 'dNSName':
    case 'uniformResourceIdentifier':
      return b.kind === a.kind && a.value === b.value;
    case 'iPAddress':
      return b.kind === 'iPAddress' && equalBytes(a.octets, b.octets);
    case 'registeredID':
      return b.kind === 'registeredID' && a.oid === b.oid;
    case 'otherName':
      return b.kind === 'otherName' && a.oid === b.oid && equalBytes(a.value, b.value);
    case 'x400Address':
    case 'ediPartyName':
      return b.kind === a.kind && equalBytes(a.raw, b.raw);
  }
}

/** The directory names among several names. */
export function directoryNames(names: readonly GeneralName[]): readonly Name[] {
  return names.flatMap((name) => (name.kind === 'directoryName' ? [name.name] : []));
}

/** For messages and reports. */
export function printGeneralName(name: GeneralName): string {
  switch (name.kind) {
    case 'directoryName':
      return name.name.text;
    case 'rfc822Name':
    case 'dNSName':
    case 'uniformResourceIdentifier':
      return name.value;
    case 'iPAddress':
      return toHex(name.octets);
    case 'registeredID':
      return name.oid;
    case 'otherName':
      return `${name.oid}:${toHex(name.value)}`;
    case 'x400Address':
    case 'ediPartyName':
      return `${name.kind}:${toHex(name.raw)}`;
  }
}
