// What is asked of a certificate's issuer, and whether an answer counts: addresses from the certificate
// (RFC 5280 §4.2.1.13, §4.2.2.1), the OCSP request (RFC 6960 §4.1), and answers judged by the same
// rules as any other revocation data. Sending, limits and caching are left to an adapter.
import { digest } from '#shared/crypto/digest.ts';
import { verifySignature } from '#shared/crypto/signature.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derContext,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import { TokiwaError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { compareInstants } from '#shared/time.ts';
import { type Certificate, decodePem } from '#shared/x509/certificate.ts';
import { type CertificateList, parseCertificateList } from '#shared/x509/crl.ts';
import type { GeneralName } from '#shared/x509/general-name.ts';
import { namesMatch } from '#shared/x509/name.ts';
import { type OcspResponse, parseOcspResponse } from '#shared/x509/ocsp.ts';
import type { StatusMaterial } from './chain-status.ts';
import { nonceMatches } from './ocsp-status.ts';
import { verifyCertificatePath } from './verify-path.ts';

/** Where a certificate says that its issuer's certificate, its CRLs and its status are to be had. */
export type StatusAddresses = {
  readonly issuers: readonly string[];
  /** Alternatives for each distribution point: one answer of each is needed. */
  readonly crls: readonly (readonly string[])[];
  readonly ocsp: readonly string[];
};

/** Whoever made the certificate chose the addresses: this many of a kind are looked at. */
const maxAddresses = 4;

function webAddresses(names: readonly GeneralName[]): readonly string[] {
  const found = names.flatMap((name) =>
    name.kind === 'uniformResourceIdentifier' && /^https?:\/\//i.test(name.value)
      ? [name.value]
      : [],
  );
  return [...new Set(found)].slice(0, maxAddresses);
}

/** The http and https addresses of a certificate's extensions; `ldap` and others are passed over. */
export function statusAddresses(certificate: Certificate): StatusAddresses {
  const access = (method: string): readonly string[] =>
    webAddresses(
      (certificate.authorityInfoAccess ?? [])
        .filter(({ accessMethod }) => accessMethod === method)
        .map(({ accessLocation }) => accessLocation),
    );
  return {
    issuers: access(oids.idAdCaIssuers),
    crls: (certificate.cRLDistributionPoints ?? [])
      .flatMap(({ distributionPoint }) =>
        distributionPoint?.kind === 'fullName' ? [webAddresses(distributionPoint.names)] : [],
      )
      .filter((alternatives) => alternatives.length > 0)
      .slice(0, maxAddresses),
    ocsp: access(oids.idAdOcsp),
  };
}

/**
 * An OCSPRequest in DER for one certificate, unsigned. SHA-1 names the issuer, as every responder
 * knows it; nothing rests on its strength.
 * @see RFC 6960 §4.1.1, RFC 8954 §2.1
 */
export function buildOcspRequest(
  certificate: Certificate,
  issuer: Certificate,
  nonce?: Uint8Array,
): Uint8Array {
  const certId = derSequence(
    buildAlgorithmIdentifier(oids.sha1, derNull()).raw,
    derOctetString(digest('SHA-1', certificate.issuer.raw)),
    derOctetString(digest('SHA-1', issuer.keyOctets)),
    derInteger(certificate.serialNumber),
  );
  const extensions = nonce && [
    derContext(
      2,
      derSequence(
        derSequence(
          derObjectIdentifier(oids.idPkixOcspNonce),
          derOctetString(derOctetString(nonce)),
        ),
      ),
    ),
  ];
  return derSequence(derSequence(derSequence(derSequence(certId)), ...(extensions ?? [])));
}

/** What an HTTP exchange or a cache gave. */
export type Answer<T> =
  | { readonly kind: 'counts'; readonly value: T }
  | { readonly kind: 'refused'; readonly reason: string };

function refused(reason: string): { readonly kind: 'refused'; readonly reason: string } {
  return { kind: 'refused', reason };
}

/** About whom and when: `issuer` is taken as given, since its own path is judged elsewhere. */
export type StatusQuestion = {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
  /** Candidates for issuers of CRLs and appointed responders. */
  readonly candidates: readonly Certificate[];
  /** Where the question comes from: an answer must not be older than current now. */
  readonly now: Temporal.Instant;
  /** Only what was issued after this counts, judged as of then; absent: as of now. */
  readonly after?: Temporal.Instant | undefined;
};

/** Clocks of issuers may run ahead by this much. */
const clockSkew = Temporal.Duration.from({ minutes: 5 });
/** RFC 5280 §5.1.2.5, RFC 6960 §4.2.2.1: an answer that names no nextUpdate is kept for a day. */
const withoutNextUpdate = Temporal.Duration.from({ hours: 24 });

/** Why an answer of these dates is none for the question; `undefined`: the dates are right. */
function checkDates(
  dates: { readonly thisUpdate: Temporal.Instant; readonly nextUpdate?: Temporal.Instant },
  { now, after }: StatusQuestion,
): string | undefined {
  const { thisUpdate, nextUpdate = thisUpdate.add(withoutNextUpdate) } = dates;
  if (compareInstants(thisUpdate, now.add(clockSkew)) > 0)
    return `is dated in the future: ${thisUpdate.toString()}`;
  if (compareInstants(nextUpdate, now) < 0) return `is out of date since ${nextUpdate.toString()}`;
  if (after && compareInstants(thisUpdate, after) <= 0)
    return `was issued ${thisUpdate.toString()}, before the proof of existence`;
  return undefined;
}

/**
 * Why this material does not tell the status of the question's certificate, verified under its issuer;
 * `undefined`: it does, revoked or not.
 * @see RFC 5280 §6.3.3, RFC 6960 §3.2
 */
export function statusOffence(
  question: StatusQuestion,
  material: Pick<StatusMaterial, 'crls' | 'ocspResponses'>,
): string | undefined {
  const { certificate, issuer, candidates, now, after } = question;
  const verdict = verifyCertificatePath({
    target: certificate,
    intermediates: candidates,
    anchors: [{ certificate: issuer }],
    ...material,
    at: after ?? now,
    purpose: 'any',
    revocationMode: 'require',
  });
  const status = verdict.revocation.find(
    ({ certificate: { fingerprint } }) => fingerprint === certificate.fingerprint,
  );
  if (status && status.status !== 'unknown') return undefined;
  return (
    status?.findings.at(-1)?.message ??
    verdict.findings.find(({ level }) => level === 'error')?.message ??
    'it does not speak of the certificate'
  );
}

/** Octets read by `parse`; what they are not is the reason. */
function read<T>(octets: Uint8Array, parse: (octets: Uint8Array) => T): Answer<T> {
  try {
    return { kind: 'counts', value: parse(octets) };
  } catch (error) {
    if (!(error instanceof TokiwaError)) throw error;
    return refused(error.message);
  }
}

/**
 * Whether an OCSPResponse answers the question: successful, current, with the request's nonce or none,
 * and signed by one who may speak for the issuer.
 * @see RFC 6960 §3.2
 */
export function judgeOcspAnswer(
  octets: Uint8Array,
  question: StatusQuestion,
  nonce?: Uint8Array,
): Answer<OcspResponse> {
  const answer = read(octets, parseOcspResponse);
  if (answer.kind === 'refused') return answer;
  const response = answer.value;
  const { basic } = response;
  if (!basic) return refused(`the responder says ${response.responseStatus}`);
  // RFC 8954 §2.1: a responder may leave the nonce out; another one answers somebody else.
  if (nonce && basic.nonce && !nonceMatches(basic, nonce))
    return refused('the response carries the nonce of another request');
  const dates = basic.responses.flatMap((single) => checkDates(single, question) ?? []);
  if (dates[0] !== undefined) return refused(`the response ${dates[0]}`);
  const offence = statusOffence(question, { crls: [], ocspResponses: [response] });
  return offence === undefined ? answer : refused(offence);
}

/** Of an answer with many certificates: a signature is verified for each. */
const maxIssuerCandidates = 16;

/** The one among these certificates, which anybody may have sent, whose key signed the object. */
export function findIssuer(
  candidates: readonly Certificate[],
  signed: Pick<Certificate, 'issuer' | 'tbs' | 'signature' | 'signatureAlgorithm'>,
): Certificate | undefined {
  const { tbs: data, signature, signatureAlgorithm: algorithm } = signed;
  return candidates
    .filter(({ subject }) => namesMatch(subject, signed.issuer))
    .slice(0, maxIssuerCandidates)
    .find(({ publicKey }) => verifySignature({ publicKey, algorithm, data, signature }).ok);
}

/**
 * A CRL, DER or PEM, with dates that suit the question and signed by the issuer or a candidate of the
 * list's own name. Whether it and those of the other distribution points together tell the status is
 * for `statusOffence`.
 */
export function judgeCrlAnswer(
  octets: Uint8Array,
  question: StatusQuestion,
): Answer<CertificateList> {
  const answer = read(octets, (der) =>
    parseCertificateList(
      der[0] === 0x30
        ? der
        : (decodePem(Buffer.from(der).toString('latin1'), 'X509 CRL')[0] ?? der),
    ),
  );
  if (answer.kind === 'refused') return answer;
  const offence = checkDates(answer.value, question);
  if (offence !== undefined) return refused(`the CRL ${offence}`);
  return findIssuer([question.issuer, ...question.candidates], answer.value)
    ? answer
    : refused('the CRL has a signature that no known issuer made');
}
