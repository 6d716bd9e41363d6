// What is fuzzed: each parser with what builds on it, and a folder of saved seeds for each. A target
// ends with a value or with one of our own errors; anything else is a crash.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { readPolicyFile } from '#shared/trust/policy-file.ts';
import { digest, digestAlgorithms } from '#shared/crypto/digest.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import { readChildren, readWhole, type Tlv } from '#shared/der/reader.ts';
import { TokiwaError } from '#shared/errors.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { buildDssc } from '#shared/policy/dssc-write.ts';
import { verifyTrustedList } from '#shared/trust/trusted-list-chain.ts';
import { listedAnchors, statusAt } from '#shared/trust/trusted-list-services.ts';
import { parseTrustedList } from '#shared/trust/trusted-list.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import { admitTimeStampReq } from '#shared/tsp/check-request.ts';
import { checkTimeStampResp } from '#shared/tsp/check-response.ts';
import { buildEvidenceForm } from '#shared/tsp/evidence-form.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { readAgain } from '#shared/tsp/second-reading.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import { validateLongTerm } from '#shared/validation/long-term.ts';
import { type Certificate, parseCertificate } from '#shared/x509/certificate.ts';
import { type CertificateList, parseCertificateList } from '#shared/x509/crl.ts';
import { readHcRoles } from '#shared/x509/hc-role.ts';
import { type OcspResponse, parseOcspResponse } from '#shared/x509/ocsp.ts';
import { trustedListXml } from '../_trusted-list.ts';

export const seedFolder = path.join(import.meta.dirname, 'seeds');
const sampleFolder = path.join(import.meta.dirname, '..', '..', 'samples', 'documents');
/** Larger samples would make a run slow and show no other path. */
const maxSampleOctets = 24_000;

export type FuzzTarget = {
  readonly name: string;
  readonly seeds: () => readonly Uint8Array[];
  readonly run: (octets: Uint8Array) => void;
};

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted();
}

function savedSeeds(name: string): readonly Uint8Array[] {
  return filesOf(path.join(seedFolder, name)).map((file) => readFileSync(file));
}

const documentSeeds = (): readonly Uint8Array[] =>
  filesOf(sampleFolder)
    .map((file) => readFileSync(file))
    .filter((octets) => octets.length <= maxSampleOctets);

/** What mutated structures are set beside: the genuine ones of the seeds, made once. */
type World = {
  readonly root: Certificate;
  readonly ca: Certificate;
  readonly tsu: Certificate;
  readonly others: readonly Certificate[];
  readonly crl: CertificateList;
  readonly ocspResponse: OcspResponse;
};

let known: World | undefined;
function world(): World {
  const read = (file: string): Uint8Array => readFileSync(path.join(seedFolder, file));
  const certificate = (name: string): Certificate =>
    parseCertificate(read(`certificate/${name}.der`));
  return (known ??= {
    root: certificate('root'),
    ca: certificate('ca'),
    tsu: certificate('tsu'),
    others: [certificate('ocsp-responder')],
    crl: parseCertificateList(read('crl/ca.der')),
    ocspResponse: parseOcspResponse(read('ocsp/good.der')),
  });
}

const at = Temporal.Instant.from('2026-06-01T00:00:00Z');

function askPath(given: {
  readonly target?: Certificate;
  readonly issuer?: Certificate;
  readonly crl?: CertificateList;
  readonly ocspResponse?: OcspResponse;
}): void {
  const { root, ca, tsu, others, crl, ocspResponse } = world();
  verifyCertificatePath({
    target: given.target ?? tsu,
    intermediates: [given.issuer ?? ca, ...others],
    anchors: [{ certificate: root }],
    crls: [given.crl ?? crl],
    ocspResponses: [given.ocspResponse ?? ocspResponse],
    at,
    purpose: 'tsu',
    revocationMode: 'require',
  });
}

function walk(tlv: Tlv): void {
  if (!tlv.constructed) return;
  for (const child of readChildren(tlv)) walk(child);
}

function askToken(octets: Uint8Array): void {
  const { root, crl, ocspResponse } = world();
  const token = parseTimeStampToken(octets);
  const { status } = verifyToken(token, {
    anchors: [{ certificate: root }],
    certificates: [],
    crls: [crl],
    ocspResponses: [ocspResponse],
    at,
    revocationMode: 'soft',
  });
  readAgain(token);
  // Only what holds gets an evidence form.
  if (status === 'valid')
    buildEvidenceForm(octets, { certificates: [root], crls: [crl], ocspResponses: [ocspResponse] });
}

function judge(octets: Uint8Array, evidenceRecord?: Uint8Array): void {
  const { root, crl, ocspResponse } = world();
  const anchors = [{ certificate: root }];
  validateLongTerm({
    name: 'fuzzed',
    bytes: octets,
    size: octets.length,
    digest: (algorithm) => digest(algorithm, octets),
    evidenceRecords: evidenceRecord && [{ name: 'record', octets: evidenceRecord }],
    at,
    material: {
      signerAnchors: anchors,
      tsuAnchors: anchors,
      certificates: [],
      crls: [crl],
      ocspResponses: [ocspResponse],
      revocationMode: 'require',
    },
  });
}

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: 'der',
    seeds: () => [
      ...savedSeeds('certificate'),
      ...savedSeeds('crl'),
      ...savedSeeds('ocsp'),
      ...savedSeeds('token'),
    ],
    run: (octets) => {
      findDerOffence(octets);
      walk(readWhole(octets));
    },
  },
  {
    name: 'certificate',
    seeds: () => savedSeeds('certificate'),
    run: (octets) => {
      const certificate = parseCertificate(octets);
      readHcRoles(certificate);
      askPath({ target: certificate });
      askPath({ issuer: certificate });
    },
  },
  {
    name: 'crl',
    seeds: () => savedSeeds('crl'),
    run: (octets) => {
      askPath({ crl: parseCertificateList(octets) });
    },
  },
  {
    name: 'ocsp',
    seeds: () => savedSeeds('ocsp'),
    run: (octets) => {
      askPath({ ocspResponse: parseOcspResponse(octets) });
    },
  },
  { name: 'token', seeds: () => savedSeeds('token'), run: askToken },
  {
    name: 'query',
    seeds: () => savedSeeds('query'),
    run: (octets) => {
      admitTimeStampReq(octets, { digestAlgorithms, tsaPolicies: [] });
    },
  },
  {
    name: 'response',
    seeds: () => savedSeeds('response'),
    run: (octets) => {
      const response = parseTimeStampResp(octets);
      checkTimeStampResp(response);
      if (response.token) askToken(response.token);
    },
  },
  {
    name: 'evidence-record',
    seeds: () => savedSeeds('evidence-record'),
    run: (octets) => {
      parseEvidenceRecord(octets);
      judge(new Uint8Array(), octets);
    },
  },
  { name: 'document', seeds: documentSeeds, run: judge },
  {
    name: 'policy',
    // The smallest; others are the same rows again.
    seeds: () =>
      bundledPolicies.policies
        .filter(({ id }) => id === 'jp-gov-pqc-2035' || id === 'nist-ir-8547-ipd')
        .map((policy) => buildDssc(policy, bundledPolicies.asOf)),
    run: (octets) => {
      readPolicyFile(octets);
    },
  },
  {
    name: 'trusted-list',
    seeds: () => [new TextEncoder().encode(trustedListXml(world().ca))],
    run: (octets) => {
      const file = { name: 'fuzzed', octets };
      verifyTrustedList(file, [world().root]);
      const list = parseTrustedList(octets);
      for (const role of ['tsu', 'signer'] as const) listedAnchors(list, role);
      for (const service of list.services) statusAt(service, at);
    },
  },
];

/** Runs one input. @throws what is no answer: a crash */
export function runTarget({ run }: FuzzTarget, octets: Uint8Array): void {
  try {
    run(octets);
  } catch (error) {
    if (!(error instanceof TokiwaError)) throw error;
  }
}
