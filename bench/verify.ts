// Verifying evidence records, fresh and three times renewed, beside what node:crypto and OpenSSL
// need for the signatures in them alone.
import { createPublicKey, verify } from 'node:crypto';
import { assembleEvidenceRecord } from '#archiver/evidence/assemble.ts';
import { renewTimestamps } from '#archiver/evidence/renew-timestamps.ts';
import { anchor } from '#archiver/evidence/stamp.ts';
import type { BatchId } from '#archiver/evidence/types.ts';
import { fromHex } from '#shared/bytes.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import { createWorld, each, type World } from '../test/archiver/evidence/_world.ts';
import { freshKey } from '../test/_keys.ts';
import { tokenJudge } from './_token-judge.ts';
import { opensslVerifications, print, ratesOf } from './measure.ts';

const { signal } = new AbortController();
const leaves = 1000;

/** A token's own signature, the TSU's certificate, the CRL over it. */
const signaturesPerToken = 3;

async function stampDocuments(world: World, groups: ReturnType<World['addGroups']>) {
  const outcome = await anchor(await world.context(), {
    digestAlgorithm: 'SHA-256',
    groups: each(groups),
  });
  if (outcome.kind !== 'committed') throw new Error(`the batch is ${outcome.kind}`);
  return outcome.manifest.id;
}

async function measure(world: World, batchId: BatchId, sha256: string) {
  const octets = await assembleEvidenceRecord(world.store, { batchId, index: 0 }, { signal });
  const at = world.now();
  const { tokens, verifyToken } = await judgeOf(octets);
  const digest = fromHex(sha256);
  const [recordsPerSecond, alone] = ratesOf(() => {
    const verdict = verifyEvidenceRecord({
      record: parseEvidenceRecord(octets),
      dataObjects: [{ name: 'document', digest: () => digest }],
      at,
      verifyToken,
    });
    if (verdict.status !== 'valid') throw new Error(`the record is ${verdict.status}`);
    return undefined;
  }, verifyAlone);
  print({
    name: `records of ${tokens} token${tokens > 1 ? 's' : ''}, ${octets.length} octets`,
    perSecond: recordsPerSecond,
    unit: 'records',
    limits: [],
  });
  print({
    name: `  signatures in them (${tokens * signaturesPerToken} a record)`,
    perSecond: recordsPerSecond * tokens * signaturesPerToken,
    unit: 'signatures',
    limits: [{ name: 'node:crypto, ECDSA P-256 verify', perSecond: alone }, ...opensslAlone],
  });

  async function judgeOf(record: Uint8Array) {
    const { sequence } = parseEvidenceRecord(record);
    const all = sequence.chains.flatMap((chain) => chain.archiveTimeStamps);
    const { certificates = [] } = all.at(-1)?.token.signedData ?? {};
    return {
      tokens: all.length,
      verifyToken: await tokenJudge(world, certificates, { at, signal }),
    };
  }
}

const opensslAlone = opensslVerifications('ecdsap256');
const key = freshKey('P-256');
const publicKey = createPublicKey(key.privateKey);
const data = new Uint8Array(200);
const signature = key.sign(data);

/** The limit: one signature, with nothing around it. */
function verifyAlone(): undefined {
  if (!verify('sha256', data, publicKey, signature)) throw new Error('a good signature is refused');
}

const world = createWorld();
const groups = world.addGroups(
  'document',
  Array.from({ length: leaves }, () => 1),
);
const sha256 = groups[0]?.members[0]?.digests['SHA-256'] ?? '';
const batchId = await stampDocuments(world, groups);
await measure(world, batchId, sha256);
for (let renewal = 0; renewal < 3; renewal++) {
  world.pass({ years: 5 });
  await renewTimestamps(await world.context(), { batchIds: [batchId], digestAlgorithm: 'SHA-256' });
}
await measure(world, batchId, sha256);
