// The long term signature profiles of ISO 14533-1 (CAdES-T and CAdES-A), element by element: what a signature has of
// each, and whether that is what its level asks for. It says what is there, not whether it verifies. How far the
// levels were compared with the ISO's own tables: docs/standards.md.
import { attributesOfType } from '#shared/cms/attributes.ts';
import type { SignedData, SignerInfo } from '#shared/cms/signed-data.ts';
import { oids } from '#shared/oid.ts';

/** The words of the profiles; conditional: one of several has to be there. */
export type ElementLevel = 'mandatory' | 'conditional' | 'optional' | 'prohibited';

export type ProfileElement = {
  readonly name: string;
  readonly level: ElementLevel;
  readonly present: boolean;
  /** Whether presence or absence is what the level asks for. */
  readonly met: boolean;
};

export type LongTermProfile = 'CAdES-T' | 'CAdES-A';

export type ProfileCheck = {
  readonly profile: LongTermProfile;
  readonly conforms: boolean;
  /** In the order of the profile: containers first, then signed and unsigned attributes. */
  readonly elements: readonly ProfileElement[];
};

type Signed = { readonly signedData: SignedData; readonly signerInfo: SignerInfo };

type Rule = {
  readonly name: string;
  readonly level: ElementLevel | Readonly<Record<LongTermProfile, ElementLevel>>;
  readonly present: (signed: Signed) => boolean;
};

const always = (): boolean => true;
const signedAttribute =
  (...types: readonly string[]) =>
  ({ signerInfo }: Signed): boolean =>
    types.some((oid) => attributesOfType(signerInfo.signedAttrs?.attributes ?? [], oid).length > 0);
const unsignedAttribute =
  (...types: readonly string[]) =>
  ({ signerInfo }: Signed): boolean =>
    types.some((oid) => attributesOfType(signerInfo.unsignedAttrs, oid).length > 0);

/** Only of the archive profile: before it there is nothing that it would be over. */
const archive = (level: ElementLevel) => ({ 'CAdES-T': 'optional', 'CAdES-A': level }) as const;

const rules: readonly Rule[] = [
  { name: 'SignedData.version', level: 'mandatory', present: always },
  {
    name: 'digestAlgorithms',
    level: 'mandatory',
    present: ({ signedData }) => signedData.digestAlgorithms.length > 0,
  },
  { name: 'encapContentInfo', level: 'mandatory', present: always },
  {
    name: 'eContent',
    level: 'optional',
    present: ({ signedData }) => signedData.eContent !== undefined,
  },
  {
    name: 'certificates',
    level: 'optional',
    present: ({ signedData }) => signedData.certificatesPresent,
  },
  {
    name: 'crls',
    level: 'optional',
    present: ({ signedData }) => signedData.elements.crls !== undefined,
  },
  { name: 'signerInfos', level: 'mandatory', present: always },
  {
    name: 'signedAttrs',
    level: 'mandatory',
    present: ({ signerInfo }) => signerInfo.signedAttrs !== undefined,
  },
  {
    name: 'unsignedAttrs',
    level: 'mandatory',
    present: ({ signerInfo }) => signerInfo.unsignedAttrs.length > 0,
  },
  { name: 'content-type', level: 'mandatory', present: signedAttribute(oids.idContentType) },
  { name: 'message-digest', level: 'mandatory', present: signedAttribute(oids.idMessageDigest) },
  {
    name: 'signing-certificate, signing-certificate-v2',
    level: 'conditional',
    present: signedAttribute(oids.idAaSigningCertificate, oids.idAaSigningCertificateV2),
  },
  {
    name: 'signature-policy-identifier',
    level: 'optional',
    present: signedAttribute(oids.idAaEtsSigPolicyId),
  },
  { name: 'signing-time', level: 'optional', present: signedAttribute(oids.idSigningTime) },
  {
    name: 'content-reference',
    level: 'optional',
    present: signedAttribute(oids.idAaContentReference),
  },
  { name: 'content-hints', level: 'optional', present: signedAttribute(oids.idAaContentHint) },
  {
    name: 'commitment-type-indication',
    level: 'optional',
    present: signedAttribute(oids.idAaEtsCommitmentType),
  },
  {
    name: 'signer-location',
    level: 'optional',
    present: signedAttribute(oids.idAaEtsSignerLocation),
  },
  {
    name: 'signer-attributes',
    level: 'optional',
    present: signedAttribute(oids.idAaEtsSignerAttr, oids.idAaEtsSignerAttrV2),
  },
  {
    name: 'content-time-stamp',
    level: 'optional',
    present: signedAttribute(oids.idAaEtsContentTimestamp),
  },
  {
    name: 'countersignature',
    level: 'optional',
    present: unsignedAttribute(oids.idCountersignature),
  },
  {
    name: 'signature-time-stamp',
    level: 'mandatory',
    present: unsignedAttribute(oids.idAaSignatureTimeStampToken),
  },
  {
    name: 'complete-certificate-references',
    level: 'optional',
    present: unsignedAttribute(oids.idAaEtsCertificateRefs),
  },
  {
    name: 'complete-revocation-references',
    level: 'optional',
    present: unsignedAttribute(oids.idAaEtsRevocationRefs),
  },
  {
    // RFC 5126 §6.3.3, or the fields of CMS as EN 319 122-1 §6.3 has it.
    name: 'certificate-values, certificates',
    level: archive('conditional'),
    present: (signed) =>
      signed.signedData.certificatesPresent || unsignedAttribute(oids.idAaEtsCertValues)(signed),
  },
  {
    name: 'revocation-values, crls',
    level: archive('conditional'),
    present: (signed) =>
      signed.signedData.elements.crls !== undefined ||
      unsignedAttribute(oids.idAaEtsRevocationValues)(signed),
  },
  {
    name: 'CAdES-C-time-stamp',
    level: 'optional',
    present: unsignedAttribute(oids.idAaEtsEscTimeStamp),
  },
  {
    name: 'time-stamped-certs-crls-references',
    level: 'optional',
    present: unsignedAttribute(oids.idAaEtsCertCRLTimestamp),
  },
  {
    name: 'archive-time-stamp-v2, archive-time-stamp-v3',
    level: archive('conditional'),
    present: unsignedAttribute(oids.idAaEtsArchiveTimestampV2, oids.idAaEtsArchiveTimestampV3),
  },
];

function isMet(level: ElementLevel, present: boolean): boolean {
  switch (level) {
    case 'mandatory':
    case 'conditional':
      return present;
    case 'prohibited':
      return !present;
    case 'optional':
      return true;
  }
}

/** One signer of a SignedData against both profiles, CAdES-T first. @see ISO 14533-1 */
export function checkLongTermProfiles(signed: Signed): readonly ProfileCheck[] {
  return (['CAdES-T', 'CAdES-A'] as const).map((profile): ProfileCheck => {
    const elements = rules.map(({ name, level: levels, present: isPresent }): ProfileElement => {
      const level = typeof levels === 'string' ? levels : levels[profile];
      const present = isPresent(signed);
      return { name, level, present, met: isMet(level, present) };
    });
    return { profile, conforms: elements.every(({ met }) => met), elements };
  });
}
