// Evidence records that the proxy answers digests with, before Bouncy Castle, the strict walk of RFC 4998 and EU DSS:
// lone documents and groups, alone in their tree and with others. Over another document each has to be refused.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { toHex } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { localTsaConfig } from '#tsa/config/config.ts';
import { startTsa } from '#tsa/main.ts';
import type { ConformanceReport } from '../conformance/_report.ts';
import { dssAccepts, judgeRecords, type RecordToJudge } from './_judges.ts';

type Case = RecordToJudge & { readonly name: string; readonly good: boolean };

/** So many groups in a tree; the group of index i has 1 + i mod 3 documents. */
const treeSizes = [1, 2, 3, 7];

async function recordsOf(
  url: string,
  algorithm: DigestAlgorithm,
  count: number,
): Promise<readonly Case[]> {
  const groups = Array.from({ length: count }, (_, i) =>
    Array.from({ length: 1 + (i % 3) }, (_each, k) =>
      Buffer.from(`Object ${k} of group ${i} of ${count}, under ${algorithm}.\n`),
    ),
  );
  const answer = await fetch(`${url}evidence/default`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      hashAlgorithm: algorithm,
      groups: groups.map((group) => group.map((one) => toHex(digest(algorithm, one)))),
    }),
  });
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${await answer.text()}`);
  const { records } = (await answer.json()) as { readonly records: readonly string[] };
  return groups.flatMap((documents, i): readonly Case[] => {
    const record = Buffer.from(records[i] ?? '', 'base64');
    const name = `group ${i + 1} of ${count}, ${documents.length} objects, ${algorithm}`;
    const [first = Buffer.of(), ...others] = documents;
    const changed = Buffer.concat([first, Buffer.of(0)]);
    return [
      { name, good: true, record, documents },
      ...(i === 0
        ? [{ name: `${name}, changed`, good: false, record, documents: [changed, ...others] }]
        : []),
    ];
  });
}

/** What the proxy gives, whole and over a changed object, before every judge. */
export async function judgeIntake(oracle: string): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-intake-'));
  try {
    const config = localTsaConfig({ stateDir: folder });
    await using tsa = await startTsa({
      config: { ...config, evidence: { ...config.evidence, intervalSeconds: 0 } },
      clock: { now: () => Temporal.Now.instant() },
      random: (length) => new Uint8Array(randomBytes(length)),
      events: () => undefined,
      signal: new AbortController().signal,
    });
    const cases: Case[] = [];
    for (const algorithm of ['SHA-256', 'SHA3-512'] as const)
      for (const count of treeSizes) cases.push(...(await recordsOf(tsa.url, algorithm, count)));
    const judgements = await judgeRecords(oracle, cases);
    return {
      results: judgements.map(({ strict, dss }, i) => {
        const { name = '', good = true } = cases[i] ?? {};
        const verdicts = [strict.ok, strict.bc.ok, dssAccepts(dss)];
        return {
          case: name,
          passed: verdicts.every((accepted) => accepted === good),
          expected: good ? 'accepted by all' : 'refused by all',
          got: `strict walk: ${verdicts[0]}; Bouncy Castle: ${verdicts[1]}; EU DSS: ${verdicts[2]}`,
          note: [...strict.errors, strict.bc.error ?? ''].join('; '),
        };
      }),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}
