// hcRole: the professional roles that a healthcare certificate asserts, in the extension
// subjectDirectoryAttributes (RFC 5280 §4.2.1.8; ISO 17090-2). What a role entitles to, and whose word for it
// counts, is for shared/trust and the policies.
import {
  type Tlv,
  isContext,
  isUniversal,
  readChildren,
  readObjectIdentifier,
  readWhole,
  tags,
} from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import type { Certificate } from './certificate.ts';

/** One CodedData: where the name comes from, and the name as it stands in the certificate. */
export type HcRole = {
  /** Identifier of the coding scheme; of HPKI it is id-jhpki-cdata. */
  readonly codingScheme: string;
  /** Such as `Medical Doctor`. */
  readonly name: string;
};

/** Nobody holds more licences; the bound is for what claims to. */
const maxRoles = 50;
const maxNameOctets = 200;

function malformed(what: string, tlv: Tlv): FormatError {
  return new FormatError('ERR_FORMAT_DER', `hcRole: ${what}`, {
    offset: tlv.offset,
    clause: 'ISO 17090-2',
  });
}

/** What a context tag holds, tagged explicitly or not: writers differ, and the content tells. */
function inside(tlv: Tlv | undefined, tag: number): Tlv | undefined {
  if (!tlv?.constructed) return tlv;
  const [only, another] = readChildren(tlv);
  return only && !another && isUniversal(only, tag) ? only : tlv;
}

const textTags: readonly number[] = [tags.utf8String, tags.printableString, tags.ia5String];

function readName(tlv: Tlv): string {
  const isText = !tlv.constructed && (tlv.tagClass === 'context' || textTags.includes(tlv.tag));
  if (!isText || tlv.content.length > maxNameOctets) throw malformed('no name', tlv);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(tlv.content);
  } catch {
    throw malformed('a name that is no UTF-8', tlv);
  }
}

/** `CodedData ::= SET { [0] OBJECT IDENTIFIER, [1] NumericString OPTIONAL, [2] DirectoryString }` */
function readCodedData(tlv: Tlv): HcRole {
  const fields = readChildren(inside(tlv, tags.set) ?? tlv);
  const scheme = inside(
    fields.find((field) => isContext(field, 0)),
    tags.objectIdentifier,
  );
  const name = fields.find((field) => isContext(field, 2));
  if (!scheme || scheme.constructed || !name) throw malformed('incomplete coded data', tlv);
  const text = name.constructed ? readChildren(name)[0] : name;
  if (!text) throw malformed('no name', tlv);
  return {
    codingScheme: readObjectIdentifier(scheme),
    name: readName(text),
  };
}

/** `HCActorData ::= SET OF HCActor`, `HCActor ::= SEQUENCE { [0] CodedData, [1] regional OPTIONAL }` */
function readActorData(tlv: Tlv): HcRole[] {
  if (!isUniversal(tlv, tags.set)) throw malformed('HCActorData expected', tlv);
  return readChildren(tlv).map((actor) => {
    const coded = isUniversal(actor, tags.sequence)
      ? readChildren(actor).find((field) => isContext(field, 0))
      : undefined;
    if (!coded) throw malformed('HCActor without coded data', actor);
    return readCodedData(coded);
  });
}

/**
 * The roles of a certificate, in its order; none where there is no such attribute. The attribute type is
 * compared as a whole: its siblings in the arc mean other things.
 * @throws FormatError ERR_FORMAT_DER, ERR_FORMAT_LIMIT: what is there does not say a role
 * @see ISO 17090-2, subjectDirectoryAttributes
 */
export function readHcRoles({ extensions }: Certificate): readonly HcRole[] {
  const extension = extensions.find(({ oid }) => oid === oids.subjectDirectoryAttributes);
  if (!extension) return [];
  const roles = readChildren(readWhole(extension.value)).flatMap((attribute) => {
    const [type, values] = readChildren(attribute);
    if (!type || readObjectIdentifier(type) !== oids.idHcpkiAtHealthcareactor) return [];
    if (!values || !isUniversal(values, tags.set)) throw malformed('no values', attribute);
    return readChildren(values).flatMap(readActorData);
  });
  if (roles.length > maxRoles)
    throw new FormatError('ERR_FORMAT_LIMIT', `more than ${maxRoles} roles in a certificate`);
  return roles;
}
