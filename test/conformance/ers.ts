// Corpus `ers`: RFC 4998 records good and bad, each against its own document. Signatures count, the
// self-made TSU certificates' trust does not.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digest } from '#shared/crypto/digest.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import { FormatError } from '#shared/errors.ts';
import { verifyTokenSignature } from '../shared/ers/_token-signature.ts';
import type { ConformanceReport, ConformanceResult } from './_report.ts';

type Item = {
  readonly file: string;
  readonly data: readonly string[];
  readonly expect: 'accept' | 'reject';
  readonly firm: boolean;
  readonly what: string;
};

/** After every token of the corpus; its certificates' periods are not looked at. */
const at = Temporal.Instant.from('2026-06-01T00:00:00Z');

async function judge(folder: string, item: Item): Promise<string> {
  const octets = await readFile(join(folder, item.file));
  const dataObjects = await Promise.all(
    item.data.map(async (name) => {
      const content = await readFile(join(folder, name));
      return {
        name,
        digest: (algorithm: Parameters<typeof digest>[0]) => digest(algorithm, content),
      };
    }),
  );
  try {
    const verdict = verifyEvidenceRecord({
      record: parseEvidenceRecord(octets),
      dataObjects,
      verifyToken: verifyTokenSignature,
      at,
    });
    const decisive = verdict.findings.filter(
      ({ level }) => level === 'error' || level === 'unknown',
    );
    return verdict.status === 'valid'
      ? 'accept'
      : `reject: ${verdict.status} ${verdict.subIndication ?? ''}: ${decisive.map(({ check }) => check).join(', ')}`;
  } catch (error) {
    if (error instanceof FormatError) return `reject: ${error.code} ${error.message}`;
    throw error;
  }
}

/** Runs the corpus in `folder`; a case that is not firm passes either way and says what we answer. */
export async function run(folder: string): Promise<ConformanceReport> {
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as {
    readonly items: readonly Item[];
  };
  const results: ConformanceResult[] = [];
  for (const item of manifest.items) {
    const got = await judge(folder, item);
    const agrees = got.startsWith(item.expect);
    results.push({
      case: item.file,
      passed: agrees || !item.firm,
      expected: item.expect,
      got,
      note:
        agrees || item.firm ? undefined : 'readings differ; docs/standards.md, Evidence records',
    });
  }
  return { results };
}
