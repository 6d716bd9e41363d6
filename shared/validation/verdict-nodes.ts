// Makes nodes of the verdict tree from the judgements on signatures, tokens and records: which facts a
// reader is shown, and the sentence. Nothing is judged here.
import { certificateLabel } from '#shared/trust/certificate-label.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import { explain } from '#shared/validation/explain.ts';
import type { RecordJudgement } from '#shared/validation/judge-record.ts';
import type { SignatureJudgement } from '#shared/validation/judge-signature.ts';
import type { TokenJudgement } from '#shared/validation/judge-token.ts';
import type { PastVerdict } from '#shared/validation/past-validation.ts';
import type { ProofOfExistence } from '#shared/validation/proof-of-existence.ts';
import {
  indicationOf,
  type Verdict,
  type VerdictNode,
  type VerdictSubject,
} from '#shared/validation/verdict.ts';
import type { Certificate } from '#shared/x509/certificate.ts';

type Facts = Readonly<Record<string, string>>;

/** One node; facts and findings as given, indication and sentence made here. */
export function verdictNode(
  node: Verdict & {
    readonly subject: VerdictSubject;
    readonly name: string;
    readonly facts: Facts;
    readonly children?: readonly VerdictNode[];
  },
): VerdictNode {
  const { subject, name, status, subIndication, facts, findings, children = [] } = node;
  return {
    subject,
    name,
    status,
    indication: indicationOf(subject, status),
    ...(subIndication && { subIndication }),
    facts,
    sentence: explain({ subject, name, status, subIndication, facts }),
    findings,
    children,
  };
}

/** What past validation said: until when, why, and since when the object exists. */
function pastFacts(past: PastVerdict | undefined, proof: ProofOfExistence | undefined): Facts {
  const decidedBy = past?.decidedBy;
  return {
    ...(proof && { existsSince: proof.time.toString(), provedBy: proof.by }),
    ...(decidedBy && {
      // A revocation ends the last nanosecond before it; people read whole seconds.
      until: decidedBy.until.round({ smallestUnit: 'second' }).toString(),
      limit: decidedBy.cause,
      limitedBy: certificateLabel(decidedBy.certificate),
      ...decidedBy.facts,
    }),
  };
}

/** An algorithm that was refused is named by the finding that refused it. */
function algorithmFact({ findings }: Verdict): Facts {
  const algorithm = findings.find(({ level, facts }) => level === 'error' && facts['algorithm'])
    ?.facts['algorithm'];
  return algorithm === undefined ? {} : { algorithm };
}

function signerFacts(key: 'signer' | 'tsu', certificate: Certificate | undefined): Facts {
  return certificate
    ? {
        [key]: certificateLabel(certificate),
        notAfter: certificate.notAfter.toString(),
        fingerprint: certificate.fingerprint,
      }
    : {};
}

/** Who vouches for the signer, and for which licence: shown by its Japanese name. */
function qualificationFacts({ qualification }: SignatureJudgement): Facts {
  if (!qualification) return {};
  const { anchorClass, licences } = qualification;
  return {
    signerClass: anchorClass,
    ...(licences.length > 0 && { licence: licences.map(({ ja }) => ja).join('、') }),
  };
}

/** The policy that a certificate was refused for. */
function refusalFact({ findings }: Verdict): Facts {
  const reason = findings.find(({ check }) => check.startsWith('signer-policy-'))?.facts['reason'];
  return reason === undefined ? {} : { refusedFor: reason };
}

export function signatureNode(
  name: string,
  judgement: SignatureJudgement,
  facts: Facts,
  children: readonly VerdictNode[],
): VerdictNode {
  return verdictNode({
    ...judgement,
    subject: 'signature',
    name,
    facts: {
      ...facts,
      ...signerFacts('signer', judgement.signer),
      ...qualificationFacts(judgement),
      ...refusalFact(judgement),
      ...algorithmFact(judgement),
      ...pastFacts(judgement.past, judgement.proof),
    },
    children,
  });
}

function tokenFacts({ tstInfo }: TimeStampToken): Facts {
  const { messageImprint, serialNumber, genTime, policy } = tstInfo;
  return {
    genTime: genTime.toString(),
    serialNumber: serialNumber.toString(16),
    tsaPolicy: policy,
    digest: messageImprint.algorithm ?? messageImprint.hashAlgorithm.oid,
  };
}

export function tokenNode(
  name: string,
  token: TimeStampToken,
  judgement: TokenJudgement,
  facts: Facts,
): VerdictNode {
  return verdictNode({
    ...judgement,
    subject: 'timestamp',
    name,
    facts: {
      ...facts,
      ...tokenFacts(token),
      ...signerFacts('tsu', judgement.signer),
      ...algorithmFact(judgement),
      ...(judgement.notAfter && { validUntil: judgement.notAfter.toString() }),
      ...pastFacts(judgement.past, judgement.proof),
    },
  });
}

/** A record with its archive timestamps as children, oldest first. */
export function recordNode(name: string, judgement: RecordJudgement, facts: Facts): VerdictNode {
  const { initialTime, lastTime, chains, dataObjects } = judgement;
  const children = chains.flatMap(({ digestAlgorithm, archiveTimeStamps }, chain) =>
    archiveTimeStamps.map((archiveTimeStamp, index) => {
      const { tokenVerdict, imprintIntact, coversPrevious } = archiveTimeStamp;
      return verdictNode({
        ...tokenVerdict,
        subject: 'archive-timestamp',
        name: `${name}: ${chain + 1}.${index + 1}`,
        facts: {
          kind: archiveTimeStamp.kind,
          genTime: archiveTimeStamp.genTime.toString(),
          at: archiveTimeStamp.verifiedAt.toString(),
          digest: digestAlgorithm,
          imprintIntact: `${imprintIntact}`,
          coversPrevious: `${coversPrevious}`,
          ...signerFacts('tsu', tokenVerdict.signer),
          ...algorithmFact(tokenVerdict),
          ...(tokenVerdict.notAfter && { validUntil: tokenVerdict.notAfter.toString() }),
          ...pastFacts(tokenVerdict.past, tokenVerdict.proof),
        },
      });
    }),
  );
  const missing = dataObjects.filter(({ intact }) => !intact).map((object) => object.name);
  return verdictNode({
    ...judgement,
    subject: 'evidence-record',
    name,
    facts: {
      ...facts,
      initialTime: initialTime.toString(),
      lastTime: lastTime.toString(),
      ...(missing.length > 0 && { missing: missing.join(', ') }),
    },
    children,
  });
}
