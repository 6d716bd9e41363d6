// Takes over an evidence record that another product made: verified as it is found, kept as it is found,
// and from then on a batch like any other, which renewals extend from where it stands (RFC 4998 §5.2). What
// does not hold, or is not about the document, is never taken over: a renewal would launder it.
import { fromHex, toHex } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { currentChain, currentFirstList, currentLeaves } from '#shared/ers/continuation.ts';
import {
  canonicalSequenceOf,
  canonicalTimeStamps,
  continueXmlRecord,
} from '#shared/ers/xml-continuation.ts';
import type { EvidenceRecord } from '#shared/ers/evidence-record.ts';
import { parseRecord } from '#shared/ers/record-form.ts';
import type { EvidenceDataObject } from '#shared/ers/verdict.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import { acceptableAt, askProfile } from '#shared/policy/algorithm-policy.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { batchKey, newBatchId, readSmall } from './batch-objects.ts';
import { judgeSamples, storeManifest } from './commit.ts';
import { judgeRecord } from './judge-record.ts';
import { buildObjectListHead, buildObjectListLine } from './object-list.ts';
import { storeSuperseded } from './superseded.ts';
import { judgeNewest, takenOverManifest } from './taken-over.ts';
import { evidenceFormOf, verificationFor, type JudgedToken } from './tokens.ts';
import type { BatchManifest, EvidenceContext, GroupMember } from './types.ts';

/** A record beside a document. */
export type FoundRecord = {
  /** The record as found. */
  readonly octets: Uint8Array;
  /** The document with the digests that the record asks for. */
  readonly document: GroupMember;
  /** What belongs to the document: those that the record covers, too, are taken over with it. */
  readonly attached: readonly GroupMember[];
};

/** `undecided`: nothing against it, and not known now that it holds; asked again at the next run. */
export type TakeOverOutcome =
  | { readonly kind: 'taken-over'; readonly manifest: BatchManifest }
  | { readonly kind: 'refused' | 'undecided'; readonly findings: readonly Finding[] };

/** Which digests of its data objects a record asks for. @throws FormatError, UnsupportedError */
export function digestsAskedFor(octets: Uint8Array): readonly DigestAlgorithm[] {
  const { chains } = parseRecord(octets).sequence;
  return [...new Set(chains.map(({ digestAlgorithm }) => digestAlgorithm))];
}

function dataObjectOf({ key, digests }: GroupMember): EvidenceDataObject {
  return {
    name: key,
    digest: (algorithm) => {
      const known = digests[algorithm];
      return known === undefined ? undefined : fromHex(known);
    },
  };
}

/** Whether the chain that goes on is about an object, too. */
function isCovered(record: EvidenceRecord, { digests }: GroupMember): boolean {
  const value = fromHex(digests[currentChain(record).digestAlgorithm] ?? '');
  if (!value || value.length === 0) return false;
  const present = new Set(currentFirstList(record).map(toHex));
  return currentLeaves(record, [value]).some((leaf) => present.has(toHex(leaf)));
}

/**
 * Verifies a record as of now and, if it holds and covers the document, makes it a batch that counts. Buys nothing.
 * @throws what the evidence store throws
 * @see RFC 4998 §5.3
 */
export async function takeOver(
  context: EvidenceContext,
  { octets, document, attached }: FoundRecord,
): Promise<TakeOverOutcome> {
  const { tsa, run } = context;
  const { runAt: at, signal } = run;
  const verification = verificationFor(tsa.verification, 'taken-over');
  const { algorithmPolicy } = verification;
  try {
    const record = parseRecord(octets);
    const members = [document, ...attached.filter((member) => isCovered(record, member))];
    const verdict = await judgeRecord({
      record: octets,
      dataObjects: members.map(dataObjectOf),
      exactGroup: false,
      verification,
      ...(algorithmPolicy && {
        digestSecure: (algorithm, instant) =>
          acceptableAt(askProfile(algorithmPolicy, { kind: 'digest', digest: algorithm }), instant),
      }),
      at,
      signal,
    });
    if (verdict.status !== 'valid')
      return {
        kind: verdict.status === 'invalid' ? 'refused' : 'undecided',
        findings: verdict.findings,
      };
    const newest = await judgeNewest(record, tsa.verification, { at, signal });
    const holding = record.xml && whyNotContinued(octets, newest);
    if (holding) return { kind: 'undecided', findings: [holding] };
    return await store(context, record, newest, members);
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
    const finding: Finding = {
      check: 'record-readable',
      clause: 'RFC 4998 §3.1',
      level: 'error',
      message: `The record cannot be read: ${error.message}`,
      facts: { code: error.code },
    };
    return { kind: 'refused', findings: [finding] };
  }
}

/** Renewals for which a record in XML has to have room: decades. */
const renewalsAhead = 64;

/**
 * A record in XML that holds and that later archive timestamps cannot be put into, or not for long: its
 * canonical forms are near the bounds of what is read. One renewal that fails would be everybody's.
 */
function whyNotContinued(octets: Uint8Array, newest: JudgedToken): Finding | undefined {
  try {
    const timeStamp = evidenceFormOf(newest);
    const renewals = Array.from({ length: renewalsAhead }, () => ({
      reducedHashtree: [],
      timeStamp,
    }));
    const continued = continueXmlRecord(octets, { newest: timeStamp, renewals, chains: [] });
    canonicalTimeStamps(continued);
    canonicalSequenceOf(continued);
    return undefined;
  } catch (error) {
    if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
    return {
      check: 'record-continued',
      clause: 'RFC 6283 §4.2',
      level: 'unknown',
      message: `The record holds, and this version cannot renew it: ${error.message}.`,
      facts: { code: error.code },
    };
  }
}

/** List, record, token, then the manifest that makes them count; one without it is given up by the next run. */
async function store(
  context: EvidenceContext,
  record: EvidenceRecord,
  newest: JudgedToken,
  members: readonly GroupMember[],
): Promise<TakeOverOutcome> {
  const { store: objects, chains, run } = context;
  const { signal } = run;
  const id = newBatchId(run.runAt, run.random);
  const absent = { signal, condition: { kind: 'absent' } } as const;
  const list = Buffer.concat([buildObjectListHead(id), buildObjectListLine({ index: 0, members })]);
  await objects.write(batchKey(id, 'objectList'), list, absent);
  await objects.write(batchKey(id, 'takenOver'), record.raw, absent);
  await objects.write(batchKey(id, 'token'), evidenceFormOf(newest), absent);
  const manifest = takenOverManifest(id, record, newest);
  const findings = await readBack(context, manifest);
  if (findings.length > 0) {
    await storeSuperseded(objects, id, 'it does not hold as it was written', run);
    return { kind: 'refused', findings };
  }
  await storeManifest(objects, manifest, signal);
  chains.add(manifest);
  run.events({
    level: 'info',
    name: 'archiver.batch.committed',
    batch: id,
    kind: manifest.kind,
    groups: 1,
    genTime: manifest.token.genTime,
  });
  return { kind: 'taken-over', manifest };
}

/** The octets as they were found, and the record that goes on from them judged as anyone would. */
async function readBack(
  context: EvidenceContext,
  manifest: BatchManifest,
): Promise<readonly Finding[]> {
  const { store: objects, run } = context;
  const { octets } = await readSmall(objects, batchKey(manifest.id, 'takenOver'), run);
  if (toHex(digest('SHA-256', octets)) !== manifest.receivedSha256)
    return [
      {
        check: 'stored-as-written',
        clause: 'design §1',
        level: 'error',
        message: 'The record does not read back as it was written.',
        facts: { batchId: manifest.id },
      },
    ];
  return judgeSamples(context, manifest, run.runAt);
}
