// Gives one hostile input to the readers that meet such input in the product, and says in one word
// what came of it. Runs inside the worker process whose time and memory are watched.
import { gunzipSync } from 'node:zlib';
import { type AsicContainer, readAsic } from '#shared/asic/read.ts';
import { entryData, readZip } from '#shared/asic/zip.ts';
import { equalBytes } from '#shared/bytes.ts';
import { digestAlgorithms } from '#shared/crypto/digest.ts';
import { verifySignature } from '#shared/crypto/signature.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import { TokiwaError } from '#shared/errors.ts';
import { readPdf } from '#shared/pades/read.ts';
import { admitTimeStampReq } from '#shared/tsp/check-request.ts';
import { checkTimeStampResp } from '#shared/tsp/check-response.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import { inspect } from '#shared/validation/inspect.ts';
import { judgeSignatures } from '#shared/validation/judge-signatures.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import { parseCertificateList } from '#shared/x509/crl.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { materialOf } from '../_material.ts';
import { verifyTokenSignature } from '../shared/ers/_token-signature.ts';

/** `refused`: a typed error or finding that names the cause; `read`: with what was flagged. */
export type Outcome =
  | { readonly kind: 'refused'; readonly cause: string }
  | { readonly kind: 'read'; readonly flags: readonly string[]; readonly good: boolean };

export type HostileCase = {
  readonly kind: 'asn1' | 'xml' | 'pdf' | 'zip';
  readonly entry?: string | undefined;
  readonly gzip: boolean;
  /** Only the first octets. */
  readonly cut?: number | undefined;
  /** One octet replaced by its complement. */
  readonly flip?: number | undefined;
};

const at = Temporal.Instant.from('2026-06-01T00:00:00Z');
const read = (flags: readonly string[] = [], good = false): Outcome => ({
  kind: 'read',
  flags,
  good,
});
const refused = (cause: string): Outcome => ({ kind: 'refused', cause });

/** A typed error is an answer; any other exception is a crash and ends the worker's case. */
function orRefused(run: () => Outcome): Outcome {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof TokiwaError)) throw error;
    return refused(`${error.code}: ${error.message}`);
  }
}

function readRequest(octets: Uint8Array): Outcome {
  // The one policy on offer is what an arc of more than 64 bits would be cut down to.
  const admission = admitTimeStampReq(octets, { digestAlgorithms, tsaPolicies: ['1.2.1'] });
  return admission.kind === 'admitted'
    ? read()
    : refused(`${admission.findings[0].failInfo}: ${admission.findings[0].message}`);
}

/** What the proxy asks of a provider's answer; trust is left open, so that only other causes count. */
function readResponse(octets: Uint8Array, original: Uint8Array): Outcome {
  const response = parseTimeStampResp(octets);
  const [wrong] = checkTimeStampResp(response).filter(({ level }) => level === 'error');
  if (wrong) return refused(`${wrong.check}: ${wrong.message}`);
  const token = parseTimeStampToken(response.token ?? new Uint8Array());
  const verdict = verifyToken(token, {
    anchors: [],
    certificates: [],
    crls: [],
    ocspResponses: [],
    at,
    revocationMode: 'none',
  });
  const error = verdict.findings.find(({ level }) => level === 'error');
  if (error) return refused(`${error.check}: ${error.message}`);
  const first = parseTimeStampResp(original).token;
  const same =
    first !== undefined && equalBytes(parseTimeStampToken(first).tstInfo.raw, token.tstInfo.raw);
  return read(same ? ['same content'] : [], !same);
}

function readRecord(octets: Uint8Array): Outcome {
  const verdict = verifyEvidenceRecord({
    record: parseEvidenceRecord(octets),
    dataObjects: [],
    verifyToken: verifyTokenSignature,
    at,
  });
  return read(
    verdict.findings.map(({ check }) => check),
    verdict.status === 'valid',
  );
}

/** A certificate is also asked to verify its own signature: that is where a hostile key would bite. */
function readCertificate(octets: Uint8Array): Outcome {
  const certificate = parseCertificate(octets);
  const result = verifySignature({
    publicKey: certificate.publicKey,
    algorithm: certificate.signatureAlgorithm,
    data: certificate.tbs,
    signature: certificate.signature,
  });
  return read(result.ok ? [] : [result.reason], result.ok);
}

function readCrl(octets: Uint8Array): Outcome {
  const crl = parseCertificateList(octets);
  return read([`${crl.revokedCertificates.length} entries, signature not looked at`]);
}

/** What the nightly run does with any document: facts, then verdicts under no anchor. */
function inspectAndJudge(octets: Uint8Array): Outcome {
  const facts = inspect({ bytes: octets, size: octets.length });
  const verdicts = judgeSignatures({ bytes: octets, material: materialOf({}), at });
  const error = facts.problems.find(({ severity }) => severity === 'error');
  if (error) return refused(`${error.code}: ${error.message}`);
  return read(
    facts.problems.map(({ code }) => code),
    verdicts.some(({ status }) => status === 'valid'),
  );
}

function readArchive(octets: Uint8Array): Outcome {
  const archive = readZip(octets);
  for (const entry of archive.entries) entryData(archive, entry);
  const asic: AsicContainer | undefined = archive.entries.some(({ name }) => name === 'mimetype')
    ? readAsic(archive)
    : undefined;
  const problems = [...archive.problems, ...(asic?.problems ?? [])];
  const error = problems.find(({ severity }) => severity === 'error');
  if (error) return refused(`${error.code}: ${error.message}`);
  return read(problems.map(({ code }) => code));
}

const asn1Readers: Readonly<Record<string, (octets: Uint8Array, original: Uint8Array) => Outcome>> =
  {
    'tsp-request': readRequest,
    'tsp-response': readResponse,
    certificate: readCertificate,
    crl: readCrl,
    'evidence-record': readRecord,
  };

function directReaders(
  test: HostileCase,
): ((octets: Uint8Array, original: Uint8Array) => Outcome)[] {
  switch (test.kind) {
    case 'asn1': {
      const named = asn1Readers[test.entry ?? ''];
      return named ? [named] : Object.values(asn1Readers);
    }
    case 'xml':
      return [
        (octets) => {
          parseXml(octets);
          return read();
        },
      ];
    case 'pdf':
      return [
        (octets) => {
          const { problems } = readPdf(octets);
          const error = problems.find(({ severity }) => severity === 'error');
          if (error) return refused(`${error.code}: ${error.message}`);
          return read(problems.map(({ code }) => code));
        },
      ];
    case 'zip':
      return [readArchive];
  }
}

/**
 * Every reader of that kind of input, and inspection as a document. Refused where all direct readers
 * refuse, or where inspection does; good where any calls it good.
 */
export function giveToReaders(test: HostileCase, stored: Uint8Array): Outcome {
  const original = test.gzip ? new Uint8Array(gunzipSync(stored)) : stored;
  const octets = Uint8Array.from(original.subarray(0, test.cut ?? original.length));
  if (test.flip !== undefined) octets[test.flip] = ~(octets[test.flip] ?? 0) & 0xff;
  const direct = directReaders(test).map((reader) => orRefused(() => reader(octets, original)));
  const inspected = orRefused(() => inspectAndJudge(octets));
  const all = [...direct, inspected];
  const good = all.find((outcome) => outcome.kind === 'read' && outcome.good);
  if (good) return good;
  const accepted = direct.find(({ kind }) => kind === 'read');
  if (!accepted) return direct[0] ?? inspected;
  // XML signatures and manifests are read by inspection alone.
  const whole = test.kind === 'xml' || test.kind === 'zip' || test.kind === 'pdf';
  return whole && inspected.kind === 'refused' ? inspected : accepted;
}
