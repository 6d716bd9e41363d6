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
import { readText } from './name.ts';

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

/** Under an implicit tag the choice of DirectoryString is lost: read as UTF-8, which all but BMPString write alike. */
function readName(tlv: Tlv): string {
  if (tlv.constructed || tlv.content.length > maxNameOctets) throw malformed('no name', tlv);
  const { content, constructed } = tlv;
  const untagged = { tagClass: 'universal', tag: tags.utf8String, constructed, content } as const;
  const name = readText(tlv.tagClass === 'context' ? untagged : tlv);
  if (name === undefined) throw malformed('no name', tlv);
  return name;
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
  const [text, another] = name.constructed ? readChildren(name) : [name];
  if (!text || another) throw malformed('no name', tlv);
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
