// Attributes of CMS (RFC 5652 §5.3): read from octets, looked up by type. What an attribute's value
// means stands with whoever asks for it.
import {
  isUniversal,
  readChildren,
  readObjectIdentifier,
  tags,
  type Tlv,
} from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';

/** `Attribute ::= SEQUENCE { attrType OBJECT IDENTIFIER, attrValues SET OF AttributeValue }`; each value is a whole element. */
export type Attribute = {
  readonly oid: string;
  readonly raw: Uint8Array;
  readonly values: readonly Uint8Array[];
};

function readAttribute(tlv: Tlv): Attribute {
  const [type, values, excess] = isUniversal(tlv, tags.sequence) ? readChildren(tlv) : [];
  if (!isUniversal(type, tags.objectIdentifier) || !isUniversal(values, tags.set) || excess) {
    throw new FormatError('ERR_FORMAT_CMS', `Attribute expected at octet ${tlv.offset}`, {
      offset: tlv.offset,
      clause: 'RFC 5652 §5.3',
    });
  }
  return {
    oid: readObjectIdentifier(type),
    raw: tlv.raw,
    values: readChildren(values).map((value) => value.raw),
  };
}

/** The attributes inside a SET OF Attribute, whatever its tag, in stored order. @throws FormatError ERR_FORMAT_DER, ERR_FORMAT_CMS */
export function readAttributes(set: Tlv): readonly Attribute[] {
  return readChildren(set).map(readAttribute);
}

/** Every attribute of this type, in stored order. */
export function attributesOfType(attributes: readonly Attribute[], oid: string): Attribute[] {
  return attributes.filter((attribute) => attribute.oid === oid);
}
