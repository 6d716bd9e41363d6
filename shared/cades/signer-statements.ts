// What a signer states in signed attributes beside the content: policy, commitments, roles, place, kind of content
// (EN 319 122-1 §5.2). Proved by nothing but the signature; read for people, judged by nobody.
import { toHex } from '#shared/bytes.ts';
import { attributesOfType } from '#shared/cms/attributes.ts';
import type { SignerInfo } from '#shared/cms/signed-data.ts';
import { readAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  isContext,
  isUniversal,
  readChildren,
  readObjectIdentifier,
  readOctets,
  readWhole,
  tags,
  type Tlv,
} from '#shared/der/reader.ts';
import { oidName, oids } from '#shared/oid.ts';
import { type Problem, attempt } from '#shared/problem.ts';
import { readText } from '#shared/x509/name.ts';

/** One statement, as the attribute's name and what it says in words and identifiers. */
export type SignerStatement = { readonly attribute: string; readonly says: string };

export type SignerStatements = {
  readonly statements: readonly SignerStatement[];
  /** Attributes that do not parse. */
  readonly problems: readonly Problem[];
};

/** All texts in an element, in their order. */
function textsIn(element: Tlv): readonly string[] {
  if (element.constructed) return readChildren(element).flatMap(textsIn);
  const text = readText(element);
  return text === undefined ? [] : [text];
}

/** `SignaturePolicy ::= CHOICE { SignaturePolicyId, SignaturePolicyImplied }`; qualifiers by their texts. */
function policy(value: Tlv): string {
  if (!isUniversal(value, tags.sequence)) return 'implied';
  const [id, hash, qualifiers] = readChildren(value);
  if (!id) return '';
  const [algorithm, octets] = isUniversal(hash, tags.sequence) ? readChildren(hash) : [];
  return [
    oidName(readObjectIdentifier(id)),
    ...(algorithm && octets
      ? [`${oidName(readAlgorithmIdentifier(algorithm).oid)} ${toHex(readOctets(octets))}`]
      : []),
    ...(qualifiers ? textsIn(qualifiers) : []),
  ].join(', ');
}

/** `Attribute` by its type and the texts in its values. */
function attributeText(attribute: Tlv): string {
  const [type, values] = readChildren(attribute);
  const texts = values ? textsIn(values) : [];
  return `${type ? oidName(readObjectIdentifier(type)) : ''} ${texts.join(', ')}`.trim();
}

/**
 * Claimed attributes in full, others by what they are. The module has explicit tags, and writers that leave the inner
 * SEQUENCE OF out.
 */
function roles(value: Tlv): string {
  const parts = readChildren(value).flatMap((part): readonly string[] => {
    if (isContext(part, 1)) return ['certified attributes'];
    if (!isContext(part, 0)) return ['signed assertions'];
    return readChildren(part).flatMap((inner) => {
      const [first] = readChildren(inner);
      const isAttribute = isUniversal(first, tags.objectIdentifier);
      return (isAttribute ? [inner] : readChildren(inner)).map(attributeText);
    });
  });
  return parts.join('; ');
}

/** By the identifier that the value begins with, and the texts in it. */
function identified(value: Tlv): string {
  const [first] = readChildren(value);
  const isNamed = isUniversal(first, tags.objectIdentifier);
  return [...(isNamed ? [oidName(readObjectIdentifier(first))] : []), ...textsIn(value)].join(', ');
}

const readers: readonly (readonly [oid: string, name: string, read: (value: Tlv) => string])[] = [
  [oids.idAaEtsSigPolicyId, 'signature-policy-identifier', policy],
  [oids.idAaEtsCommitmentType, 'commitment-type-indication', identified],
  [oids.idAaEtsSignerAttr, 'signer-attributes', roles],
  [oids.idAaEtsSignerAttrV2, 'signer-attributes-v2', roles],
  [oids.idAaEtsSignerLocation, 'signer-location', (value) => textsIn(value).join(', ')],
  [oids.idAaContentHint, 'content-hints', (value) => textsIn(value).join(', ')],
  [oids.idAaEtsMimeType, 'mime-type', (value) => textsIn(value).join(', ')],
];

/** @see EN 319 122-1 §5.2 */
export function readSignerStatements({ signedAttrs }: SignerInfo): SignerStatements {
  const problems: Problem[] = [];
  const statements = readers.flatMap(([oid, attribute, read]) =>
    attributesOfType(signedAttrs?.attributes ?? [], oid)
      .flatMap(({ values }) => values)
      .flatMap((value): readonly SignerStatement[] => {
        const says = attempt(problems, attribute, () => read(readWhole(value)));
        return says === undefined ? [] : [{ attribute, says }];
      }),
  );
  return { statements, problems };
}
