// Corpus `hostile`: every input ends within two seconds and 256 MB in a clear error, or read and never
// called good; object keys and addresses likewise. What counts as which: docs/conformance.md.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64 } from '#shared/bytes.ts';
import { TokiwaError } from '#shared/errors.ts';
import { checkUrl } from '#shared/io/address-check.ts';
import { openHttpSender } from '#shared/io/http-sender.ts';
import { checkObjectKey } from '#archiver/adapters/s3-store.ts';
import { escapeText } from '#archiver/reports/html.ts';
import { type Watched, limits, openHostileProcess } from './_hostile-process.ts';
import type { HostileCase } from './_hostile-readers.ts';
import type { ConformanceReport, ConformanceResult } from './_report.ts';

type Item = {
  readonly id: string;
  readonly file: string;
  readonly kind: HostileCase['kind'];
  readonly what: string;
  readonly expect: string;
  readonly entry?: string;
  readonly encoding?: string;
  readonly cuts?: readonly number[];
  readonly flips?: readonly number[];
};

type Keys = {
  readonly keys: readonly {
    readonly id: string;
    readonly keyBase64: string;
    readonly what: string;
    readonly expect: string;
  }[];
  readonly urls: readonly {
    readonly id: string;
    readonly url: string;
    readonly what: string;
    readonly expect: string;
  }[];
};

function describe(watched: Watched): string {
  const { outcome } = watched;
  const spent =
    'milliseconds' in watched
      ? ` (${Math.round(watched.milliseconds)} ms, ${Math.round(watched.megabytes)} MB)`
      : '';
  switch (outcome.kind) {
    case 'refused':
      return `refused: ${outcome.cause}${spent}`;
    case 'read':
      return `read${outcome.good ? ' and called good' : ''}: ${outcome.flags.join(', ') || 'nothing flagged'}${spent}`;
    case 'crashed':
      return `crashed: ${outcome.error}`;
    case 'late':
      return 'did not end';
    case 'died':
      return 'the process died';
  }
}

function isWithinLimits(watched: Watched): boolean {
  return (
    'milliseconds' in watched &&
    watched.milliseconds <= limits.milliseconds &&
    watched.megabytes <= limits.megabytes
  );
}

/** A clear error names its cause; what may be read is never called good; the genuine base is read. */
function isAsExpected(expect: string, { outcome }: Watched): boolean {
  if (expect.startsWith('clear error')) return outcome.kind === 'refused';
  if (expect === 'parsed, good') return outcome.kind === 'read';
  return outcome.kind === 'refused' || (outcome.kind === 'read' && !outcome.good);
}

async function runFiles(folder: string, items: readonly Item[]): Promise<ConformanceResult[]> {
  const results: ConformanceResult[] = [];
  await using worker = openHostileProcess();
  const ask = async (item: Item, name: string, expect: string, part: Partial<HostileCase>) => {
    const watched = await worker.ask({
      path: join(folder, item.file),
      kind: item.kind,
      entry: item.entry,
      gzip: item.encoding === 'gzip',
      ...part,
    });
    results.push({
      case: `${name}: ${item.what}`,
      passed: isWithinLimits(watched) && isAsExpected(expect, watched),
      expected: expect,
      got: describe(watched),
    });
  };
  for (const item of items) {
    // A base for cuts and flips is a good input in itself.
    const parts = [...(item.cuts ?? []), ...(item.flips ?? [])];
    if (parts.length === 0) await ask(item, item.id, item.expect, {});
    for (const cut of item.cuts ?? [])
      await ask(item, `${item.id} cut at ${cut}`, item.expect, { cut });
    for (const flip of item.flips ?? [])
      await ask(item, `${item.id} flipped at ${flip}`, 'parsed, flagged', { flip });
  }
  return results;
}

/** A key as the store and the pages meet it: refused, or kept whole and shown without a live octet. */
function handleKey(octets: Uint8Array): string {
  let key: string;
  try {
    key = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return 'refused: not UTF-8';
  }
  try {
    checkObjectKey('store', key);
  } catch (error) {
    if (!(error instanceof TokiwaError)) throw error;
    return `refused: ${error.message}`;
  }
  const shown = escapeText(key);
  const live = /[\p{Cc}\p{Cf}<>"']|&(?!(?:amp|lt|gt|quot|#\d+);)/u.exec(shown);
  return live ? `shown with U+${(live[0].codePointAt(0) ?? 0).toString(16)}` : 'opaque';
}

function runKeys(keys: Keys['keys']): ConformanceResult[] {
  return keys.map(({ id, keyBase64, what, expect }) => {
    const got = handleKey(fromBase64(keyBase64) ?? new Uint8Array());
    const passed = expect === 'clear error' ? got.startsWith('refused') : got === 'opaque';
    return { case: `${id}: ${what}`, passed, expected: expect, got };
  });
}

/** An address from a certificate, with every name resolving to this machine. */
async function tryAddress(text: string): Promise<string> {
  const checked = checkUrl(text, 'public');
  if (checked.kind === 'refused') return `refused: ${checked.reason}`;
  await using sender = openHttpSender({
    lookup: (_hostname, options, callback) => {
      if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
      else callback(null, '127.0.0.1', 4);
    },
  });
  try {
    await sender.send({
      method: 'GET',
      url: text,
      addresses: 'public',
      limits: { connectMs: 1000, firstByteMs: 1000, totalMs: 2000, maxAnswerBytes: 1000 },
      signal: AbortSignal.timeout(5000),
    });
    return 'a connection was made';
  } catch (error) {
    if (!(error instanceof TokiwaError)) throw error;
    return `refused: ${error.code}`;
  }
}

async function runUrls(urls: Keys['urls']): Promise<ConformanceResult[]> {
  const results: ConformanceResult[] = [];
  for (const { id, url, what, expect } of urls) {
    const mayBeFetched = expect === 'may be fetched';
    const got = mayBeFetched ? checkUrl(url, 'public').kind : await tryAddress(url);
    const passed = mayBeFetched ? got === 'allowed' : got.startsWith('refused');
    results.push({ case: `${id}: ${what}`, passed, expected: expect, got });
  }
  return results;
}

export async function run(folder: string): Promise<ConformanceReport> {
  const load = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(join(folder, name), 'utf8'));
  const { items } = (await load('manifest.json')) as { readonly items: readonly Item[] };
  const { keys, urls } = (await load('keys.json')) as Keys;
  return {
    results: [...(await runFiles(folder, items)), ...runKeys(keys), ...(await runUrls(urls))],
  };
}
