// The groups of a timestamp renewal judged afresh: each is every token of the chain that it renews, once as
// RFC 4998 hashes them and once as RFC 6283 does. Imports nothing of the code that writes them but types.
import { toBase64, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { reEncodeAsDer } from '#shared/der/re-encode.ts';
import { parseRecord } from '#shared/ers/record-form.ts';
import { createCanonicalizer } from '#shared/xml/canonicalize.ts';
import { parseXml } from '#shared/xml/parse.ts';
import type { ChainIndex } from './chains.ts';
import type { ReadGroup } from './read-back-table.ts';
import type { BatchId, BatchManifest } from './types.ts';

export type CoveredTokens = {
  readonly chains: ChainIndex;
  readonly manifest: BatchManifest;
  /** An object of a batch, whole. */
  readonly read: (id: BatchId, name: 'token.der' | 'taken-over.ers') => Promise<Uint8Array>;
};

type Form = 'asn1' | 'xml';

/** The TimeStamp element around a token, as a parser and a canonicalizer see it. RFC 6283 §4.2.1 */
function canonical(token: Uint8Array): Uint8Array {
  const text = `<TimeStamp xmlns="urn:ietf:params:xml:ns:ers"><TimeStampToken Type="RFC3161">${toBase64(token)}</TimeStampToken></TimeStamp>`;
  const document = parseXml(new TextEncoder().encode(text));
  const method = { edition: 'exclusive', comments: false } as const;
  return createCanonicalizer(document)(document.root, method);
}

/** Tells of each group whether it is what it should be; digests of tokens that many share are made once. */
export function createCoveredTokens({
  chains,
  manifest,
  read,
}: CoveredTokens): (group: ReadGroup) => Promise<boolean> {
  const { digestAlgorithm, previous } = manifest;
  const known = new Map<string, readonly string[]>();

  /** Of a batch's own token; of a record taken over also of those before it in its current chain. */
  const digestsOf = async (id: BatchId, form: Form): Promise<readonly string[]> => {
    const name = `${form} ${id}`;
    const found = known.get(name);
    if (found) return found;
    const tokens = [await read(id, 'token.der')];
    if (chains.manifest(id).kind === 'taken-over') {
      const record = parseRecord(await read(id, 'taken-over.ers'));
      const stamps = record.sequence.chains.at(-1)?.archiveTimeStamps ?? [];
      tokens.push(...stamps.slice(0, -1).map(({ token }) => reEncodeAsDer(token.raw)));
    }
    const digests = tokens.map((token) =>
      toHex(digest(digestAlgorithm, form === 'xml' ? canonical(token) : token)),
    );
    known.set(name, digests);
    return digests;
  };

  return async ({ index, members }) => {
    const form = index < previous.length ? 'asn1' : 'xml';
    const covered = previous[index % previous.length];
    if (!covered || index >= 2 * previous.length) return false;
    const { batchId, renewals } = covered;
    const chain = chains.renewalsOf(batchId).slice(0, renewals);
    if (chain.length !== renewals) return false;
    // What is hashed of another product's record in XML stands in its own place: told by the whole record.
    if (form === 'xml' && chains.manifest(batchId).recordForm === 'xml') return true;
    const ids = [batchId, ...chain.map((position) => position.batchId)];
    const expected = new Set((await Promise.all(ids.map((id) => digestsOf(id, form)))).flat());
    const found = new Set(members.map(toHex));
    return expected.size === found.size && expected.isSubsetOf(found);
  };
}
