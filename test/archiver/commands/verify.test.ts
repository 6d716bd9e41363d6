// `tokiwa verify` over the samples, which other implementations made and judged: verdicts, tables, exit
// codes, and evidence beside a file.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { ConfigError } from '#shared/errors.ts';
import {
  parseSupposition,
  verifyFiles,
  type VerifyOptions,
} from '../../../archiver/commands/verify.ts';
import {
  csvHeader,
  type FileVerdict,
  renderCsv,
  renderJson,
  renderText,
} from '../../../archiver/commands/verify-output.ts';

const samples = path.resolve('samples');
const documents = path.join(samples, 'documents');
const now = Temporal.Instant.from('2027-01-01T00:00:00Z');
const options: VerifyOptions = {
  evidence: [],
  token: [],
  trust: [path.join(samples, 'pki', 'anchors')],
  crls: [path.join(samples, 'pki', 'crls')],
  policy: 'jp-medical',
  revocation: 'require',
  suppose: [],
};

async function verify(
  files: readonly string[],
  more: Partial<VerifyOptions> = {},
): Promise<readonly FileVerdict[]> {
  const verdicts: FileVerdict[] = [];
  const { signal } = new AbortController();
  for await (const verdict of verifyFiles(
    files.map((file) => path.resolve(documents, file)),
    { ...options, ...more },
    now,
    signal,
  ))
    verdicts.push(verdict);
  return verdicts;
}

async function one(file: string, more: Partial<VerifyOptions> = {}): Promise<FileVerdict> {
  const [verdict] = await verify([file], more);
  if (!verdict) throw new Error('no verdict');
  return verdict;
}

type ManifestEntry = {
  readonly file: string;
  readonly format: string;
  readonly signatures: readonly {
    readonly indication: string;
    readonly subIndication: string | null;
  }[];
  readonly parts: readonly { readonly file: string; readonly role: string }[];
};

test('samples: what their makers’ verifiers said', async (t) => {
  const text = await readFile(path.join(samples, 'manifest.json'), 'utf8');
  const entries = (JSON.parse(text) as readonly ManifestEntry[]).filter(
    ({ signatures, format }) => signatures.length > 0 && !format.includes('xades'),
  );
  t.true(entries.length > 10);
  for (const { file, signatures, parts } of entries) {
    const signature = parts.find(({ role }) => role === 'signature');
    const { tree } = await one(signature?.file ?? file);
    const judged = tree.children.filter(({ subject }) => subject === 'signature');
    t.deepEqual(
      judged.map(({ indication, subIndication }) => [indication, subIndication ?? null]),
      signatures.map(({ indication, subIndication }) => [indication, subIndication]),
      file,
    );
  }
});

test('evidence beside a file: a token, a record, and neither fits another file', async (t) => {
  const token = [path.join(documents, 'その他', '受付票 2026.txt.tsr')];
  const evidence = [path.join(documents, 'その他', '検査値一覧.csv.ers')];
  const stamped = await one('その他/受付票 2026.txt', { token });
  t.is(stamped.tree.status, 'valid');
  t.is((await one('その他/検査値一覧.csv', { evidence })).tree.status, 'valid');
  const other = await one('その他/院内連絡メモ.txt', { token });
  t.is(other.tree.subIndication, 'HASH_FAILURE');
  const unrecorded = await one('その他/院内連絡メモ.txt', { evidence });
  t.is(unrecorded.tree.subIndication, 'HASH_FAILURE');
  // A proof alone finds what it is over by its name.
  t.is((await one('その他/受付票 2026.txt.tsr')).tree.status, 'valid');
});

test('a proof whose document is not at hand is left open', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-verify-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const lone = path.join(folder, 'lone.tsr');
  await writeFile(lone, await readFile(path.join(documents, 'その他', '受付票 2026.txt.tsr')));
  t.is((await one(lone)).tree.subIndication, 'SIGNED_DATA_NOT_FOUND');
});

test('the horizon under a supposed event', async (t) => {
  const file = 'その他/受付票 2026.txt.tsr';
  const { horizon, supposed } = await one(file, { suppose: ['SHA-256 ends 2031-01-01'] });
  t.is(supposed?.at?.toString(), '2031-01-01T00:00:00Z');
  t.is(supposed?.element.name, 'SHA-256');
  t.true(horizon?.at && supposed?.at && Temporal.Instant.compare(supposed.at, horizon.at) < 0);
  t.is((await one(file)).supposed, undefined);
});

for (const [text, kind] of [
  ['SHA-256 ends 2031-01-01', 'algorithm-ends'],
  ['CN=Some CA, O=x compromised 2027-04-01', 'certificate-compromised'],
  ['policy strict', 'policy-changes'],
] as const)
  test(`supposition: ${text}`, (t) => {
    t.is(parseSupposition(text).kind, kind);
  });

for (const text of ['SHA-256 ends', 'policy nobody-knows', 'it rains 2031-01-01', 'X ends soon'])
  test(`no supposition: ${text}`, (t) => {
    t.throws(() => parseSupposition(text), { instanceOf: ConfigError });
  });

test('CSV: a Japanese header, a row for each timestamp, no formulas', async (t) => {
  const [long, plain] = await verify([
    '診療録/2026-000102 退院サマリー_長期検証.pdf',
    'その他/院内連絡メモ.txt',
  ]);
  if (!long || !plain) throw new Error('two verdicts');
  const width = csvHeader.split(',').length;
  t.true(csvHeader.startsWith('\uFEFFファイル,'));
  const rows = renderCsv(long).trimEnd().split('\r\n');
  t.is(rows.length, long.tokens.length);
  t.true(rows.length > 1);
  t.is(
    renderCsv({ ...plain, file: '=cmd' }),
    `'=cmd,INDETERMINATE,NO_POE${','.repeat(width - 3)}\r\n`,
  );
});

test('JSON: one line, the tree with a sentence in each language', async (t) => {
  const line = renderJson(await one('検査/病理報告_署名者失効.p7m'));
  t.is(line.indexOf('\n'), line.length - 1);
  const parsed = JSON.parse(line) as {
    readonly indication: string;
    readonly cadesLevels: readonly unknown[];
    readonly tree: { readonly children: readonly { readonly sentence: { readonly ja: string } }[] };
  };
  t.is(parsed.indication, 'INDETERMINATE');
  t.deepEqual(parsed.cadesLevels, [{ signature: 'signature-1', level: 'CAdES-B-B' }]);
  t.true(parsed.tree.children[0]?.sentence.ja.includes('失効'));
});

test('text: the deciding sentence, or the whole tree; no control characters', async (t) => {
  const verdict = await one('検査/病理報告_署名者失効.p7m');
  const short = renderText(verdict, { language: 'ja', explain: false });
  t.true(short.startsWith('INDETERMINATE (REVOKED_NO_POE)'));
  t.is(short.trimEnd().split('\n').length, 2);
  const long = renderText(verdict, { language: 'en', explain: true });
  t.true(long.includes('signature signature-1'));
  t.true(long.includes('level of signature-1: CAdES-B-B'));
  t.true(long.includes('[revoked, RFC 5280'));
  const hostile = renderText(
    { ...verdict, file: 'a\u001b[2Jb' },
    { language: 'en', explain: false },
  );
  t.false(hostile.includes('\u001b'));
});

for (const [what, more] of [
  ['no such policy', { policy: 'nobody-knows' }],
  ['no such mode', { revocation: 'perhaps' }],
  ['no time', { at: 'yesterday' }],
  ['evidence that is not there', { evidence: ['/nowhere/x.ers'] }],
] as const)
  test(`usage: ${what}`, async (t) => {
    await t.throwsAsync(one('その他/院内連絡メモ.txt', more), { instanceOf: ConfigError });
  });

const exits = test.macro({
  exec: async (t, code: number, ...args: readonly string[]) => {
    const { trust, crls } = options;
    const line = ['cli.ts', 'verify', '--trust', ...trust, '--crls', ...crls, '--at', '2027-01-01'];
    const actual = await new Promise<number | string | undefined | null>((resolve) => {
      execFile(process.execPath, [...line, ...args], (error) => {
        resolve(error ? error.code : 0);
      });
    });
    t.is(actual, code);
  },
  title: (_, code: number, ...args: readonly string[]) =>
    `exit ${code}: ${args.map((name) => path.basename(name)).join(', ')}`,
});
test('what is said of a name with control characters has none of them', async (t) => {
  const said = await Promise.all(
    [
      ['verify', '\u001b[2Jx'],
      ['stamp', '\u001b[2Jx'],
      ['run', '--config', '\u001b[2Jx'],
      ['\u001b[2Jx'],
    ].map(
      (line) =>
        new Promise<string>((resolve) => {
          execFile(process.execPath, ['cli.ts', ...line], (_, stdout, stderr) => {
            resolve(stdout + stderr);
          });
        }),
    ),
  );
  for (const text of said) {
    t.true(text.includes('\\u{1b}[2Jx'), text);
    t.false(/[^\P{Cc}\n]/u.test(text), text);
  }
});
const inDocuments = (file: string): string => path.join(documents, file);
test(exits, 0, inDocuments('検査/blood test 2026-06.p7m'));
test(exits, 1, inDocuments('検査/blood test 2026-06.p7m'), inDocuments('検査/X線所見_改変.p7m'));
test(exits, 2, inDocuments('検査/病理報告_署名者失効.p7m'));
test(exits, 3, inDocuments('not there.pdf'));
test(exits, 3, '--json', '--csv', inDocuments('検査/blood test 2026-06.p7m'));

test('an anchor of no known class is refused, and one of a class is trusted for signers', async (t) => {
  const anchors = path.join(samples, 'pki', 'anchors');
  const file = '検査/blood test 2026-06.p7m';
  const { tree } = await one(file, { trustAs: [`accredited=${anchors}`] });
  t.is(tree.children[0]?.facts['signerClass'], 'other');
  const classed = await one(file, { trust: [], trustAs: [`accredited=${anchors}`] });
  t.is(classed.tree.children[0]?.facts['signerClass'], 'accredited');
  for (const value of ['qualified=x', 'hpki'])
    await t.throwsAsync(() => one(file, { trustAs: [value] }), {
      message: /--trust-as is CLASS=PATH/,
    });
});
