// One document's record in ASN.1 and in XML from the same trees and tokens: they prove the same, before and
// after timestamp renewals. Where a renewal hashed for ASN.1 alone, no record in XML is given.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import { FormatError } from '#shared/errors.ts';
import { parseEvidenceRecord, type EvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { EvidenceRecordVerdict } from '#shared/ers/verdict.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import { parseXmlEvidenceRecord } from '#shared/ers/xml-evidence-record.ts';
import { assembleXmlEvidenceRecord } from '../../../archiver/evidence/assemble-xml.ts';
import { batchKey } from '../../../archiver/evidence/batch-objects.ts';
import { loadChainIndex } from '../../../archiver/evidence/chains.ts';
import { checkBatch } from '../../../archiver/evidence/link-check.ts';
import { rebuildLeafTable } from '../../../archiver/evidence/rebuild-leaf-table.ts';
import { renewHashTree } from '../../../archiver/evidence/renew-hash-tree.ts';
import { renewTimestamps } from '../../../archiver/evidence/renew-timestamps.ts';
import { verifyTokenSignature } from '../../shared/ers/_token-signature.ts';
import { anchorTwo, committed, damagedRecords, recordPairs } from './_xml-records.ts';
import { createTakingWorld, foreignRecords, renewed, takeInto } from './_taken-over.ts';
import { createWorld, signal } from './_world.ts';

const at = Temporal.Instant.from('2090-01-01T00:00:00Z');

function verdictOn(
  record: EvidenceRecord,
  documents: readonly Uint8Array[],
): EvidenceRecordVerdict {
  return verifyEvidenceRecord({
    record,
    dataObjects: documents.map((octets, index) => ({
      name: `object ${index}`,
      digest: (algorithm) => digest(algorithm, octets),
      octets: () => octets,
    })),
    exactGroup: true,
    verifyToken: verifyTokenSignature,
    at,
  });
}

/** What a record proves: of what, since when, by which tokens. */
function proofOf({ status, chains, dataObjects, initialTime, lastTime }: EvidenceRecordVerdict) {
  return {
    status,
    dataObjects,
    initialTime: initialTime.toString(),
    lastTime: lastTime.toString(),
    tokens: chains.map(({ digestAlgorithm, archiveTimeStamps }) => [
      digestAlgorithm,
      ...archiveTimeStamps.map(({ genTime, kind }) => `${kind} ${genTime.toString()}`),
    ]),
  };
}

const bothKinds = ['join', 'timestamp', 'hash-tree', 'timestamp', 'hash-tree'] as const;

test('both forms prove the same, before and after renewals of both kinds', async (t) => {
  const pairs = await recordPairs(bothKinds, '2026-01-01T00:00:00Z');
  t.is(pairs.length, 18);
  for (const { name, documents, asn1, xml } of pairs) {
    const inXml = proofOf(verdictOn(parseXmlEvidenceRecord(xml), documents));
    t.is(inXml.status, 'valid', name);
    t.deepEqual(inXml, proofOf(verdictOn(parseEvidenceRecord(asn1), documents)), name);
  }
});

test('each change of what is covered is refused', async (t) => {
  const pair = (await recordPairs(['timestamp', 'hash-tree'], '2026-01-01T00:00:00Z')).at(-2);
  if (!pair) throw new Error('no record');
  const statusOf = (xml: Uint8Array): string => {
    try {
      return verdictOn(parseXmlEvidenceRecord(xml), pair.documents).status;
    } catch (error) {
      if (error instanceof FormatError) return error.code;
      throw error;
    }
  };
  t.is(statusOf(pair.xml), 'valid');
  for (const { name, xml } of damagedRecords(pair)) t.not(statusOf(xml), 'valid', name);
});

test('after a hash-tree renewal that was made for ASN.1 alone there is none', async (t) => {
  const world = createWorld();
  const [batchId] = await anchorTwo(world);
  const { stamped } = await renewHashTree(await world.context(), {
    toAlgorithm: 'SHA-512',
    groups: world.renewalGroups(batchId),
    onLeftOut: () => Promise.resolve(),
  });
  const position = { batchId: committed(stamped), index: 0 };
  await t.throwsAsync(assembleXmlEvidenceRecord(world.store, position, { signal }), {
    code: 'ERR_UNSUPPORTED_FEATURE',
    message: /hash-tree renewal .* RFC 6283 §4.2.2/,
  });
});

test('a record of another product in ASN.1 can be had in XML as long as that product did not renew it', async (t) => {
  const { world, tsu } = createTakingWorld();
  const inXml = async (index: number) => {
    const { record, documents } = foreignRecords[index]?.make(tsu) ?? {};
    const outcome = await takeInto(world, tsu, record ?? new Uint8Array(), documents ?? []);
    if (outcome.kind !== 'taken-over') throw new Error(JSON.stringify(outcome.findings));
    const batchId = outcome.manifest.id;
    await renewed(world, tsu, batchId, ['timestamp']);
    const xml = await assembleXmlEvidenceRecord(world.store, { batchId, index: 0 }, { signal });
    return proofOf(verdictOn(parseXmlEvidenceRecord(xml), documents ?? [])).status;
  };
  t.is(await inXml(0), 'valid');
  await t.throwsAsync(inXml(2), { message: /made and renewed its record in ASN.1/ });
});

test('the second half of a renewal’s table is held to the tokens, and made again from them', async (t) => {
  const world = createWorld();
  const [first, second] = await anchorTwo(world);
  world.pass({ years: 2 });
  const renewal = { batchIds: [first, second], digestAlgorithm: 'SHA-256' } as const;
  const id = committed((await renewTimestamps(await world.context(), renewal)).stamped);
  const chains = await loadChainIndex(world.store, signal);
  t.is(chains.manifest(id).groupCount, 4);
  await world.store.remove(batchKey(id, 'leafTable'), { signal });
  t.is((await checkBatch(world.store, chains, second, { signal }))[0]?.part, 'leaf-table');
  t.is((await rebuildLeafTable(world.store, chains, id, { signal })).kind, 'healed');
  t.deepEqual(await checkBatch(world.store, chains, second, { signal }), []);
});

test('a hash-tree renewal’s table in both forms is made again from documents and chains', async (t) => {
  const world = createWorld();
  const [batchId] = await anchorTwo(world);
  const { stamped, renewedCount } = await renewHashTree(await world.context(), {
    toAlgorithm: 'SHA-512',
    groups: world.renewalGroups(batchId),
    xmlGroups: true,
    onLeftOut: () => Promise.resolve(),
  });
  const id = committed(stamped);
  t.is(renewedCount, 3);
  const chains = await loadChainIndex(world.store, signal);
  t.is(chains.manifest(id).groupCount, 6);
  t.is(chains.manifest(id).version, 2);
  await world.store.remove(batchKey(id, 'leafTable'), { signal });
  t.is((await rebuildLeafTable(world.store, chains, id, { signal })).kind, 'healed');
  t.deepEqual(await checkBatch(world.store, chains, id, { signal }), []);
});
