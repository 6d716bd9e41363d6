// Records of groups that came in together: each leads to the root by the judge's own walk, and to none other.
import test from 'ava';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { rootOfReduced } from '#shared/ers/reduce.ts';
import { leavesOfGroups, recordsOfLeaves, rootOfLeaves } from '#shared/intake/group-tree.ts';
import { buildMessageImprint } from '#shared/tsp/build-token.ts';
import { createTsu, issueToken } from '../../_tsu.ts';

const tsu = createTsu();

for (const algorithm of ['SHA-256', 'SHA3-512'] as const satisfies readonly DigestAlgorithm[])
  for (const count of [1, 2, 3, 7, 100])
    test(`${count} groups under ${algorithm}`, (t) => {
      const of = (text: string): Uint8Array => digest(algorithm, Buffer.from(text));
      const groups = Array.from({ length: count }, (_, i) =>
        Array.from({ length: 1 + (i % 3) }, (_each, k) => of(`${i}.${k}`)),
      );
      const leaves = leavesOfGroups(algorithm, groups);
      const root = rootOfLeaves(algorithm, leaves);
      const token = issueToken(tsu, { messageImprint: buildMessageImprint(algorithm, root) });
      const records = recordsOfLeaves(algorithm, leaves, token);
      for (const [i, group] of groups.entries()) {
        const record = parseEvidenceRecord(records(i, group));
        const [stamp] = record.sequence.chains[0]?.archiveTimeStamps ?? [];
        t.is(stamp?.digestAlgorithm, algorithm);
        const lists = stamp?.reducedHashtree ?? [];
        t.deepEqual(lists[0]?.map(toHex), group.map(toHex).toSorted(), 'exactly the group');
        t.true(equalBytes(rootOfReduced(algorithm, lists) ?? new Uint8Array(), root));
      }
    });
