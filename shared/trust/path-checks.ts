// The checks of RFC 5280 §6.1.3, §6.1.4 and §6.1.5 on each certificate of a path, as an ordered list of
// named functions: each gets the certificate and the state from above and gives what is wrong, or
// nothing. State is moved on in path-validate.ts, never here.
import { importPublicKey } from '#shared/crypto/public-key.ts';
import { describeSignatureAlgorithm } from '#shared/crypto/signature.ts';
import { sameAlgorithm } from '#shared/der/algorithm-identifier.ts';
import { oidName, oids } from '#shared/oid.ts';
import { compareInstants } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { NameConstraints } from '#shared/x509/certificate-extensions.ts';
import { namesMatch } from '#shared/x509/name.ts';
import type { Name } from '#shared/x509/name.ts';
import { userConstrainedPolicies } from './certificate-policies.ts';
import type { PolicyState } from './certificate-policies.ts';
import { checkNameConstraints, findMalformedSubtree } from './name-constraints.ts';
import type { PathInputs } from './path-query.ts';
import {
  allowsPurpose,
  checkExtendedKeyUsage,
  checkTargetKeyUsage,
  nestedPurposes,
} from './purpose-checks.ts';
import { verifySignedObject } from './work-budget.ts';
import type { WorkBudget } from './work-budget.ts';

/** One certificate in its place, with the state of §6.1.2 as those above it left it. */
export type PathStep = {
  readonly certificate: Certificate;
  readonly isFinal: boolean;
  readonly isSelfIssued: boolean;
  readonly inputs: PathInputs;
  /** `at` in whole seconds: dates of certificates have no finer grain (§4.1.2.5). */
  readonly second: Temporal.Instant;
  readonly workingIssuerName: Name;
  readonly workingPublicKey: Uint8Array;
  /** The certificate's own key, parameters inherited from above included. */
  readonly publicKey: Uint8Array;
  readonly nameConstraints: readonly NameConstraints[];
  readonly policies: PolicyState;
  readonly maxPathLength: number;
  readonly budget: WorkBudget;
};

export type PathCheck = {
  readonly name: string;
  readonly clause: string;
  /** Which certificates it looks at: all below the anchor, those that issue others, or the target. */
  readonly appliesTo: 'every' | 'issuer' | 'target';
  /** What is wrong, as the end of a sentence that begins with the certificate; `undefined` if nothing. */
  readonly check: (step: PathStep) => string | undefined;
};

/** Extensions that are processed here or in revocation; any other critical one stops the path. */
const processed: ReadonlySet<string> = new Set([
  oids.basicConstraints,
  oids.keyUsage,
  oids.extKeyUsage,
  oids.subjectAltName,
  oids.issuerAltName,
  oids.nameConstraints,
  oids.certificatePolicies,
  oids.policyMappings,
  oids.policyConstraints,
  oids.inhibitAnyPolicy,
  oids.subjectKeyIdentifier,
  oids.authorityKeyIdentifier,
  oids.cRLDistributionPoints,
  oids.freshestCRL,
  oids.authorityInfoAccess,
  oids.subjectInfoAccess,
  oids.idPkixOcspNocheck,
  oids.qcStatements,
]);

/** The first critical extension that nobody here understands. */
export function unknownCriticalExtension(certificate: Certificate): string | undefined {
  const unknown = certificate.extensions.find(
    ({ oid, critical }) => critical && !processed.has(oid),
  );
  return unknown && oidName(unknown.oid);
}

function isCa(certificate: Certificate): boolean {
  return certificate.version === 3 && certificate.basicConstraints?.cA === true;
}

/** In the order of §6.1.3, §6.1.4 and §6.1.5. */
export const pathChecks: readonly PathCheck[] = [
  {
    name: 'extensions-well-formed',
    clause: 'RFC 5280 §4.2',
    appliesTo: 'every',
    check: ({ certificate }) => {
      const [problem] = certificate.extensionProblems;
      return problem && `has a malformed ${problem.message}`;
    },
  },
  {
    name: 'signature-algorithms-agree',
    clause: 'RFC 5280 §4.1.1.2',
    appliesTo: 'every',
    check: ({ certificate }) =>
      sameAlgorithm(certificate.signatureAlgorithm, certificate.tbsSignatureAlgorithm)
        ? undefined
        : 'names two different signature algorithms',
  },
  {
    name: 'certificate-signature',
    clause: 'RFC 5280 §6.1.3 (a)(1)',
    appliesTo: 'every',
    check: ({ certificate, workingPublicKey, budget }) => {
      const result = verifySignedObject(certificate, workingPublicKey, budget);
      return result.ok
        ? undefined
        : `has a signature that does not verify with its issuer's key: ${result.detail}`;
    },
  },
  {
    name: 'signature-algorithm-acceptable',
    clause: 'EN 319 102-1 §5.2.8',
    appliesTo: 'every',
    check: ({ certificate, workingPublicKey, inputs }) =>
      inputs.checkSignatureAlgorithm?.(
        describeSignatureAlgorithm(certificate.signatureAlgorithm, workingPublicKey),
        inputs.at,
      ),
  },
  {
    name: 'not-yet-valid',
    clause: 'RFC 5280 §6.1.3 (a)(2)',
    appliesTo: 'every',
    check: ({ certificate: { notBefore }, second }) =>
      compareInstants(second, notBefore) < 0
        ? `is valid from ${notBefore.toString()} only`
        : undefined,
  },
  {
    name: 'expired',
    clause: 'RFC 5280 §6.1.3 (a)(2)',
    appliesTo: 'every',
    check: ({ certificate: { notAfter }, second }) =>
      compareInstants(second, notAfter) > 0
        ? `was valid until ${notAfter.toString()} only`
        : undefined,
  },
  {
    name: 'name-chaining',
    clause: 'RFC 5280 §6.1.3 (a)(4)',
    appliesTo: 'every',
    check: ({ certificate: { issuer }, workingIssuerName }) =>
      namesMatch(issuer, workingIssuerName)
        ? undefined
        : `names the issuer ${issuer.text} instead of ${workingIssuerName.text}`,
  },
  {
    name: 'name-constraints',
    clause: 'RFC 5280 §6.1.3 (b), (c)',
    appliesTo: 'every',
    check: ({ certificate, nameConstraints, isSelfIssued, isFinal, budget }) => {
      // A self-issued certificate serves key rollover and names nobody new.
      if (isSelfIssued && !isFinal) return undefined;
      const offence = checkNameConstraints(certificate, nameConstraints, budget);
      return offence && `has a name that is not allowed: ${offence}`;
    },
  },
  {
    name: 'policy-mapping-without-any',
    clause: 'RFC 5280 §6.1.4 (a)',
    appliesTo: 'issuer',
    check: ({ certificate: { policyMappings = [] } }) =>
      policyMappings.some(
        ({ issuerDomainPolicy, subjectDomainPolicy }) =>
          issuerDomainPolicy === oids.anyPolicy || subjectDomainPolicy === oids.anyPolicy,
      )
        ? 'maps anyPolicy'
        : undefined,
  },
  {
    name: 'name-constraints-well-formed',
    clause: 'RFC 5280 §4.2.1.10',
    appliesTo: 'issuer',
    check: ({ certificate: { nameConstraints } }) => {
      const offence = nameConstraints && findMalformedSubtree(nameConstraints);
      return offence && `constrains names by what is none: ${offence}`;
    },
  },
  {
    name: 'basic-constraints',
    clause: 'RFC 5280 §6.1.4 (k)',
    appliesTo: 'issuer',
    check: ({ certificate }) =>
      isCa(certificate) ? undefined : 'issued a certificate without being a CA',
  },
  {
    name: 'path-length',
    clause: 'RFC 5280 §6.1.4 (l)',
    appliesTo: 'issuer',
    check: ({ isSelfIssued, maxPathLength }) =>
      isSelfIssued || maxPathLength > 0 ? undefined : 'stands deeper than a CA above allows',
  },
  {
    name: 'key-cert-sign',
    clause: 'RFC 5280 §6.1.4 (n)',
    appliesTo: 'issuer',
    check: ({ certificate: { keyUsage } }) =>
      !keyUsage || keyUsage.has('keyCertSign')
        ? undefined
        : 'has a key that may not sign certificates',
  },
  {
    name: 'issuer-purpose',
    clause: 'RFC 5280 §4.2.1.12',
    appliesTo: 'issuer',
    check: ({ certificate, inputs: { purpose } }) =>
      !nestedPurposes.has(purpose) || allowsPurpose(certificate, purpose)
        ? undefined
        : `may not issue certificates for ${purpose}`,
  },
  {
    name: 'critical-extensions',
    clause: 'RFC 5280 §6.1.4 (o), §6.1.5 (e)',
    appliesTo: 'every',
    check: ({ certificate }) => {
      const unknown = unknownCriticalExtension(certificate);
      return unknown && `has the critical extension ${unknown}, which is not processed`;
    },
  },
  {
    name: 'certificate-policies',
    // §6.1.3 (f) asks this of every certificate; a graph that is NULL stays NULL and a demand for a policy
    // is never taken back, so asking at the end finds the same.
    clause: 'RFC 5280 §6.1.3 (f), §6.1.5 (g)',
    appliesTo: 'target',
    check: ({ policies, inputs }) =>
      policies.explicitPolicy > 0 ||
      userConstrainedPolicies(policies, inputs.userInitialPolicySet).length > 0
        ? undefined
        : 'stands on no certificate policy that was asked for and that the path allows',
  },
  {
    name: 'public-key-usable',
    clause: 'RFC 5280 §4.1.2.7',
    appliesTo: 'target',
    check: ({ publicKey }) => {
      const imported = importPublicKey(publicKey);
      return imported.kind === 'unusable'
        ? `has a key that cannot be used: ${imported.reason}`
        : undefined;
    },
  },
  {
    name: 'target-is-ca',
    clause: 'RFC 5280 §4.2.1.9',
    appliesTo: 'target',
    check: ({ certificate, inputs }) =>
      inputs.purpose === 'ca' && !isCa(certificate) ? 'is no CA' : undefined,
  },
  {
    name: 'key-usage',
    clause: 'RFC 5280 §4.2.1.3',
    appliesTo: 'target',
    check: ({ certificate, inputs }) => checkTargetKeyUsage(certificate, inputs.purpose),
  },
  {
    name: 'extended-key-usage',
    clause: 'RFC 5280 §4.2.1.12, RFC 3161 §2.3',
    appliesTo: 'target',
    check: ({ certificate, inputs }) => checkExtendedKeyUsage(certificate, inputs.purpose),
  },
];
