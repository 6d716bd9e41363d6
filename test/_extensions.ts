// Builders of certificate and CRL extensions for tests, right and wrong alike: each gives one whole
// Extension element (RFC 5280 §4.1.2.9).
import {
  derBitString,
  derBoolean,
  derContext,
  derContextPrimitive,
  derElement,
  derIa5String,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derPrintableString,
  derSequence,
  derSetOf,
  derUtf8String,
} from '#shared/der/writer.ts';
import { formatGeneralizedTime } from '#shared/time.ts';
import { oids } from '#shared/oid.ts';
import type { KeyUsage } from '#shared/x509/certificate-extensions.ts';
import type { ReasonFlag } from '#shared/x509/distribution-point.ts';

export type TestGeneralName =
  | { readonly dns: string }
  | { readonly email: string }
  | { readonly uri: string }
  | { readonly directory: string }
  | { readonly ip: readonly number[] };

const attributeOids: Readonly<Record<string, string>> = {
  CN: oids.commonName,
  O: oids.organizationName,
  OU: oids.organizationalUnitName,
  C: oids.countryName,
  emailAddress: oids.emailAddress,
};

/** A Name from `CN=…,O=…,C=…`, most specific first, without escapes; the empty text is the empty name. */
export function buildName(text: string, encode: 'utf8' | 'printable' = 'utf8'): Uint8Array {
  const rdns = text === '' ? [] : text.split(',').toReversed();
  return derSequence(
    ...rdns.map((rdn) => {
      const [keyword = '', value = ''] = rdn.split('=');
      const string =
        keyword === 'C' || encode === 'printable'
          ? derPrintableString(value)
          : keyword === 'emailAddress'
            ? derIa5String(value)
            : derUtf8String(value);
      return derSetOf(derSequence(derObjectIdentifier(attributeOids[keyword] ?? keyword), string));
    }),
  );
}

/** GeneralName element. */
export function generalName(name: TestGeneralName): Uint8Array {
  const text = new TextEncoder();
  if ('email' in name) return derContextPrimitive(1, text.encode(name.email));
  if ('dns' in name) return derContextPrimitive(2, text.encode(name.dns));
  if ('directory' in name) return derContext(4, buildName(name.directory));
  if ('uri' in name) return derContextPrimitive(6, text.encode(name.uri));
  return derContextPrimitive(7, Uint8Array.from(name.ip));
}

/** Any extension. */
export function extension(oid: string, value: Uint8Array, critical = false): Uint8Array {
  return derSequence(
    derObjectIdentifier(oid),
    ...(critical ? [derBoolean(true)] : []),
    derOctetString(value),
  );
}

export function basicConstraints(
  cA: boolean,
  pathLenConstraint?: number,
  critical = true,
): Uint8Array {
  const value = derSequence(
    ...(cA ? [derBoolean(true)] : []),
    ...(pathLenConstraint === undefined ? [] : [derInteger(pathLenConstraint)]),
  );
  return extension(oids.basicConstraints, value, critical);
}

function namedBits(bits: readonly number[]): Uint8Array {
  const last = Math.max(-1, ...bits);
  const octets = new Uint8Array((last >> 3) + 1);
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return derBitString(octets, last < 0 ? 0 : 7 - (last & 7));
}

const keyUsageBits: readonly KeyUsage[] = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
];

export function keyUsage(bits: readonly KeyUsage[], critical = true): Uint8Array {
  const value = namedBits(bits.map((bit) => keyUsageBits.indexOf(bit)));
  return extension(oids.keyUsage, value, critical);
}

export function extendedKeyUsage(purposes: readonly string[], critical = false): Uint8Array {
  return extension(oids.extKeyUsage, derSequence(...purposes.map(derObjectIdentifier)), critical);
}

export function subjectAltName(names: readonly TestGeneralName[], critical = false): Uint8Array {
  return extension(oids.subjectAltName, derSequence(...names.map(generalName)), critical);
}

export function subjectKeyIdentifier(identifier: Uint8Array): Uint8Array {
  return extension(oids.subjectKeyIdentifier, derOctetString(identifier));
}

export function authorityKeyIdentifier(identifier: Uint8Array): Uint8Array {
  return extension(oids.authorityKeyIdentifier, derSequence(derContextPrimitive(0, identifier)));
}

export function certificatePolicies(policies: readonly string[], critical = false): Uint8Array {
  const value = derSequence(...policies.map((oid) => derSequence(derObjectIdentifier(oid))));
  return extension(oids.certificatePolicies, value, critical);
}

export function policyMappings(pairs: readonly (readonly [string, string])[]): Uint8Array {
  const value = derSequence(
    ...pairs.map(([issuer, subject]) =>
      derSequence(derObjectIdentifier(issuer), derObjectIdentifier(subject)),
    ),
  );
  return extension(oids.policyMappings, value, true);
}

/** Contents of an INTEGER, for an implicit tag. */
function integerContents(value: number): Uint8Array {
  return derInteger(value).subarray(2);
}

export function policyConstraints(constraints: {
  readonly requireExplicitPolicy?: number;
  readonly inhibitPolicyMapping?: number;
}): Uint8Array {
  const { requireExplicitPolicy: explicit, inhibitPolicyMapping: mapping } = constraints;
  const value = derSequence(
    ...(explicit === undefined ? [] : [derContextPrimitive(0, integerContents(explicit))]),
    ...(mapping === undefined ? [] : [derContextPrimitive(1, integerContents(mapping))]),
  );
  return extension(oids.policyConstraints, value, true);
}

export function inhibitAnyPolicy(skipCerts: number): Uint8Array {
  return extension(oids.inhibitAnyPolicy, derInteger(skipCerts), true);
}

export function nameConstraints(
  subtrees: {
    readonly permitted?: readonly TestGeneralName[];
    readonly excluded?: readonly TestGeneralName[];
  },
  critical = true,
): Uint8Array {
  const field = (tag: number, names: readonly TestGeneralName[] | undefined): Uint8Array[] =>
    names ? [derContext(tag, ...names.map((name) => derSequence(generalName(name))))] : [];
  const value = derSequence(...field(0, subtrees.permitted), ...field(1, subtrees.excluded));
  return extension(oids.nameConstraints, value, critical);
}

export type TestDistributionPoint = {
  readonly fullName?: readonly TestGeneralName[];
  readonly reasons?: readonly ReasonFlag[];
  readonly cRLIssuer?: readonly TestGeneralName[];
};

const reasonBits: readonly ReasonFlag[] = [
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'privilegeWithdrawn',
  'aACompromise',
];

/** Contents of ReasonFlags, for an implicit tag. */
function reasonFlagContents(reasons: readonly ReasonFlag[]): Uint8Array {
  return namedBits(reasons.map((reason) => reasonBits.indexOf(reason) + 1)).subarray(2);
}

function distributionPointName(fullName: readonly TestGeneralName[]): Uint8Array {
  return derContext(0, derContext(0, ...fullName.map(generalName)));
}

function distributionPoint(point: TestDistributionPoint): Uint8Array {
  return derSequence(
    ...(point.fullName ? [distributionPointName(point.fullName)] : []),
    ...(point.reasons ? [derContextPrimitive(1, reasonFlagContents(point.reasons))] : []),
    ...(point.cRLIssuer ? [derContext(2, ...point.cRLIssuer.map(generalName))] : []),
  );
}

export function crlDistributionPoints(points: readonly TestDistributionPoint[]): Uint8Array {
  return extension(oids.cRLDistributionPoints, derSequence(...points.map(distributionPoint)));
}

export function freshestCrl(points: readonly TestDistributionPoint[]): Uint8Array {
  return extension(oids.freshestCRL, derSequence(...points.map(distributionPoint)));
}

export function authorityInfoAccess(
  entries: readonly { readonly method: string; readonly uri: string }[],
): Uint8Array {
  const value = derSequence(
    ...entries.map(({ method, uri }) =>
      derSequence(derObjectIdentifier(method), generalName({ uri })),
    ),
  );
  return extension(oids.authorityInfoAccess, value);
}

export function ocspNoCheck(): Uint8Array {
  return extension(oids.idPkixOcspNocheck, derNull());
}

export function issuingDistributionPoint(point: {
  readonly fullName?: readonly TestGeneralName[];
  readonly onlyContainsUserCerts?: boolean;
  readonly onlyContainsCACerts?: boolean;
  readonly onlySomeReasons?: readonly ReasonFlag[];
  readonly indirectCRL?: boolean;
  readonly onlyContainsAttributeCerts?: boolean;
}): Uint8Array {
  const flag = (tag: number, value: boolean | undefined): Uint8Array[] =>
    value ? [derContextPrimitive(tag, Uint8Array.of(0xff))] : [];
  const value = derSequence(
    ...(point.fullName ? [distributionPointName(point.fullName)] : []),
    ...flag(1, point.onlyContainsUserCerts),
    ...flag(2, point.onlyContainsCACerts),
    ...(point.onlySomeReasons
      ? [derContextPrimitive(3, reasonFlagContents(point.onlySomeReasons))]
      : []),
    ...flag(4, point.indirectCRL),
    ...flag(5, point.onlyContainsAttributeCerts),
  );
  return extension(oids.issuingDistributionPoint, value, true);
}

/** GeneralizedTime element. */
export function generalizedTime(instant: Temporal.Instant): Uint8Array {
  return derElement(0x18, formatGeneralizedTime(instant));
}
