// Distribution points: which CRL speaks for a certificate (RFC 5280 §4.2.1.13) and for what a CRL
// speaks (§5.2.5), with the reasons that either names.
import { isContext, readChildren } from '#shared/der/reader.ts';
import type { Tlv } from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { expectSequence, readNamedBits } from './extension.ts';
import { readGeneralNames } from './general-name.ts';
import type { GeneralName } from './general-name.ts';
import { readRelativeDistinguishedName } from './name.ts';
import type { RelativeDistinguishedName } from './name.ts';

/** `ReasonFlags`, by bit; bit 0 is unused. */
const reasonFlags = [
  'unused',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  'privilegeWithdrawn',
  'aACompromise',
] as const;

export type ReasonFlag = Exclude<(typeof reasonFlags)[number], 'unused'>;

/** All reasons: what a CRL covers that names none. RFC 5280 §6.3.3 (d). */
export const allReasons: ReadonlySet<ReasonFlag> = new Set(
  reasonFlags.filter((flag) => flag !== 'unused'),
);

export type DistributionPointName =
  | { readonly kind: 'fullName'; readonly names: readonly GeneralName[] }
  | { readonly kind: 'relative'; readonly rdn: RelativeDistinguishedName };

/** `DistributionPoint ::= SEQUENCE { distributionPoint [0] OPTIONAL, reasons [1] OPTIONAL, cRLIssuer [2] OPTIONAL }` */
export type DistributionPoint = {
  readonly distributionPoint?: DistributionPointName;
  readonly reasons?: ReadonlySet<ReasonFlag>;
  readonly cRLIssuer?: readonly GeneralName[];
};

/** Reads the CHOICE inside the explicit tag. @throws FormatError ERR_FORMAT_DER */
export function readDistributionPointName(tlv: Tlv): DistributionPointName {
  const [choice] = readChildren(tlv);
  if (isContext(choice, 0)) return { kind: 'fullName', names: readGeneralNames(choice) };
  if (isContext(choice, 1)) return { kind: 'relative', rdn: readRelativeDistinguishedName(choice) };
  throw new FormatError('ERR_FORMAT_DER', 'DistributionPointName expected', {
    offset: tlv.offset,
    clause: 'RFC 5280 §4.2.1.13',
  });
}

/** Reads ReasonFlags. @throws FormatError ERR_FORMAT_DER */
export function readReasonFlags(tlv: Tlv): ReadonlySet<ReasonFlag> {
  const reasons = new Set<ReasonFlag>();
  for (const flag of readNamedBits(tlv, reasonFlags)) if (flag !== 'unused') reasons.add(flag);
  return reasons;
}

function readDistributionPoint(tlv: Tlv): DistributionPoint {
  const fields = readChildren(expectSequence(tlv, 'DistributionPoint'));
  const name = fields.find((field) => isContext(field, 0));
  const reasons = fields.find((field) => isContext(field, 1));
  const issuer = fields.find((field) => isContext(field, 2));
  // RFC 5280 §4.2.1.13: a point of reasons alone names no CRL.
  if (!name && !issuer) {
    throw new FormatError('ERR_FORMAT_DER', 'distribution point without name and issuer', {
      offset: tlv.offset,
      clause: 'RFC 5280 §4.2.1.13',
    });
  }
  return {
    ...(name && { distributionPoint: readDistributionPointName(name) }),
    ...(reasons && { reasons: readReasonFlags(reasons) }),
    ...(issuer && { cRLIssuer: readGeneralNames(issuer) }),
  };
}

/** `CRLDistributionPoints ::= SEQUENCE SIZE (1..MAX) OF DistributionPoint`. @throws FormatError ERR_FORMAT_DER */
export function readDistributionPoints(tlv: Tlv): readonly DistributionPoint[] {
  return readChildren(expectSequence(tlv, 'CRLDistributionPoints')).map(readDistributionPoint);
}
