// An evidence pack checked by its own script, with dash and OpenSSL and nothing of Tokiwa: accepted after
// every kind of renewal, refused for one changed octet anywhere, whether or not the sums were mended.
import test, { type ExecutionContext } from 'ava';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { issueOcspResponse } from '../_authority.ts';
import { createArchive } from '../archiver/night/_night.ts';
import { unpacked } from '../archiver/pack/_unpacked.ts';
import { startUpstream } from '../tsa/_upstream.ts';

const run = promisify(execFile);

type Checked = { readonly code: number; readonly output: string };

async function check(folder: string, ...args: readonly string[]): Promise<Checked> {
  try {
    const script = path.join(folder, 'verify.sh');
    const { stdout } = await run('/usr/bin/dash', [script, ...args], {
      env: { PATH: '/usr/bin:/bin' },
    });
    return { code: 0, output: stdout };
  } catch (error) {
    const { code = -1, stderr = '' } = error as { code?: number; stderr?: string };
    return { code, output: stderr };
  }
}

/** SHA256SUMS over what lies there now: a forger would mend them. */
async function mendSums(folder: string): Promise<void> {
  const sums = path.join(folder, 'SHA256SUMS');
  const lines = (await readFile(sums, 'utf8')).trimEnd().split('\n');
  const mended = await Promise.all(
    lines.map(async (line) => {
      const name = line.slice(66);
      const octets = await readFile(path.join(folder, name));
      return `${createHash('sha256').update(octets).digest('hex')}  ${name}\n`;
    }),
  );
  await writeFile(sums, mended.join(''));
}

async function flip(folder: string, name: string, at: number): Promise<void> {
  const file = path.join(folder, name);
  const octets = await readFile(file);
  octets[at] = (octets[at] ?? 0) ^ 1;
  await writeFile(file, octets);
}

async function accepted(t: ExecutionContext, folder: string, tokens: number): Promise<void> {
  const { code, output } = await check(folder);
  t.is(code, 0, output);
  t.is(output.match(/ holds \(revocation: crl\)/g)?.length, tokens, output);
  t.regex(output, /VALID/);
}

const rehash = {
  algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2028-06-01' }] },
};

test('accepted after 0, 1 and 2 timestamp renewals, and refused for changed octets', async (t) => {
  t.timeout(240_000);
  await using archive = await createArchive({}, { tsuDays: 300 });
  for (const key of ['a.txt', 'b.txt', 'secret-name.txt'])
    await archive.put(key, `content of ${key}`);
  await archive.put('a.txt.p7s', 'no signature, but named as one');
  await archive.night();
  await accepted(t, await unpacked(archive, 'a.txt', 'fresh'), 1);
  await archive.nightAfter(220);
  await accepted(t, await unpacked(archive, 'a.txt', 'once'), 2);
  await archive.nightAfter(220);
  const folder = await unpacked(archive, 'a.txt', 'twice');
  await accepted(t, folder, 3);

  const record = await readFile(path.join(folder, 'record-1.ers'));
  const parsed = parseEvidenceRecord(new Uint8Array(record));
  const [first, second, third] = parsed.sequence.chains[0]?.archiveTimeStamps ?? [];
  if (!first || !second || !third) throw new Error('three archive timestamps');
  const inRecord = (octets: Uint8Array): number => record.indexOf(octets);
  const leaf = first.reducedHashtree?.[0]?.[0] ?? new Uint8Array(0);
  const sibling = first.reducedHashtree?.[1]?.[0] ?? new Uint8Array(0);
  const places: Readonly<Record<string, readonly [string, number]>> = {
    'the document': ['document/a.txt', 3],
    'its signature': ['group/1/a.txt.p7s', 3],
    'the first list': ['record-1.ers', inRecord(leaf) + 5],
    'a sibling': ['record-1.ers', inRecord(sibling) + 5],
    'the version': ['record-1.ers', inRecord(Uint8Array.of(2, 1, 1)) + 2],
    'the first token': ['record-1.ers', inRecord(first.timeStamp) + first.timeStamp.length - 20],
    'the imprint of the newest token': ['record-1.ers', inRecord(third.imprint.digest) + 3],
    'the signature of the newest token': [
      'record-1.ers',
      inRecord(third.token.signedData.signerInfos[0]?.signature ?? new Uint8Array(0)) + 12,
    ],
  };
  for (const [what, [name, at]] of Object.entries(places)) {
    const copy = path.join(archive.folder, 'changed');
    await cp(folder, copy, { recursive: true });
    await flip(copy, name, at);
    const plain = await check(copy);
    t.is(plain.code, 1, what);
    t.regex(plain.output, /not as it was packed/, what);
    await mendSums(copy);
    const mended = await check(copy);
    t.is(mended.code, 1, `${what}, sums mended: ${mended.output}`);
  }
});

test('accepted after a hash-tree renewal and one over it, by two TSAs', async (t) => {
  await using archive = await createArchive(
    { blind: true },
    { tsuDays: 300, signatureDigest: 'SHA-512', second: true },
  );
  await archive.put('文書 1 (控え).txt', '内容');
  await archive.put('b.txt', 'b');
  await archive.night();
  await archive.configure(rehash);
  await archive.nightAfter(220);
  await archive.configure({
    algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-10-01' }] },
  });
  await archive.nightAfter(1);
  const rows = await archive.rows();
  t.true(rows.every(({ state }) => state === 'protected'));
  const folder = await unpacked(archive, '文書 1 (控え).txt');
  const record = parseEvidenceRecord(
    new Uint8Array(await readFile(path.join(folder, 'record-2.ers'))),
  );
  t.is(record.sequence.chains.length, 2);
  t.deepEqual(await readdir(path.join(folder, 'document')), ['文書 1 _控え_.txt']);
  await accepted(t, folder, 6);
  const copy = path.join(archive.folder, 'changed');
  await cp(folder, copy, { recursive: true });
  const octets = await readFile(path.join(copy, 'record-2.ers'));
  const early = record.sequence.chains[0]?.archiveTimeStamps[0]?.timeStamp ?? new Uint8Array(0);
  await flip(copy, 'record-2.ers', octets.indexOf(early) + early.length - 10);
  await mendSums(copy);
  t.is((await check(copy)).code, 1, 'a token below the hash-tree renewal');
});

test('foreign anchors are asked instead of those in the pack', async (t) => {
  await using archive = await createArchive();
  await using other = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const folder = await unpacked(archive, 'a.txt');
  t.is((await check(folder, archive.tsa.running.anchorsPath)).code, 0);
  t.is((await check(folder, other.tsa.running.anchorsPath)).code, 1);
  t.is((await check(folder, '/nowhere.pem')).code, 3);
});

test('a record of another product that goes on here is checked like our own', async (t) => {
  t.timeout(240_000);
  await using other = await createArchive({}, { tsuDays: 300 });
  await other.put('a.txt', 'a');
  await other.put('b.txt', 'b');
  await other.night();
  await other.nightAfter(220);
  const { anchorsPath, crlPath } = other.tsa.running;
  const signers = { tsuAnchors: [anchorsPath], crls: [crlPath] };
  const start = other.clock.now().toString();
  await using archive = await createArchive({ signers }, { tsuDays: 300, start });
  await archive.put('a.txt', 'a');
  await archive.put('a.txt.ers', await other.record('a.txt'));
  await archive.night();
  const folder = await unpacked(archive, 'a.txt', 'taken-over');
  const list = await readFile(path.join(folder, 'pack.txt'), 'utf8');
  t.true(list.includes('record record-1.ers\nother-product\n'), list);
  // Two of the other product's, one of the record that was made here.
  const { code, output } = await check(folder);
  t.is(code, 0, output);
  t.is(output.match(/ holds /g)?.length, 3, output);
  await flip(folder, 'document/a.txt', 0);
  await mendSums(folder);
  t.is((await check(folder)).code, 1);
});

/** An archive whose TSU is told good by an OCSP response alone, and a document's pack. */
async function packByOcsp() {
  const archive = await createArchive();
  await using upstream = await startUpstream({
    now: archive.clock.now,
    handler: (request, self) => ({ body: self.grant(request) }),
  });
  const { anchors } = await upstream.provider(archive.folder);
  const at = archive.clock.now();
  const respond = (status: 'good' | 'revoked', thisUpdate: Temporal.Instant): Uint8Array =>
    issueOcspResponse({
      issuer: upstream.root,
      producedAt: thisUpdate,
      entries: [
        {
          certificate: upstream.tsu,
          status,
          revokedAt: thisUpdate,
          thisUpdate,
          nextUpdate: thisUpdate.add({ hours: 24 * 30 }),
        },
      ],
    }).raw;
  const file = path.join(archive.folder, 'tsu.ors');
  await writeFile(file, respond('good', at));
  archive.always = (deps) => ({ ...deps, tsaClock: undefined });
  await archive.configure({ tsa: { url: upstream.url, anchors, crls: [file] } });
  await archive.put('a.txt', 'a');
  await archive.night();
  return { archive, folder: await unpacked(archive, 'a.txt', 'by-ocsp'), respond };
}

test('a TSU that an OCSP response speaks for: asked of OpenSSL, another response refused', async (t) => {
  const { archive, folder, respond } = await packByOcsp();
  await using _archive = archive;
  const { code, output } = await check(folder);
  t.is(code, 0, output);
  t.is(output.match(/ holds \(revocation: ocsp\)/g)?.length, 1, output);
  const names = await readdir(path.join(folder, 'ocsp'));
  const response = names.find((name) => name.endsWith('.ors')) ?? '';
  const good = await readFile(path.join(folder, 'ocsp', response));

  // Signed octets of the response.
  await flip(folder, `ocsp/${response}`, good.length - 5);
  await mendSums(folder);
  t.regex((await check(folder)).output, /does not verify/);
  const at = archive.clock.now();
  for (const [other, says] of [
    [respond('revoked', at), /is not good/],
    [respond('good', at.subtract({ hours: 24 * 60 })), /is older than token 1/],
  ] as const) {
    await writeFile(path.join(folder, 'ocsp', response), other);
    await mendSums(folder);
    t.regex((await check(folder)).output, says);
  }
  await writeFile(path.join(folder, 'ocsp', response), good);

  // About a certificate that is not the TSU's.
  const name = `ocsp/${response.replace(/ors$/, 'cert.pem')}`;
  const issuer = await readFile(path.join(folder, name.replace('.cert.', '.issuer.')));
  const subject = await readFile(path.join(folder, name));
  await writeFile(path.join(folder, name), issuer);
  await mendSums(folder);
  t.regex((await check(folder)).output, /about another certificate/);
  await writeFile(path.join(folder, name), subject);
  await mendSums(folder);
  t.is((await check(folder)).code, 0);
});
