// What RFC 5280 §4 demands of whoever issues a certificate, checked on one certificate alone: anchors,
// CAs and targets alike. A certificate may break these and still be verifiable, so a query says whether
// they are enforced or reported. The list is data: leaving an entry out is how tests show its worth.
import { oidName, oids } from '#shared/oid.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { Extension } from '#shared/x509/extension.ts';
import { namesMatch } from '#shared/x509/name.ts';

export type ProfileRule = {
  readonly name: string;
  readonly clause: string;
  /** Anchors stand without an issuer: what concerns the link to one is asked of issued certificates. */
  readonly appliesTo: 'every' | 'anchor' | 'issued';
  /** What is wrong, as the end of a sentence that begins with the certificate; `undefined` if nothing. */
  readonly check: (certificate: Certificate) => string | undefined;
};

function find(certificate: Certificate, oid: string): Extension | undefined {
  return certificate.extensions.find((extension) => extension.oid === oid);
}

function isCa({ basicConstraints }: Certificate): boolean {
  return basicConstraints?.cA === true;
}

/** "Conforming CAs MUST mark this extension as non-critical": one clause each. */
const neverCritical: readonly string[] = [
  oids.authorityKeyIdentifier,
  oids.subjectKeyIdentifier,
  oids.authorityInfoAccess,
  oids.subjectInfoAccess,
  oids.freshestCRL,
];

/** "Conforming CAs MUST mark this extension as critical". */
const alwaysCritical: readonly string[] = [
  oids.nameConstraints,
  oids.policyConstraints,
  oids.inhibitAnyPolicy,
];

const utcTimeBegin = Temporal.Instant.from('1950-01-01T00:00:00Z').epochMilliseconds;
const utcTimeEnd = Temporal.Instant.from('2050-01-01T00:00:00Z').epochMilliseconds;

function timeFormOffence(certificate: Certificate): string | undefined {
  const { notBefore, notAfter, validityForms } = certificate;
  const wrong = [notBefore, notAfter].find(({ epochMilliseconds }, index) => {
    const isUtcTime = epochMilliseconds >= utcTimeBegin && epochMilliseconds < utcTimeEnd;
    return validityForms[index] !== (isUtcTime ? 'UTCTime' : 'GeneralizedTime');
  });
  return wrong && `writes ${wrong.toString()} in the form of other years`;
}

/**
 * Whether this is a host name of RFC 1123 §2.1: letters, digits and hyphens, no more than 63 in a label. What a
 * wildcard means RFC 5280 leaves open; a whole leftmost label is the one form in use.
 */
function isHostName(name: string): boolean {
  const labels = name.replace(/^\*\./, '').split('.');
  const isLabel = (label: string): boolean => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i.test(label);
  return name.length <= 253 && labels.every(isLabel);
}

export const certificateProfile: readonly ProfileRule[] = [
  {
    name: 'serial-number',
    clause: 'RFC 5280 §4.1.2.2',
    appliesTo: 'every',
    check: ({ serialNumber }) =>
      serialNumber > 0n && serialNumber < 1n << 159n
        ? undefined
        : 'has a serial number that is not positive or exceeds 20 octets',
  },
  {
    name: 'issuer-not-empty',
    clause: 'RFC 5280 §4.1.2.4',
    appliesTo: 'every',
    check: ({ issuer }) => (issuer.rdns.length > 0 ? undefined : 'names no issuer'),
  },
  {
    name: 'time-form',
    clause: 'RFC 5280 §4.1.2.5',
    appliesTo: 'every',
    check: timeFormOffence,
  },
  {
    name: 'ca-subject-not-empty',
    clause: 'RFC 5280 §4.1.2.6',
    appliesTo: 'every',
    check: (certificate) =>
      isCa(certificate) && certificate.subject.rdns.length === 0
        ? 'is a CA without a name'
        : undefined,
  },
  {
    name: 'empty-subject-has-critical-alternative',
    clause: 'RFC 5280 §4.2.1.6',
    appliesTo: 'every',
    check: (certificate) =>
      certificate.subject.rdns.length > 0 ||
      isCa(certificate) ||
      find(certificate, oids.subjectAltName)?.critical
        ? undefined
        : 'has neither a subject nor a critical alternative name',
  },
  {
    name: 'dns-name-syntax',
    clause: 'RFC 5280 §4.2.1.6',
    appliesTo: 'every',
    check: ({ subjectAltName = [] }) =>
      subjectAltName.some((name) => name.kind === 'dNSName' && !isHostName(name.value))
        ? 'has a DNS name that is not in the preferred name syntax'
        : undefined,
  },
  {
    name: 'version-fits-fields',
    clause: 'RFC 5280 §4.1.2.1',
    appliesTo: 'every',
    check: ({ version, extensions, hasUniqueIdentifiers }) => {
      if (extensions.length > 0 && version !== 3) return `has extensions in version ${version}`;
      if (hasUniqueIdentifiers && version === 1) return 'has unique identifiers in version 1';
      return version <= 3 ? undefined : `is of version ${version}`;
    },
  },
  {
    name: 'authority-key-identifier-present',
    clause: 'RFC 5280 §4.2.1.1',
    appliesTo: 'issued',
    // Only a self-signed certificate may leave it out: its issuer's key is its own.
    check: (certificate) => {
      if (certificate.version < 3 || certificate.authorityKeyIdentifier?.keyIdentifier)
        return undefined;
      return namesMatch(certificate.issuer, certificate.subject)
        ? undefined
        : 'does not identify the key of its issuer';
    },
  },
  {
    name: 'subject-key-identifier-present',
    clause: 'RFC 5280 §4.2.1.2',
    appliesTo: 'every',
    check: (certificate) =>
      isCa(certificate) && !certificate.subjectKeyIdentifier
        ? 'is a CA without a key identifier'
        : undefined,
  },
  {
    name: 'never-critical',
    clause: 'RFC 5280 §4.2.1.1, §4.2.1.2, §4.2.1.15, §4.2.2',
    appliesTo: 'every',
    check: ({ extensions }) => {
      const wrong = extensions.find(({ oid, critical }) => critical && neverCritical.includes(oid));
      return wrong && `marks ${oidName(wrong.oid)} critical`;
    },
  },
  {
    name: 'always-critical',
    clause: 'RFC 5280 §4.2.1.10, §4.2.1.11, §4.2.1.14',
    appliesTo: 'every',
    check: ({ extensions }) => {
      const wrong = extensions.find(
        ({ oid, critical }) => !critical && alwaysCritical.includes(oid),
      );
      return wrong && `does not mark ${oidName(wrong.oid)} critical`;
    },
  },
  {
    name: 'cert-sign-means-ca',
    clause: 'RFC 5280 §4.2.1.3, §4.2.1.9',
    appliesTo: 'every',
    check: (certificate) =>
      certificate.keyUsage?.has('keyCertSign') && !isCa(certificate)
        ? 'may sign certificates without being a CA'
        : undefined,
  },
  {
    name: 'path-length-means-ca',
    clause: 'RFC 5280 §4.2.1.9',
    appliesTo: 'every',
    check: ({ basicConstraints }) =>
      basicConstraints?.pathLenConstraint !== undefined && !basicConstraints.cA
        ? 'limits the path without being a CA'
        : undefined,
  },
  {
    name: 'key-usage-not-empty',
    clause: 'RFC 5280 §4.2.1.3',
    appliesTo: 'every',
    check: ({ keyUsage }) => (keyUsage?.size === 0 ? 'allows its key no usage' : undefined),
  },
  {
    name: 'name-constraints-mean-ca',
    clause: 'RFC 5280 §4.2.1.10',
    appliesTo: 'every',
    check: (certificate) =>
      certificate.nameConstraints && !isCa(certificate)
        ? 'constrains names without being a CA'
        : undefined,
  },
  // An anchor that is given as a certificate must be the certificate of a CA.
  {
    name: 'anchor-basic-constraints',
    clause: 'RFC 5280 §4.2.1.9',
    appliesTo: 'anchor',
    check: (certificate) => {
      // Version 1 knows no extensions: such a root is a CA because the operator says so.
      if (certificate.version === 1) return undefined;
      if (!isCa(certificate)) return 'is an anchor without being a CA';
      return find(certificate, oids.basicConstraints)?.critical
        ? undefined
        : 'is an anchor whose basic constraints are not critical';
    },
  },
  {
    name: 'anchor-key-usage',
    clause: 'RFC 5280 §4.2.1.3',
    appliesTo: 'anchor',
    check: ({ keyUsage }) =>
      keyUsage && !keyUsage.has('keyCertSign')
        ? 'is an anchor whose key may not sign certificates'
        : undefined,
  },
];
