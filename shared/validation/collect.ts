// Gathers what the readers of one document found and turns it into Facts: each certificate once, ids
// in order of appearance, signers found among all certificates of the document, paths as far as it
// carries them.
import { toHex } from '#shared/bytes.ts';
import { attributesOfType } from '#shared/cms/attributes.ts';
import { type SignedData, type SignerInfo } from '#shared/cms/signed-data.ts';
import { certHashMatches, parseSigningCertificate } from '#shared/cms/signing-certificate.ts';
import { certificatesOfSigner } from '#shared/cms/verify-signer.ts';
import { digest, digestAlgorithmOfOid } from '#shared/crypto/digest.ts';
import { type KeyFacts, describeSignatureAlgorithm } from '#shared/crypto/signature.ts';
import { isUniversal, readChildren, readTlv, tags } from '#shared/der/reader.ts';
import { oidName, oids } from '#shared/oid.ts';
import { type Problem, attempt } from '#shared/problem.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import type { CoveredObjects } from '#shared/validation/covered-objects.ts';
import type {
  AlgorithmUse,
  CertificateFacts,
  CertificateRole,
  EvidenceRecordFacts,
  Facts,
  ReferenceFacts,
  SignatureFacts,
  SignerFacts,
  TimestampFacts,
} from '#shared/validation/facts.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { internCertificate, internCertificateList } from '#shared/x509/intern.ts';
import { type OcspResponse, parseOcspResponse, wrapBasicOcspResponse } from '#shared/x509/ocsp.ts';
import { nameKey } from '#shared/x509/name.ts';

/** A signature before its signer is looked up; XML signatures give the certificate they name. */
export type SignatureDraft = Omit<
  SignatureFacts,
  'id' | 'signer' | 'digestAlgorithm' | 'signatureAlgorithm' | 'key'
> & {
  readonly by:
    | { readonly kind: 'cms'; readonly signerInfo: SignerInfo }
    | {
        readonly kind: 'xml';
        readonly certificate: Certificate | undefined;
        readonly digestAlgorithm: string | undefined;
        readonly signatureAlgorithm: string;
      };
};

export type TimestampDraft = Pick<
  TimestampFacts,
  'type' | 'of' | 'place' | 'imprintFound' | 'imprintIntact' | 'atsHashIndex'
> & {
  readonly token: TimeStampToken;
  /** Of a document timestamp: what later revisions of the PDF changed. */
  readonly laterChanges?: readonly string[] | undefined;
  /** Of a token over a container's manifest: what the manifest lists. */
  readonly entries?: readonly ReferenceFacts[] | undefined;
  /** What the token proves to have existed once its imprint is intact; absent: nothing is known. */
  readonly covers?: CoveredObjects | undefined;
};

/** Has no place in facts: octets that are covered, and what the facts say elsewhere. */
type ForVerdicts = Pick<TimestampDraft, 'covers' | 'entries' | 'laterChanges'>;

/** A timestamp as read, by its id in the facts. */
export type TimestampReading = TimestampDraft & { readonly id: string };

/** What a reader of one format puts its findings into. */
export type Collector = {
  readonly problems: Problem[];
  readonly addProblems: (problems: readonly Problem[], place?: string) => void;
  readonly addCertificate: (certificate: Certificate, role?: CertificateRole) => void;
  readonly addCertificateOctets: (octets: Uint8Array, place?: string) => Certificate | undefined;
  readonly addCrlOctets: (octets: Uint8Array, place?: string) => void;
  readonly addOcspOctets: (octets: Uint8Array, place?: string) => void;
  /** Certificates and revocation data of a SignedData. */
  readonly addSignedData: (signedData: SignedData) => void;
  readonly addSignature: (draft: SignatureDraft) => string;
  readonly addTimestamp: (draft: TimestampDraft) => string;
  readonly addEvidenceRecord: (facts: Omit<EvidenceRecordFacts, 'id'>) => string;
  /** Id that the next evidence record will get: its timestamps come first and name it. */
  readonly nextEvidenceRecordId: () => string;
  readonly certificates: () => readonly Certificate[];
  readonly crls: () => readonly CertificateList[];
  readonly ocspResponses: () => readonly OcspResponse[];
  readonly timestamps: () => readonly TimestampReading[];
  readonly finish: (rest: Pick<Facts, 'format' | 'pdf' | 'container'>) => Facts;
};

const maxCertificates = 5000;
/** Certificates of one path; the longest real ones have five. */
const maxPath = 10;

/** Looks up certificates by subject; paths are followed by name alone, as facts and not as proof. */
function pathLookup(certificates: Iterable<Certificate>): (leaf: Certificate) => Certificate[] {
  const bySubject = new Map<string, Certificate[]>();
  for (const certificate of certificates) {
    const key = nameKey(certificate.subject);
    bySubject.set(key, [...(bySubject.get(key) ?? []), certificate]);
  }
  return (leaf) => {
    const path = [leaf];
    for (let current = leaf; path.length < maxPath;) {
      const issuers = bySubject.get(nameKey(current.issuer)) ?? [];
      const wanted = current.authorityKeyIdentifier?.keyIdentifier;
      const fits = issuers.filter(
        ({ subjectKeyIdentifier }) =>
          !wanted || !subjectKeyIdentifier || toHex(wanted) === toHex(subjectKeyIdentifier),
      );
      const next = fits.find((issuer) => !path.includes(issuer));
      if (!next || nameKey(current.issuer) === nameKey(current.subject)) break;
      path.push(next);
      current = next;
    }
    return path;
  };
}

/**
 * The certificate that the signer identifier and, where several fit it, the ESS attribute name. Test
 * authorities reuse serial numbers; so may an attacker.
 */
function findSigner(
  signerInfo: SignerInfo,
  own: readonly Certificate[],
  known: readonly Certificate[],
): Certificate | undefined {
  const matching = certificatesOfSigner(signerInfo, [...own, ...known]);
  if (matching.length < 2) return matching[0];
  const ids = ([1, 2] as const).flatMap((version) => {
    const oid = version === 1 ? oids.idAaSigningCertificate : oids.idAaSigningCertificateV2;
    const value = attributesOfType(signerInfo.signedAttrs?.attributes ?? [], oid)[0]?.values[0];
    // An attribute that does not parse names nothing; verify-signer.ts says so.
    return (value && attempt([], undefined, () => parseSigningCertificate(value, version))) ?? [];
  });
  const [id] = ids;
  return matching.find((one) => id && certHashMatches(id, one)) ?? matching[0];
}

/** How a signature's algorithm and key are named, with whatever of the certificate is known. */
function describeSigner(
  signerInfo: SignerInfo,
  certificate: Certificate | undefined,
): {
  readonly digestAlgorithm: string;
  readonly signatureAlgorithm: string;
  readonly key?: KeyFacts;
} {
  const digestName = digestAlgorithmOfOid(signerInfo.digestAlgorithm.oid);
  const described =
    certificate &&
    describeSignatureAlgorithm(signerInfo.signatureAlgorithm, certificate.publicKey, digestName);
  return {
    digestAlgorithm: digestName ?? oidName(signerInfo.digestAlgorithm.oid),
    signatureAlgorithm: described?.name ?? oidName(signerInfo.signatureAlgorithm.oid),
    ...(certificate && { key: certificate.key }),
  };
}

/** RFC 5126 §6.3.4 stores the BasicOCSPResponse, the security store of a PDF the whole response. */
export function readOcsp(octets: Uint8Array): OcspResponse {
  const [first] = readChildren(readTlv(octets));
  return parseOcspResponse(
    isUniversal(first, tags.enumerated) ? octets : wrapBasicOcspResponse(octets),
  );
}

export function createCollector(): Collector {
  const problems: Problem[] = [];
  const certificates = new Map<string, Certificate>();
  const roles = new Map<string, Set<CertificateRole>>();
  const crls = new Map<string, CertificateList>();
  const ocspResponses = new Map<string, OcspResponse>();
  const signatures: SignatureDraft[] = [];
  const timestamps: {
    readonly draft: Omit<TimestampDraft, keyof ForVerdicts>;
    readonly forVerdicts: ForVerdicts;
  }[] = [];
  const evidenceRecords: EvidenceRecordFacts[] = [];

  const addCertificate = (certificate: Certificate, role?: CertificateRole): void => {
    if (!certificates.has(certificate.fingerprint)) {
      if (certificates.size >= maxCertificates) {
        if (!problems.some(({ code }) => code === 'too-many-certificates'))
          problems.push({
            severity: 'error',
            code: 'too-many-certificates',
            message: `more than ${maxCertificates} certificates; the others were left out`,
          });
        return;
      }
      certificates.set(certificate.fingerprint, certificate);
    }
    if (!role) return;
    const known = roles.get(certificate.fingerprint) ?? new Set();
    roles.set(certificate.fingerprint, known.add(role));
  };
  const addCertificateOctets = (octets: Uint8Array, place?: string): Certificate | undefined => {
    const certificate = attempt(problems, place, () => internCertificate(octets));
    if (certificate) addCertificate(certificate);
    return certificate;
  };
  const addCrlOctets = (octets: Uint8Array, place?: string): void => {
    const fingerprint = toHex(digest('SHA-256', octets));
    if (crls.has(fingerprint)) return;
    const crl = attempt(problems, place, () => internCertificateList(octets));
    if (crl) crls.set(fingerprint, crl);
  };
  const addOcspOctets = (octets: Uint8Array, place?: string): void => {
    const fingerprint = toHex(digest('SHA-256', octets));
    if (ocspResponses.has(fingerprint)) return;
    const response = attempt(problems, place, () => readOcsp(octets));
    if (!response) return;
    ocspResponses.set(fingerprint, response);
    for (const certificate of response.basic?.certificates ?? [])
      addCertificate(certificate, 'ocsp-responder');
  };
  const addSignedData = (signedData: SignedData): void => {
    for (const certificate of signedData.certificates) addCertificate(certificate);
    for (const crl of signedData.crls) crls.set(toHex(digest('SHA-256', crl.raw)), crl);
    for (const response of signedData.ocspResponses) {
      ocspResponses.set(toHex(digest('SHA-256', response.raw)), response);
      for (const certificate of response.basic?.certificates ?? [])
        addCertificate(certificate, 'ocsp-responder');
    }
  };

  const finish = (rest: Pick<Facts, 'format' | 'pdf' | 'container'>): Facts => {
    const pathOf = pathLookup(certificates.values());
    const known = [...certificates.values()];
    const algorithms = new Map<string, AlgorithmUse>();
    const use = (algorithm: AlgorithmUse): void => {
      const { kind, name, key, usedBy } = algorithm;
      algorithms.set(JSON.stringify([kind, name, key, usedBy]), algorithm);
    };
    const signerFacts = (certificate: Certificate, role: CertificateRole): SignerFacts => {
      const path = pathOf(certificate);
      addCertificate(certificate, role);
      for (const issuer of path.slice(1)) addCertificate(issuer, 'ca');
      return {
        fingerprint: certificate.fingerprint,
        subject: certificate.subject.text,
        serialNumber: certificate.serialNumber.toString(),
        notAfter: certificate.notAfter,
        chainNotAfter: path.map(({ notAfter }) => notAfter),
      };
    };
    const signatureFacts = signatures.map(({ by, ...draft }, index): SignatureFacts => {
      const certificate = by.kind === 'cms' ? findSigner(by.signerInfo, [], known) : by.certificate;
      const description =
        by.kind === 'cms'
          ? describeSigner(by.signerInfo, certificate)
          : {
              digestAlgorithm: by.digestAlgorithm,
              signatureAlgorithm: by.signatureAlgorithm,
              ...(certificate && { key: certificate.key }),
            };
      if (description.digestAlgorithm !== undefined)
        use({ kind: 'digest', name: description.digestAlgorithm, usedBy: 'signature' });
      use({
        kind: 'signature',
        name: description.signatureAlgorithm,
        key: description.key,
        usedBy: 'signature',
      });
      return {
        id: `signature-${index + 1}`,
        ...draft,
        ...description,
        signer: certificate && signerFacts(certificate, 'signer'),
      };
    });
    const timestampFacts = timestamps.map(
      ({ draft: { token, ...draft } }, index): TimestampFacts => {
        const { tstInfo, signedData } = token;
        const [signerInfo] = signedData.signerInfos;
        const certificate = signerInfo && findSigner(signerInfo, signedData.certificates, known);
        const description = signerInfo && describeSigner(signerInfo, certificate);
        const { messageImprint } = tstInfo;
        const imprintAlgorithm =
          messageImprint.algorithm ?? oidName(messageImprint.hashAlgorithm.oid);
        const usedBy = draft.type === 'evidence-record' ? 'evidence-record' : 'timestamp';
        use({ kind: 'digest', name: imprintAlgorithm, usedBy });
        if (description)
          use({
            kind: 'signature',
            name: description.signatureAlgorithm,
            key: description.key,
            usedBy,
          });
        return {
          id: `timestamp-${index + 1}`,
          ...draft,
          genTime: tstInfo.genTime,
          serialNumber: tstInfo.serialNumber.toString(),
          tsaPolicy: tstInfo.policy,
          imprintAlgorithm,
          imprint: toHex(messageImprint.hashedMessage),
          ...description,
          tsu: certificate && signerFacts(certificate, 'tsu'),
        };
      },
    );
    const levels = signatureFacts
      .filter(({ countersigns }) => countersigns === undefined)
      .map(({ level }) => level);
    const lowest = (['B', 'T', 'LT', 'LTA'] as const).find((level) => levels.includes(level));
    const certificateFacts = [...certificates.values()].map((certificate): CertificateFacts => ({
      fingerprint: certificate.fingerprint,
      subject: certificate.subject.text,
      issuer: certificate.issuer.text,
      serialNumber: certificate.serialNumber.toString(),
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      key: certificate.key,
      signatureAlgorithm: oidName(certificate.signatureAlgorithm.oid),
      roles: [...(roles.get(certificate.fingerprint) ?? ['other'])],
    }));
    return {
      ...rest,
      level: lowest,
      signatures: signatureFacts,
      timestamps: timestampFacts,
      evidenceRecords,
      certificates: certificateFacts,
      crls: crls.size,
      ocspResponses: ocspResponses.size,
      algorithms: [...algorithms.values()],
      problems,
    };
  };

  return {
    problems,
    addProblems: (more, place) => {
      for (const problem of more)
        problems.push(
          place === undefined
            ? problem
            : {
                ...problem,
                place: problem.place === undefined ? place : `${place}: ${problem.place}`,
              },
        );
    },
    addCertificate,
    addCertificateOctets,
    addCrlOctets,
    addOcspOctets,
    addSignedData,
    addSignature: (draft) => `signature-${signatures.push(draft)}`,
    addTimestamp: ({ covers, entries, laterChanges, ...draft }) => {
      addSignedData(draft.token.signedData);
      const forVerdicts = { covers, entries, laterChanges };
      return `timestamp-${timestamps.push({ draft, forVerdicts })}`;
    },
    addEvidenceRecord: (facts) => {
      const id = `evidence-record-${evidenceRecords.length + 1}`;
      evidenceRecords.push({ id, ...facts });
      return id;
    },
    nextEvidenceRecordId: () => `evidence-record-${evidenceRecords.length + 1}`,
    certificates: () => [...certificates.values()],
    crls: () => [...crls.values()],
    ocspResponses: () => [...ocspResponses.values()],
    timestamps: () =>
      timestamps.map(({ draft, forVerdicts }, index) => ({
        ...draft,
        ...forVerdicts,
        id: `timestamp-${index + 1}`,
      })),
    finish,
  };
}
