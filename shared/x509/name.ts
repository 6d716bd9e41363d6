// Distinguished names: X.501 Name read, printed (RFC 4514) and compared (RFC 5280 §7.1). The octets as
// received are kept; comparison ignores case and folds white space in every kind of string.
import { equalBytes, toHex } from '#shared/bytes.ts';
import {
  isUniversal,
  readChildren,
  readObjectIdentifier,
  readWhole,
  tags,
} from '#shared/der/reader.ts';
import type { Tlv } from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { expectSequence, expectUniversal } from './extension.ts';

/** `AttributeTypeAndValue ::= SEQUENCE { type AttributeType, value AttributeValue }` */
export type NameAttribute = {
  readonly oid: string;
  /** Text of a string type; missing for any other type. */
  readonly text?: string;
  /** The whole value element. */
  readonly value: Uint8Array;
};

export type RelativeDistinguishedName = readonly NameAttribute[];

/** `Name ::= CHOICE { rdnSequence SEQUENCE OF RelativeDistinguishedName }`, in the order encoded. */
export type Name = {
  /** The whole element as received. */
  readonly raw: Uint8Array;
  readonly rdns: readonly RelativeDistinguishedName[];
  /** RFC 4514: most specific first, `CN=…,O=…,C=…`; empty for the empty name. */
  readonly text: string;
};

/** RFC 4514 §3 and the customary ones; others print as their identifier. */
const keywords: Readonly<Record<string, string>> = {
  [oids.commonName]: 'CN',
  [oids.localityName]: 'L',
  [oids.stateOrProvinceName]: 'ST',
  [oids.organizationName]: 'O',
  [oids.organizationalUnitName]: 'OU',
  [oids.countryName]: 'C',
  [oids.streetAddress]: 'STREET',
  [oids.domainComponent]: 'DC',
  [oids.userId]: 'UID',
  [oids.serialNumber]: 'serialNumber',
  [oids.organizationIdentifier]: 'organizationIdentifier',
  [oids.surname]: 'SN',
  [oids.givenName]: 'givenName',
  [oids.title]: 'title',
  [oids.pseudonym]: 'pseudonym',
  [oids.emailAddress]: 'emailAddress',
};

const utf8 = new TextDecoder('utf-8', { fatal: true });
const utf16 = new TextDecoder('utf-16be', { fatal: true });
const latin1 = new TextDecoder('latin1');

function readUniversalString(octets: Uint8Array): string | undefined {
  if (octets.length % 4 !== 0) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  let text = '';
  for (let i = 0; i < octets.length; i += 4) {
    const point = view.getUint32(i);
    if (point > 0x10ffff) return undefined;
    text += String.fromCodePoint(point);
  }
  return text;
}

/** All octets below 128: then every 8-bit string type means the same, and no decoder is needed. */
function readAscii(octets: Uint8Array): string | undefined {
  if (octets.length > 256) return undefined;
  let text = '';
  for (const octet of octets) {
    if (octet > 127) return undefined;
    text += String.fromCharCode(octet);
  }
  return text;
}

/**
 * Text of a string element, whichever of DirectoryString's choices or their older kin it is; `undefined` for other
 * types and for octets that are no such string. @see RFC 5280 §4.1.2.4
 */
export function readText(
  value: Pick<Tlv, 'tagClass' | 'constructed' | 'tag' | 'content'>,
): string | undefined {
  if (value.tagClass !== 'universal' || value.constructed) return undefined;
  try {
    switch (value.tag) {
      case tags.utf8String:
        return readAscii(value.content) ?? utf8.decode(value.content);
      case tags.bmpString:
        return value.content.length % 2 === 0 ? utf16.decode(value.content) : undefined;
      case tags.universalString:
        return readUniversalString(value.content);
      case tags.printableString:
      case tags.ia5String:
      case tags.visibleString:
      case tags.teletexString:
        // TeletexString is read as Latin-1, as certificates of its time mean it.
        return readAscii(value.content) ?? latin1.decode(value.content);
      default:
        return undefined;
    }
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** RFC 4514 §2.4: what must be escaped in a value. */
function escapeValue(text: string): string {
  if (!/[\\"+,;<>\u0000-\u001f\u007f]|^[ #]| $/.test(text)) return text;
  return text
    .replace(/[\\"+,;<>]/g, (special) => `\\${special}`)
    .replace(/[\u0000-\u001f\u007f]/g, (control) => `\\${toHex(new TextEncoder().encode(control))}`)
    .replace(/^[ #]/, (first) => `\\${first}`)
    .replace(/(?<!\\) $/, '\\ ');
}

function printAttribute(attribute: NameAttribute): string {
  const keyword = keywords[attribute.oid] ?? attribute.oid;
  const { text } = attribute;
  return `${keyword}=${text === undefined ? `#${toHex(attribute.value)}` : escapeValue(text)}`;
}

function printName(rdns: readonly RelativeDistinguishedName[]): string {
  return rdns
    .toReversed()
    .map((rdn) => rdn.map(printAttribute).join('+'))
    .join(',');
}

function readAttribute(tlv: Tlv): NameAttribute {
  const [type, value, excess] = isUniversal(tlv, tags.sequence) ? readChildren(tlv) : [];
  if (!isUniversal(type, tags.objectIdentifier) || !value || excess)
    throw new FormatError('ERR_FORMAT_DER', 'AttributeTypeAndValue expected', {
      offset: tlv.offset,
      clause: 'RFC 5280 §4.1.2.4',
    });
  const oid = readObjectIdentifier(type);
  const text = readText(value);
  return text === undefined ? { oid, value: value.raw } : { oid, text, value: value.raw };
}

/** Reads the SET of one relative distinguished name. @throws FormatError ERR_FORMAT_DER */
export function readRelativeDistinguishedName(tlv: Tlv): RelativeDistinguishedName {
  const rdn = readChildren(tlv).map(readAttribute);
  if (rdn.length === 0)
    throw new FormatError('ERR_FORMAT_DER', 'empty RelativeDistinguishedName', {
      offset: tlv.offset,
      clause: 'RFC 5280 §4.1.2.4',
    });
  return rdn;
}

/** Reads a Name element; octet fields are views. @throws FormatError ERR_FORMAT_DER */
export function readName(tlv: Tlv): Name {
  const rdns = readChildren(expectSequence(tlv, 'Name')).map((rdn) =>
    readRelativeDistinguishedName(expectUniversal(rdn, tags.set, 'RelativeDistinguishedName')),
  );
  return { raw: tlv.raw, rdns, text: printName(rdns) };
}

/** Reads the octets of one Name. @throws FormatError ERR_FORMAT_DER */
export function parseName(octets: Uint8Array): Name {
  return readName(readWhole(octets));
}

function comparableAttribute(attribute: NameAttribute): string {
  const { text } = attribute;
  if (text === undefined) return `${attribute.oid}#${toHex(attribute.value)}`;
  // RFC 5280 §7.1 by RFC 4518: controls, compatibility forms, case and runs of white space do not count.
  const mapped = text.replace(/[\u0000-\u0008\u000e-\u001f\u007f-\u0084\u0086-\u009f\u00ad]/g, '');
  const folded = mapped
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\u0085]+/g, ' ')
    .trim();
  return `${attribute.oid}=${folded}`;
}

type Comparable = { readonly rdns: readonly string[]; readonly key: string };

const comparables = new WeakMap<Name, Comparable>();

/** One string per relative distinguished name, and all of them as one; equal strings mean matching names. */
function comparable(name: Name): Comparable {
  const known = comparables.get(name);
  if (known) return known;
  // Attributes of one RDN are a set: their order does not count.
  const rdns = name.rdns.map((rdn) => rdn.map(comparableAttribute).sort().join('\u0000'));
  const fresh = { rdns, key: rdns.join('\u0001') };
  comparables.set(name, fresh);
  return fresh;
}

/** A string that is equal for names that match (RFC 5280 §7.1): a key for maps. */
export function nameKey(name: Name): string {
  return comparable(name).key;
}

/** Whether two names match. @see RFC 5280 §7.1 */
export function namesMatch(a: Name, b: Name): boolean {
  if (equalBytes(a.raw, b.raw)) return true;
  if (a.rdns.length !== b.rdns.length) return false;
  return nameKey(a) === nameKey(b);
}

/** Whether `name` lies in the subtree that `base` opens: its first RDNs match. @see RFC 5280 §7.1 */
export function isInSubtree(name: Name, base: Name): boolean {
  const own = comparable(name).rdns;
  return comparable(base).rdns.every((rdn, index) => rdn === own[index]);
}

/** The name whose RDNs are those of `base` and one more (nameRelativeToCRLIssuer, RFC 5280 §4.2.1.13). */
export function appendRdn(base: Name, rdn: RelativeDistinguishedName): Name {
  const rdns = [...base.rdns, rdn];
  return { raw: new Uint8Array(), rdns, text: printName(rdns) };
}
