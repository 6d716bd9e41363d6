// The certificate extensions that path validation, revocation and reports read (RFC 5280 §4.2), each as
// a value of its own. What they demand of a path is for shared/trust.
import {
  isContext,
  isUniversal,
  readBoolean,
  readChildren,
  readInteger,
  readObjectIdentifier,
  tags,
} from '#shared/der/reader.ts';
import type { Tlv } from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { readDistributionPoints } from './distribution-point.ts';
import type { DistributionPoint } from './distribution-point.ts';
import { expectOctetString, expectSequence, readCount, readNamedBits } from './extension.ts';
import { readGeneralName, readGeneralNames } from './general-name.ts';
import type { GeneralName } from './general-name.ts';

/** §4.2.1.3, by bit. */
const keyUsageBits = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof keyUsageBits)[number];

/** §4.2.1.9 */
export type BasicConstraints = { readonly cA: boolean; readonly pathLenConstraint?: number };

/** §4.2.1.1 */
export type AuthorityKeyIdentifier = {
  readonly keyIdentifier?: Uint8Array;
  readonly authorityCertIssuer?: readonly GeneralName[];
  readonly authorityCertSerialNumber?: bigint;
};

/** §4.2.1.4: one policy and its qualifiers as whole elements. */
export type PolicyInformation = {
  readonly policyIdentifier: string;
  readonly policyQualifiers: readonly Uint8Array[];
};

/** §4.2.1.5 */
export type PolicyMapping = {
  readonly issuerDomainPolicy: string;
  readonly subjectDomainPolicy: string;
};

/** §4.2.1.11 */
export type PolicyConstraints = {
  readonly requireExplicitPolicy?: number;
  readonly inhibitPolicyMapping?: number;
};

/** §4.2.1.10; RFC 5280 wants minimum 0 and no maximum. */
export type GeneralSubtree = {
  readonly base: GeneralName;
  readonly minimum: bigint;
  readonly maximum?: bigint;
};

export type NameConstraints = {
  readonly permittedSubtrees: readonly GeneralSubtree[];
  readonly excludedSubtrees: readonly GeneralSubtree[];
};

/** §4.2.2.1 */
export type AccessDescription = {
  readonly accessMethod: string;
  readonly accessLocation: GeneralName;
};

/** Those that are there and well formed. */
export type CertificateExtensions = {
  readonly basicConstraints?: BasicConstraints;
  readonly keyUsage?: ReadonlySet<KeyUsage>;
  /** Identifiers of key purposes (§4.2.1.12). */
  readonly extendedKeyUsage?: readonly string[];
  readonly subjectKeyIdentifier?: Uint8Array;
  readonly authorityKeyIdentifier?: AuthorityKeyIdentifier;
  readonly subjectAltName?: readonly GeneralName[];
  readonly issuerAltName?: readonly GeneralName[];
  readonly certificatePolicies?: readonly PolicyInformation[];
  readonly policyMappings?: readonly PolicyMapping[];
  readonly policyConstraints?: PolicyConstraints;
  readonly inhibitAnyPolicy?: number;
  readonly nameConstraints?: NameConstraints;
  readonly cRLDistributionPoints?: readonly DistributionPoint[];
  readonly freshestCRL?: readonly DistributionPoint[];
  readonly authorityInfoAccess?: readonly AccessDescription[];
};

function bad(what: string, tlv: Tlv): FormatError {
  return new FormatError('ERR_FORMAT_DER', what, { offset: tlv.offset });
}

/** Children of a SEQUENCE SIZE (1..MAX). */
function readNonEmpty(tlv: Tlv, what: string): Tlv[] {
  const children = readChildren(expectSequence(tlv, what));
  if (children.length === 0) throw bad(`${what} is empty`, tlv);
  return children;
}

function readBasicConstraints(tlv: Tlv): BasicConstraints {
  const [...fields] = readChildren(expectSequence(tlv, 'BasicConstraints'));
  const cA = isUniversal(fields[0], tags.boolean) ? readBoolean(fields.shift() ?? tlv) : false;
  const [length, excess] = fields;
  if (!length) return { cA };
  if (!isUniversal(length, tags.integer) || excess) throw bad('bad BasicConstraints', tlv);
  return { cA, pathLenConstraint: readCount(length, 'pathLenConstraint') };
}

function readAuthorityKeyIdentifier(tlv: Tlv): AuthorityKeyIdentifier {
  const fields = readChildren(expectSequence(tlv, 'AuthorityKeyIdentifier'));
  const keyIdentifier = fields.find((field) => isContext(field, 0));
  const issuer = fields.find((field) => isContext(field, 1));
  const serial = fields.find((field) => isContext(field, 2));
  return {
    ...(keyIdentifier && { keyIdentifier: keyIdentifier.content }),
    ...(issuer && { authorityCertIssuer: readGeneralNames(issuer) }),
    ...(serial && { authorityCertSerialNumber: readInteger(serial) }),
  };
}

function readPolicyInformation(tlv: Tlv): PolicyInformation {
  const [identifier, qualifiers] = readNonEmpty(tlv, 'PolicyInformation');
  if (!identifier) throw bad('PolicyInformation is empty', tlv);
  return {
    policyIdentifier: readObjectIdentifier(identifier),
    policyQualifiers: qualifiers ? readChildren(qualifiers).map(({ raw }) => raw) : [],
  };
}

function readPolicyMapping(tlv: Tlv): PolicyMapping {
  const [issuer, subject, excess] = readNonEmpty(tlv, 'PolicyMappings');
  if (!issuer || !subject || excess) throw bad('bad policy mapping', tlv);
  return {
    issuerDomainPolicy: readObjectIdentifier(issuer),
    subjectDomainPolicy: readObjectIdentifier(subject),
  };
}

function readPolicyConstraints(tlv: Tlv): PolicyConstraints {
  const fields = readNonEmpty(tlv, 'PolicyConstraints');
  const explicit = fields.find((field) => isContext(field, 0));
  const mapping = fields.find((field) => isContext(field, 1));
  return {
    ...(explicit && { requireExplicitPolicy: readCount(explicit, 'requireExplicitPolicy') }),
    ...(mapping && { inhibitPolicyMapping: readCount(mapping, 'inhibitPolicyMapping') }),
  };
}

function readGeneralSubtree(tlv: Tlv): GeneralSubtree {
  const [base, ...bounds] = readNonEmpty(tlv, 'GeneralSubtree');
  if (!base) throw bad('GeneralSubtree is empty', tlv);
  const minimum = bounds.find((field) => isContext(field, 0));
  const maximum = bounds.find((field) => isContext(field, 1));
  return {
    base: readGeneralName(base),
    minimum: minimum ? readInteger(minimum) : 0n,
    ...(maximum && { maximum: readInteger(maximum) }),
  };
}

/** `GeneralSubtrees ::= SEQUENCE SIZE (1..MAX)`, implicitly tagged. */
function readSubtrees(tlv: Tlv): readonly GeneralSubtree[] {
  const subtrees = readChildren(tlv).map(readGeneralSubtree);
  if (subtrees.length === 0) throw bad('GeneralSubtrees is empty', tlv);
  return subtrees;
}

function readNameConstraints(tlv: Tlv): NameConstraints {
  const fields = readNonEmpty(tlv, 'NameConstraints');
  const permitted = fields.find((field) => isContext(field, 0));
  const excluded = fields.find((field) => isContext(field, 1));
  return {
    permittedSubtrees: permitted ? readSubtrees(permitted) : [],
    excludedSubtrees: excluded ? readSubtrees(excluded) : [],
  };
}

function readAccessDescription(tlv: Tlv): AccessDescription {
  const [method, location] = readNonEmpty(tlv, 'AccessDescription');
  if (!method || !location) throw bad('bad AccessDescription', tlv);
  return {
    accessMethod: readObjectIdentifier(method),
    accessLocation: readGeneralName(location),
  };
}

/** What `interpretExtensions` reads of a certificate. */
export const certificateExtensionParsers: ReadonlyMap<
  string,
  (value: Tlv) => Partial<CertificateExtensions>
> = new Map<string, (value: Tlv) => Partial<CertificateExtensions>>([
  [oids.basicConstraints, (value) => ({ basicConstraints: readBasicConstraints(value) })],
  [oids.keyUsage, (value) => ({ keyUsage: readNamedBits(value, keyUsageBits) })],
  [
    oids.extKeyUsage,
    (value) => ({
      extendedKeyUsage: readNonEmpty(value, 'ExtKeyUsage').map(readObjectIdentifier),
    }),
  ],
  [oids.subjectKeyIdentifier, (value) => ({ subjectKeyIdentifier: expectOctetString(value) })],
  [
    oids.authorityKeyIdentifier,
    (value) => ({ authorityKeyIdentifier: readAuthorityKeyIdentifier(value) }),
  ],
  [oids.subjectAltName, (value) => ({ subjectAltName: readGeneralNames(value) })],
  [oids.issuerAltName, (value) => ({ issuerAltName: readGeneralNames(value) })],
  [
    oids.certificatePolicies,
    (value) => ({
      certificatePolicies: readNonEmpty(value, 'CertificatePolicies').map(readPolicyInformation),
    }),
  ],
  [
    oids.policyMappings,
    (value) => ({ policyMappings: readNonEmpty(value, 'PolicyMappings').map(readPolicyMapping) }),
  ],
  [oids.policyConstraints, (value) => ({ policyConstraints: readPolicyConstraints(value) })],
  [oids.inhibitAnyPolicy, (value) => ({ inhibitAnyPolicy: readCount(value, 'inhibitAnyPolicy') })],
  [oids.nameConstraints, (value) => ({ nameConstraints: readNameConstraints(value) })],
  [
    oids.cRLDistributionPoints,
    (value) => ({ cRLDistributionPoints: readDistributionPoints(value) }),
  ],
  [oids.freshestCRL, (value) => ({ freshestCRL: readDistributionPoints(value) })],
  [
    oids.authorityInfoAccess,
    (value) => ({
      authorityInfoAccess: readNonEmpty(value, 'AuthorityInfoAccess').map(readAccessDescription),
    }),
  ],
]);
