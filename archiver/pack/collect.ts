// Everything that proves one document out of a million, by itself: the document, its records, what its
// group holds, every certificate, CRL and OCSP response that its tokens and signatures need, and the
// verdict as of now (design §3; R-28).
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { fromHex } from '#shared/bytes.ts';
import {
  embeddedValidationData,
  type EmbeddedValidationData,
} from '#shared/cms/revocation-values.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { parseRecord } from '#shared/ers/record-form.ts';
import { SourceError } from '#shared/errors.ts';
import type { BatchRow, DocumentRow } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { TokenVerdict } from '#shared/tsp/verify-token.ts';
import { isBefore } from '#shared/time.ts';
import type { EvidenceBeside } from '#shared/validation/judgement-scope.ts';
import { type LongTermVerdict, validateLongTerm } from '#shared/validation/long-term.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { createAssembler } from '../evidence/assemble.ts';
import { loadChainsOf } from '../evidence/chains-of.ts';
import { judgeRecord } from '../evidence/judge-record.ts';
import { verificationFor } from '../evidence/tokens.ts';
import type { GroupPosition, TokenVerification } from '../evidence/types.ts';
import type { NightDependencies } from '../night/dependencies.ts';
import { membersOf, readMember, type PackMember } from './members.ts';
import type { PackedRecord, ScriptRevocation } from './pack-files.ts';

/** Where a record stands, with the batch that says until when it holds. */
export type PackPlace = { readonly position: GroupPosition; readonly batch: BatchRow };

export type CollectedRecord = PackedRecord & {
  readonly octets: Uint8Array;
  readonly place: PackPlace;
};

export type CollectedPack = {
  readonly members: readonly PackMember[];
  readonly records: readonly CollectedRecord[];
  readonly anchors: GivenMaterial['tsuAnchors'];
  readonly validationData: EmbeddedValidationData;
  readonly verdicts: readonly LongTermVerdict[];
};

export type PackRequest = {
  readonly deps: NightDependencies;
  readonly row: DocumentRow;
  readonly attached: readonly DocumentRow[];
  readonly places: readonly PackPlace[];
  readonly at: Temporal.Instant;
  readonly signal: AbortSignal;
};

/** Each certificate, CRL and response once, whatever brought it. */
function gather(parts: readonly EmbeddedValidationData[]): EmbeddedValidationData {
  const once = <T extends { readonly fingerprint: string }>(all: readonly T[]): readonly T[] => [
    ...new Map(all.map((each) => [each.fingerprint, each])).values(),
  ];
  return {
    certificates: once(parts.flatMap(({ certificates }) => certificates)),
    crls: once(parts.flatMap(({ crls }) => crls)),
    ocspResponses: once(parts.flatMap(({ ocspResponses }) => ocspResponses)),
  };
}

/**
 * OpenSSL is asked where the TSU is good: by the response that said so, or by a CRL of that time; one that was
 * issued later, which knows more and counts here, it takes for not yet valid.
 */
function scriptRevocation(
  { signer, path, revocation }: TokenVerdict,
  at: Temporal.Instant,
  crls: readonly CertificateList[],
): ScriptRevocation {
  const [first] = revocation;
  const [certificate, issuer] = path;
  if (first?.status !== 'good' || !certificate || !issuer) return 'none';
  const { source } = first;
  if (source && 'responseStatus' in source)
    return {
      fingerprint: source.fingerprint,
      certificate: certificate.raw,
      issuer: issuer.raw,
    };
  const inTime = crls.some(
    (crl) =>
      crl.issuer.text === signer?.issuer.text &&
      !isBefore(at, crl.thisUpdate) &&
      (crl.nextUpdate === undefined || isBefore(at, crl.nextUpdate)),
  );
  return inTime ? 'crl' : 'none';
}

/** Verification under the TSA that keeps a batch's chain; the first's where it is not configured. */
function verificationOf({ tsa, secondTsa }: NightDependencies, batch: BatchRow): TokenVerification {
  return (batch.anchor === 2 ? (secondTsa ?? tsa) : tsa).verification;
}

/**
 * Reads the document and what belongs to it once, assembles its records and judges everything as of `at`.
 * @throws SourceError ERR_SOURCE_NOT_FOUND: it has no evidence yet, or is gone; what the stores throw
 */
export async function collectPack(request: PackRequest): Promise<CollectedPack> {
  const { deps, row, places, at, signal } = request;
  const { evidence } = deps;
  if (places.length === 0)
    throw new SourceError(
      'ERR_SOURCE_NOT_FOUND',
      `${JSON.stringify(row.key)} has no evidence yet: it is ${row.state}`,
      { retryable: true },
    );
  const sources = { store: evidence.objects, catalogue: deps.catalogue, signal };
  const chains = await loadChainsOf(
    sources,
    places.map(({ position }) => position),
  );
  const assembler = createAssembler(evidence.objects, chains, { signal });
  const assembled = await Promise.all(
    places.map(async (place) => ({
      place,
      octets: await assembler.record(place.position),
      ...(await assembler.sequence(place.position)),
    })),
  );
  const algorithms = [...new Set(assembled.flatMap(({ digestAlgorithms }) => digestAlgorithms))];
  const candidates = await readCandidates(request, [...algorithms, 'SHA-256']);
  const parts: EmbeddedValidationData[] = [];
  const records: CollectedRecord[] = [];
  const members = new Map<string, PackMember>();
  for (const [index, one] of assembled.entries()) {
    const { place, octets, form, digestAlgorithms, takenOver } = one;
    const own = await membersOf(assembler, place.position, candidates, digestAlgorithms);
    for (const member of own) members.set(member.file.name, member);
    const verification = verificationFor(
      verificationOf(deps, place.batch),
      takenOver ? 'taken-over' : 'initial',
    );
    const judged = await judgeTokens(octets, own, verification, request);
    parts.push(...judged.data);
    records.push({
      name: `record-${index + 1}.${form === 'xml' ? 'xml' : 'ers'}`,
      form,
      octets,
      place,
      members: own.map(({ file }) => file.name),
      takenOver: takenOver !== undefined,
      revocation: judged.revocation,
    });
  }
  for (const { role, reading } of members.values())
    if (role === 'validation-data')
      parts.push(embeddedValidationData(parseSignedData(reading.head)));
  const { signerMaterial } = deps;
  const known = gather([signerMaterial, ...parts]);
  const anchors = signerMaterial.signerAnchors.map(({ certificate }) => certificate);
  const verdicts = judgeMembers(
    [...members.values()],
    records,
    { ...signerMaterial, ...known },
    at,
  );
  return {
    members: [...members.values()],
    records,
    anchors: signerMaterial.tsuAnchors,
    validationData: gather([
      ...parts,
      forSignatures(verdicts, {
        ...known,
        certificates: [...known.certificates, ...anchors],
      }),
    ]),
    verdicts,
  };
}

/** The document, its attached objects and its validation data, each read once. */
async function readCandidates(
  { deps, row, attached, signal }: PackRequest,
  algorithms: readonly DigestAlgorithm[],
): Promise<readonly PackMember[]> {
  const { stores, evidence, config } = deps;
  const keep = config.inspectLimitBytes;
  const candidates: PackMember[] = [];
  const read = async (
    store: ObjectStore | undefined,
    object: Pick<DocumentRow, 'key' | 'versionId'>,
    role: 'document' | 'detached-signature' | 'validation-data',
  ): Promise<void> => {
    if (!store) return;
    const source = { store, row: object, role, algorithms, keep, number: candidates.length };
    candidates.push(await readMember(source, signal));
  };
  await read(stores.get(row.store), row, 'document');
  for (const each of attached) await read(stores.get(each.store), each, 'detached-signature');
  if (row.validationData)
    await read(evidence.objects, { key: row.validationData.key, versionId: '' }, 'validation-data');
  return candidates;
}

/** What a record's tokens stand on, and how the script asks for their revocation. */
async function judgeTokens(
  record: Uint8Array,
  members: readonly PackMember[],
  verification: TokenVerification,
  { at, signal }: PackRequest,
): Promise<{
  readonly data: readonly EmbeddedValidationData[];
  readonly revocation: readonly ScriptRevocation[];
}> {
  const { chains } = await judgeRecord({
    record,
    dataObjects: members.map(({ key, reading }) => ({
      name: key,
      digest: (algorithm) => fromHex(reading.digests[algorithm] ?? ''),
    })),
    exactGroup: false,
    verification,
    at,
    signal,
  });
  const verdicts = chains.flatMap(({ archiveTimeStamps }) => archiveTimeStamps);
  const embedded = parseRecord(record).sequence.chains.flatMap(({ archiveTimeStamps }) =>
    archiveTimeStamps.map(({ token }) => embeddedValidationData(token.signedData)),
  );
  const data = [...embedded, ...verdicts.map(({ tokenVerdict }) => usedBy(tokenVerdict))];
  const crls = data.flatMap((part) => part.crls);
  return {
    data,
    revocation: verdicts.map(({ tokenVerdict, verifiedAt }) =>
      scriptRevocation(tokenVerdict, verifiedAt, crls),
    ),
  };
}

/** What decided on a token: its path, and what said that it was not revoked. */
function usedBy({ path, revocation }: TokenVerdict): EmbeddedValidationData {
  const sources = revocation.flatMap(({ source }) => source ?? []);
  return {
    certificates: path,
    crls: sources.filter((source) => 'revokedCertificates' in source),
    ocspResponses: sources.filter((source) => 'responseStatus' in source),
  };
}

/**
 * Of what is known, what the issuers of the certificates of document and signatures published, up to the anchors:
 * whoever has the pack finds the whole path in it, and decides which anchors count.
 */
function forSignatures(
  verdicts: readonly LongTermVerdict[],
  known: EmbeddedValidationData,
): EmbeddedValidationData {
  const inDocuments = verdicts.flatMap(({ facts }) => facts.certificates);
  const issuers = new Set(inDocuments.map(({ issuer }) => issuer));
  // A set that is added to while it is read is read to its end: issuers of issuers.
  for (const name of issuers)
    for (const { subject, issuer } of known.certificates)
      if (subject.text === name) issuers.add(issuer.text);
  return {
    certificates: known.certificates.filter(({ subject }) => issuers.has(subject.text)),
    crls: known.crls.filter(({ issuer }) => issuers.has(issuer.text)),
    ocspResponses: known.ocspResponses,
  };
}

/** The document under its records, then what is attached to it over the document. */
function judgeMembers(
  members: readonly PackMember[],
  records: readonly CollectedRecord[],
  material: GivenMaterial,
  at: Temporal.Instant,
): readonly LongTermVerdict[] {
  const digestOf =
    ({ reading }: PackMember) =>
    (algorithm: DigestAlgorithm) =>
      fromHex(reading.digests[algorithm] ?? '');
  const document = members.find(({ role }) => role === 'document');
  const judged = members.filter(({ role }) => role === 'document' || role === 'detached-signature');
  const validationData: readonly EvidenceBeside[] = members
    .filter(({ role }) => role === 'validation-data')
    .map(({ file, reading }) => ({ name: file.name, octets: reading.head }));
  return judged.map((member) => {
    const evidenceRecords: readonly EvidenceBeside[] = records
      .filter((record) => record.members.includes(member.file.name))
      .map(({ name, octets }) => ({ name, octets }));
    const detached =
      document && member !== document
        ? [{ name: document.key, digest: digestOf(document) }]
        : undefined;
    return validateLongTerm({
      name: member.key,
      bytes: member.reading.head,
      size: member.reading.size,
      digest: digestOf(member),
      detached,
      validationData,
      evidenceRecords,
      at,
      material,
    });
  });
}
