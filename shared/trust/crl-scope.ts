// For which certificates and reasons a CRL speaks: distribution points against issuing distribution
// points (RFC 5280 §6.3.3 (b), (d)), and which delta CRL goes with which complete one (§5.2.4).
import { equalBytes } from '#shared/bytes.ts';
import { oids } from '#shared/oid.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { allReasons } from '#shared/x509/distribution-point.ts';
import type {
  DistributionPoint,
  DistributionPointName,
  ReasonFlag,
} from '#shared/x509/distribution-point.ts';
import { directoryNames, generalNamesMatch } from '#shared/x509/general-name.ts';
import type { GeneralName } from '#shared/x509/general-name.ts';
import { appendRdn, namesMatch } from '#shared/x509/name.ts';
import type { Name } from '#shared/x509/name.ts';

/** The point that stands for a CRL of the certificate's issuer where none is named (§6.3.3, end). */
export function impliedDistributionPoint(certificate: Certificate): DistributionPoint {
  return {
    distributionPoint: {
      kind: 'fullName',
      names: [{ kind: 'directoryName', name: certificate.issuer }],
    },
  };
}

/** All names of a distribution point; a relative one is completed by `base`. */
function fullNames(point: DistributionPointName, base: Name | undefined): readonly GeneralName[] {
  if (point.kind === 'fullName') return point.names;
  return base ? [{ kind: 'directoryName', name: appendRdn(base, point.rdn) }] : [];
}

function share(a: readonly GeneralName[], b: readonly GeneralName[]): boolean {
  return a.some((left) => b.some((right) => generalNamesMatch(left, right)));
}

/** §6.3.3 (b)(2)(i). */
function pointNamesMatch(
  crl: CertificateList,
  certificate: Certificate,
  point: DistributionPoint,
): boolean {
  const issued = crl.issuingDistributionPoint?.distributionPoint;
  if (!issued) return true;
  const issuedNames = fullNames(issued, crl.issuer);
  const { distributionPoint, cRLIssuer } = point;
  if (!distributionPoint) return share(issuedNames, cRLIssuer ?? []);
  // §4.2.1.13: a relative name is completed by the CRL issuer, of which there must be one then.
  const base = cRLIssuer ? directoryNames(cRLIssuer)[0] : certificate.issuer;
  return share(issuedNames, fullNames(distributionPoint, base));
}

/** The reasons for which this CRL speaks about the certificate at this point, or why it does not. */
export function crlScope(
  crl: CertificateList,
  certificate: Certificate,
  point: DistributionPoint,
): ReadonlySet<ReasonFlag> | string {
  const issued = crl.issuingDistributionPoint;
  if (point.cRLIssuer) {
    if (!directoryNames(point.cRLIssuer).some((name) => namesMatch(name, crl.issuer)))
      return 'comes from another issuer than the distribution point names';
    if (!issued?.indirectCRL) return 'is not marked as an indirect CRL';
  } else if (!namesMatch(crl.issuer, certificate.issuer)) {
    return 'comes from another issuer than the certificate';
  }
  if (!pointNamesMatch(crl, certificate, point)) return 'belongs to another distribution point';
  const isCa = certificate.basicConstraints?.cA === true;
  if (issued?.onlyContainsUserCerts && isCa) return 'covers no CA certificates';
  if (issued?.onlyContainsCACerts && !isCa) return 'covers CA certificates only';
  if (issued?.onlyContainsAttributeCerts) return 'covers attribute certificates only';
  const listed = issued?.onlySomeReasons ?? allReasons;
  return point.reasons ? listed.intersection(point.reasons) : listed;
}

function extensionValue(crl: CertificateList, oid: string): Uint8Array | undefined {
  return crl.extensions.find((extension) => extension.oid === oid)?.value;
}

function sameExtension(a: CertificateList, b: CertificateList, oid: string): boolean {
  const [left, right] = [extensionValue(a, oid), extensionValue(b, oid)];
  if (!left || !right) return left === right;
  return equalBytes(left, right);
}

/** Whether the delta CRL may be applied to the complete one. §5.2.4, §6.3.3 (c). */
export function deltaFits(delta: CertificateList, complete: CertificateList): boolean {
  const { deltaCRLIndicator: base, cRLNumber: number } = delta;
  return (
    base !== undefined &&
    number !== undefined &&
    complete.cRLNumber !== undefined &&
    base <= complete.cRLNumber &&
    complete.cRLNumber < number &&
    namesMatch(delta.issuer, complete.issuer) &&
    sameExtension(delta, complete, oids.issuingDistributionPoint) &&
    sameExtension(delta, complete, oids.authorityKeyIdentifier)
  );
}
