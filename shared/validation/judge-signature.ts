// One signature as of an instant, with proofs of existence: as it stands, or as of the oldest proof
// of its value (EN 319 102-1 §5.5, §5.6.2.4, §5.6.3). What is over what was settled by the readers.
import { acceptableAt } from '#shared/policy/algorithm-policy.ts';
import { compareInstants, isBefore } from '#shared/time.ts';
import {
  type SignerPath,
  type SignerQualification,
  qualifySigner,
} from '#shared/validation/signer-qualification.ts';
import { certificateFacts } from '#shared/trust/certificate-label.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import {
  checkSignedOctets,
  checkSingleSigner,
  withLaterChanges,
} from '#shared/validation/signature-value.ts';
import { type PastVerdict, validatePast } from '#shared/validation/past-validation.ts';
import type { ProofOfExistence } from '#shared/validation/proof-of-existence.ts';
import type { JudgeableSignature } from '#shared/validation/reading.ts';
import {
  algorithmEnds,
  digestEnd,
  signatureAlgorithmCheck,
  type ValidationMaterial,
} from '#shared/validation/validation-material.ts';
import type { Verdict } from '#shared/validation/verdict.ts';
import type { Certificate } from '#shared/x509/certificate.ts';

export type SignatureJudgement = Verdict & {
  readonly signer?: Certificate | undefined;
  /** The oldest proof of the signature's existence, whether or not the verdict rests on it. */
  readonly proof?: ProofOfExistence | undefined;
  /** Where it was asked: the signature does not hold as of now. */
  readonly past?: PastVerdict | undefined;
  /** Whose service the path ends at and which licences the certificate names; absent without a path. */
  readonly qualification?: SignerQualification | undefined;
  /** What other trust data can be asked about. */
  readonly signerPath?: SignerPath | undefined;
};

/**
 * §5.2.6.4, §5.3.4: as of now an expired or revoked signer may have signed in time. Only a proof of
 * existence could tell.
 */
const withoutProofOfExistence: Readonly<Partial<Record<SubIndication, SubIndication>>> = {
  EXPIRED: 'OUT_OF_BOUNDS_NO_POE',
  OUT_OF_BOUNDS_NOT_REVOKED: 'OUT_OF_BOUNDS_NO_POE',
  REVOKED: 'REVOKED_NO_POE',
};

/** §5.2.8: the signature's own algorithms as of the instant at which it is known to exist. */
function checkAlgorithms(
  signature: JudgeableSignature,
  signer: Certificate,
  { algorithmPolicy }: ValidationMaterial,
  existsSince: Temporal.Instant,
): readonly Finding[] {
  if (!algorithmPolicy) return [];
  const described = signature.describe(signer);
  const digests = signature.referenceDigests.filter((digest) => digest !== described.digest);
  return [
    ...algorithmEnds(algorithmPolicy, described),
    ...digests.map((digest) => digestEnd(algorithmPolicy, digest)),
  ]
    .filter(({ answer }) => !acceptableAt(answer, existsSince))
    .map(({ algorithm, answer }) => ({
      check: 'signature-algorithms',
      clause: 'EN 319 102-1 §5.2.8.4.4',
      level: 'error',
      message: `The policy does not accept ${algorithm} for the signature at ${existsSince.toString()}, since when it is known to exist.`,
      facts: {
        algorithm,
        policy: answer.policy,
        at: existsSince.toString(),
        ...(answer.kind === 'listed' &&
          answer.endExclusive && { endExclusive: answer.endExclusive.toString() }),
      },
    }));
}

/** §5.5.4: a signature older than its certificate was made with a key that was nobody's yet. */
function checkOrder(
  signer: Certificate,
  { existsSince, contentTimes }: SignatureQuestion & { readonly existsSince: Temporal.Instant },
): { readonly subIndication: SubIndication; readonly finding: Finding } | undefined {
  if (isBefore(existsSince, signer.notBefore))
    return {
      subIndication: 'NOT_YET_VALID',
      finding: {
        check: 'signed-after-issuance',
        clause: 'EN 319 102-1 §5.5.4',
        level: 'error',
        message: `The signature is known to exist since ${existsSince.toString()}, before its certificate begins.`,
        facts: { ...certificateFacts(signer), notBefore: signer.notBefore.toString() },
      },
    };
  const late = contentTimes.find((time) => compareInstants(time, existsSince) > 0);
  return late
    ? {
        subIndication: 'TIMESTAMP_ORDER_FAILURE',
        finding: {
          check: 'timestamp-order',
          clause: 'EN 319 102-1 §5.5.4',
          level: 'error',
          message: 'A content timestamp is later than a proof of the signature over that content.',
          facts: { contentTime: late.toString(), existsSince: existsSince.toString() },
        },
      }
    : undefined;
}

export type SignatureQuestion = {
  readonly at: Temporal.Instant;
  /** Times of the content timestamps that hold. */
  readonly contentTimes: readonly Temporal.Instant[];
};

/**
 * Judges a signature as of `at`.
 * @see EN 319 102-1 §5.6.3
 */
export function judgeSignature(
  signature: JudgeableSignature,
  question: SignatureQuestion,
  material: ValidationMaterial,
): SignatureJudgement {
  return withLaterChanges(
    signature,
    withQualification(judgeUnchanged(signature, question, material), material),
  );
}

/** A signer that may not sign documents has signed none, whatever its path is worth. */
function withQualification(
  judged: UnqualifiedJudgement,
  { signerAnchors, testCertificates = false }: ValidationMaterial,
): SignatureJudgement {
  const { path, ...judgement } = judged;
  const { proof } = judged;
  const qualified = qualifySigner(path, signerAnchors, testCertificates);
  const { qualification, signerPath, findings } = qualified;
  const refused = findings.some(({ level }) => level === 'error');
  const isRefusal = refused && judgement.status !== 'invalid';
  return {
    ...judgement,
    ...(isRefusal && { status: 'indeterminate', subIndication: 'CHAIN_CONSTRAINTS_FAILURE' }),
    findings: [...judgement.findings, ...findings],
    qualification,
    signerPath: signerPath && {
      ...signerPath,
      ...(proof && { existsSince: proof.time.toString() }),
    },
  };
}

/** `path`: as far as one was found, target first. */
type UnqualifiedJudgement = Omit<SignatureJudgement, 'qualification' | 'signerPath'> & {
  readonly path: readonly Certificate[];
};

function judgeUnchanged(
  signature: JudgeableSignature,
  question: SignatureQuestion,
  material: ValidationMaterial,
): UnqualifiedJudgement {
  const { at } = question;
  const proof = material.proofs.since(signature.value);
  const offence = checkSignedOctets(signature) ?? checkSingleSigner(signature);
  if (offence)
    return {
      status: 'invalid',
      subIndication: 'FORMAT_FAILURE',
      findings: [offence],
      proof,
      path: [],
    };
  const value = signature.verify(material.certificates);
  const { signer } = value;
  if (value.status !== 'valid' || !signer)
    return {
      status: value.status === 'valid' ? 'indeterminate' : value.status,
      subIndication: value.subIndication ?? 'NO_SIGNING_CERTIFICATE_FOUND',
      findings: value.findings,
      signer,
      proof,
      path: [],
    };
  const known = { signer, proof, path: [] };
  const existsSince = proof?.time ?? at;
  const order = checkOrder(signer, { ...question, existsSince });
  if (order)
    return {
      ...known,
      status: order.subIndication === 'NOT_YET_VALID' ? 'invalid' : 'indeterminate',
      subIndication: order.subIndication,
      findings: [...value.findings, order.finding],
    };
  const { signerAnchors: anchors, certificates: intermediates } = material;
  const { crls, ocspResponses, revocationMode, algorithmPolicy } = material;
  const purpose = 'signer';
  const path = verifyCertificatePath({
    target: signer,
    intermediates,
    anchors,
    crls,
    ocspResponses,
    at,
    purpose,
    revocationMode,
    ...signatureAlgorithmCheck(algorithmPolicy),
  });
  const algorithms = checkAlgorithms(signature, signer, material, existsSince);
  const findings = [...value.findings, ...path.findings, ...algorithms];
  const found = { signer, proof, path: path.path };
  if (algorithms.length > 0)
    return {
      ...found,
      status: 'indeterminate',
      subIndication: 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
      findings,
    };
  if (path.status === 'valid') return { ...found, status: 'valid', findings };
  const past = validatePast(
    { target: signer, purpose, anchors, at, existsSince, certificates: intermediates },
    material,
  );
  const pastPath = past.path.length > 0 ? past.path : path.path;
  // What is wrong with the path whatever the time is said as path validation says it.
  if (past.path.length === 0)
    return { ...found, status: 'indeterminate', subIndication: path.subIndication, findings, past };
  if (past.status !== 'valid' || isBefore(at, existsSince) || !proof) {
    const { subIndication } = path;
    return {
      ...found,
      path: pastPath,
      status: 'indeterminate',
      subIndication:
        past.subIndication ??
        (subIndication && withoutProofOfExistence[subIndication]) ??
        subIndication,
      findings: [...findings, ...past.findings],
      past,
    };
  }
  // As of now it would not hold; that is no finding against it any more.
  return {
    ...found,
    path: pastPath,
    status: 'valid',
    findings: [...value.findings, ...past.findings],
    past,
  };
}
