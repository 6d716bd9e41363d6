// Whether a CRL may be used at all, as an ordered list of checks: what RFC 5280 §5 demands of the list as
// such, and whose signature it bears. A list that fails here says nothing about any certificate.
import { equalBytes } from '#shared/bytes.ts';
import { sameAlgorithm } from '#shared/der/algorithm-identifier.ts';
import { oidName, oids } from '#shared/oid.ts';
import { compareInstants } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { namesMatch } from '#shared/x509/name.ts';
import { checkSignature, signerInstant } from './revocation-context.ts';
import type { KeyedCertificate, RevocationContext } from './revocation-context.ts';

/** Who asks: the issuer in the path of the certificate in question, and the question's material. */
export type CrlUse = { readonly issuer: KeyedCertificate; readonly context: RevocationContext };

export type CrlCheck = {
  readonly name: string;
  readonly clause: string;
  /** Rules of the profile for issuers count only where the profile is enforced. */
  readonly profile: boolean;
  /** What is wrong, as the end of a sentence that begins with the CRL; `undefined` if nothing. */
  readonly check: (crl: CertificateList, use: CrlUse) => string | undefined;
};

const processedExtensions: ReadonlySet<string> = new Set([
  oids.authorityKeyIdentifier,
  oids.issuerAltName,
  oids.cRLNumber,
  oids.deltaCRLIndicator,
  oids.issuingDistributionPoint,
  oids.freshestCRL,
  oids.authorityInfoAccess,
  oids.expiredCertsOnCRL,
]);

const processedEntryExtensions: ReadonlySet<string> = new Set([
  oids.reasonCode,
  oids.invalidityDate,
  oids.certificateIssuer,
  oids.holdInstructionCode,
]);

function findExtension(crl: CertificateList, oid: string) {
  return crl.extensions.find((extension) => extension.oid === oid);
}

/** Entries may be many: each list is gone through once. */
const judgedEntries = new WeakMap<CertificateList, { readonly offence: string | undefined }>();

function findEntryOffence({ revokedCertificates }: CertificateList): string | undefined {
  for (const { extensions, extensionProblems } of revokedCertificates) {
    const [problem] = extensionProblems;
    if (problem) return `has an entry with a malformed ${problem.message}`;
    const unknown = extensions.find(
      ({ oid, critical }) => critical && !processedEntryExtensions.has(oid),
    );
    if (unknown) return `has an entry with the critical extension ${oidName(unknown.oid)}`;
  }
  return undefined;
}

function checkEntries(crl: CertificateList): string | undefined {
  let judged = judgedEntries.get(crl);
  if (!judged) {
    judged = { offence: findEntryOffence(crl) };
    judgedEntries.set(crl, judged);
  }
  return judged.offence;
}

function isWithin(certificate: Certificate, at: Temporal.Instant): boolean {
  return (
    compareInstants(certificate.notBefore, at) <= 0 &&
    compareInstants(at, certificate.notAfter) <= 0
  );
}

/** Signers worth trying: the path's own issuer, then those of the same name, fitting key identifiers first. */
function possibleSigners(
  crl: CertificateList,
  issuer: KeyedCertificate,
  candidates: readonly Certificate[],
): readonly KeyedCertificate[] {
  const { keyIdentifier } = crl.authorityKeyIdentifier ?? {};
  const fits = ({ subjectKeyIdentifier }: Certificate): boolean =>
    keyIdentifier !== undefined &&
    subjectKeyIdentifier !== undefined &&
    equalBytes(keyIdentifier, subjectKeyIdentifier);
  const others = candidates
    .filter(
      (candidate) =>
        candidate.fingerprint !== issuer.certificate.fingerprint &&
        namesMatch(candidate.subject, crl.issuer),
    )
    .sort((a, b) => Number(fits(b)) - Number(fits(a)))
    .map((certificate) => ({ certificate, publicKey: certificate.publicKey }));
  return namesMatch(issuer.certificate.subject, crl.issuer) ? [issuer, ...others] : others;
}

/**
 * Why nobody's signature makes this list count, or `undefined` where one does: the signature verifies,
 * the key may sign CRLs, and the signer's own path holds to the same anchor.
 * @see RFC 5280 §6.3.3 (f), (g)
 */
function checkSigner(crl: CertificateList, { issuer, context }: CrlUse): string | undefined {
  let why = 'has no known signer';
  const at = signerInstant(context.at, crl.thisUpdate);
  for (const signer of possibleSigners(crl, issuer, context.candidates)) {
    const offence = checkSignature(crl, signer.publicKey, at, context);
    if (offence !== undefined) {
      why = offence;
      continue;
    }
    const { keyUsage } = signer.certificate;
    if (keyUsage && !keyUsage.has('cRLSign')) {
      why = 'is signed with a key that may not sign CRLs';
    } else if (signer === issuer) {
      // The path that asks stands on this certificate already; only the later instant is new.
      if (isWithin(signer.certificate, at)) return undefined;
      why = 'was issued when its signer was not valid';
    } else {
      const broken = context.verifyOther(signer.certificate, 'crl', at);
      if (broken === undefined) return undefined;
      why = `has a signer whose path does not hold: ${broken}`;
    }
  }
  return why;
}

/** The signer last: only a list that could be used is worth a signature. */
export const crlChecks: readonly CrlCheck[] = [
  {
    name: 'crl-extensions-well-formed',
    clause: 'RFC 5280 §5.2',
    profile: false,
    check: ({ extensionProblems }) => {
      const [problem] = extensionProblems;
      return problem && `has a malformed ${problem.message}`;
    },
  },
  {
    name: 'crl-critical-extensions',
    clause: 'RFC 5280 §5.2',
    profile: false,
    check: ({ extensions }) => {
      const unknown = extensions.find(
        ({ oid, critical }) => critical && !processedExtensions.has(oid),
      );
      return unknown && `has the critical extension ${oidName(unknown.oid)}`;
    },
  },
  {
    name: 'crl-entry-extensions',
    clause: 'RFC 5280 §5.3',
    profile: false,
    check: checkEntries,
  },
  {
    name: 'crl-signature-algorithms-agree',
    clause: 'RFC 5280 §5.1.1.2',
    profile: false,
    check: ({ signatureAlgorithm, tbsSignatureAlgorithm }) =>
      sameAlgorithm(signatureAlgorithm, tbsSignatureAlgorithm)
        ? undefined
        : 'names two different signature algorithms',
  },
  {
    name: 'crl-number-present',
    clause: 'RFC 5280 §5.2.3',
    profile: true,
    check: ({ version, cRLNumber }) =>
      version >= 2 && cRLNumber === undefined ? 'has no number' : undefined,
  },
  {
    name: 'crl-number-not-critical',
    clause: 'RFC 5280 §5.2.3',
    profile: true,
    check: (crl) =>
      findExtension(crl, oids.cRLNumber)?.critical ? 'marks its number critical' : undefined,
  },
  {
    name: 'crl-authority-key-identifier-present',
    clause: 'RFC 5280 §5.2.1',
    profile: true,
    check: ({ version, authorityKeyIdentifier }) =>
      version >= 2 && !authorityKeyIdentifier ? 'does not identify its key' : undefined,
  },
  {
    name: 'crl-scope-critical',
    clause: 'RFC 5280 §5.2.4, §5.2.5',
    profile: true,
    check: (crl) => {
      const wrong = [oids.deltaCRLIndicator, oids.issuingDistributionPoint].find(
        (oid) => findExtension(crl, oid)?.critical === false,
      );
      return wrong && `does not mark ${oidName(wrong)} critical`;
    },
  },
  {
    name: 'crl-signer',
    clause: 'RFC 5280 §6.3.3 (f), (g)',
    profile: false,
    check: checkSigner,
  },
];

/** The first check that the list fails, or `undefined` where it may be used. */
export function unusableCrl(
  crl: CertificateList,
  use: CrlUse,
): { readonly check: CrlCheck; readonly what: string } | undefined {
  const { checks, enforceProfile } = use.context;
  for (const check of checks.crl) {
    if (check.profile && !enforceProfile) continue;
    const what = check.check(crl, use);
    if (what !== undefined) return { check, what };
  }
  return undefined;
}
