// A TSA ends, as a question and as an act: the archive goes over to the next one within the lead time; what was stamped
// stays provable by the anchors and validation data that are kept.
import path from 'node:path';
import test from 'ava';
import { loadCertificates } from '#shared/io/trust-files.ts';
import { assertSound, createArchive, startNightTsa } from './_night.ts';
import { today, tokiwa } from './_tokiwa.ts';

test('what hung on it is renewed by the next one in time, and is provable after the end', async (t) => {
  await using archive = await createArchive();
  const { clock, tsa } = archive;
  await using next = await startNightTsa(path.join(archive.folder, 'next'), clock, {
    tsuDays: 1000,
  });
  const nightAfter = async (days: number) => {
    clock.set(clock.now().add({ hours: 24 * days }));
    for (const one of [tsa, next]) await one.running.upkeep();
    return archive.night();
  };
  await archive.put('a.txt', 'a');
  await archive.put('b.txt', 'b');
  await archive.night();
  t.is(tsa.tokens(), 1);
  const [anchor] = await loadCertificates([archive.tsa.running.anchorsPath]);
  await archive.configure({
    // Both TSAs' files, and the address of the next: the first is asked no more.
    tsa: {
      url: next.running.url,
      anchors: [tsa.running.anchorsPath, next.running.anchorsPath],
      crls: [tsa.running.crlPath, next.running.crlPath],
    },
    anchorEnds: [{ anchor: anchor?.fingerprint, end: '2027-07-01' }],
  });
  const before = await nightAfter(30);
  t.is(before.timestampRenewals, 0, 'not before its time');
  const renewed = await nightAfter(55);
  t.is(renewed.timestampRenewals, 1);
  t.is(renewed.tokensBought, 1, 'one token for everything');
  t.deepEqual([tsa.tokens(), next.tokens()], [1, 1]);
  await archive.put('c.txt', 'c');
  const after = await nightAfter(120);
  t.is(after.outcome, 'ok', JSON.stringify(after.findings));
  t.is(tsa.tokens(), 1, 'the first is asked no more');
  t.is(await archive.judge('a.txt'), 'valid');
  await assertSound(t, archive);
});

test('nobody renews: after the end the proof is over, and is said', async (t) => {
  await using archive = await createArchive();
  await archive.put('a.txt', 'a');
  await archive.night();
  const [anchor] = await loadCertificates([archive.tsa.running.anchorsPath]);
  await archive.configure({ anchorEnds: [{ anchor: anchor?.fingerprint, end: '2027-07-01' }] });
  const after = await archive.nightAfter(200);
  t.true(
    after.findings.some(({ kind }) => kind === 'overdue'),
    JSON.stringify(after.findings),
  );
});

test.serial('tokiwa policy end: in both languages, with the lines that make it so', async (t) => {
  await using archive = await today();
  await archive.put('a.txt', 'a');
  await archive.night();
  await archive.writeConfig();
  await archive.close();
  const on = Temporal.Now.plainDateISO('UTC').add({ days: 200 }).toString();
  const en = await tokiwa(
    archive,
    'policy end',
    'tsa',
    '--on',
    on,
    '--price',
    '30',
    '--lang',
    'en',
  );
  t.is(en.code, 1, en.stderr);
  t.regex(en.stdout, new RegExp(`^from ${on} on nothing is anchored in`));
  t.regex(
    en.stdout,
    /hanging on it: 1 documents in 1 batches; for 1 of them there is nothing else/,
  );
  t.regex(en.stdout, /NO OTHER ANCHOR IS CONFIGURED/);
  t.regex(en.stdout, /the end costs 1 tokens \(30\) more/);
  const [anchor] = await loadCertificates([archive.tsa.running.anchorsPath]);
  t.true(en.stdout.endsWith(`  - { anchor: ${anchor?.fingerprint ?? ''}, end: ${on} }\n`));
  const file = archive.tsa.running.anchorsPath;
  const ja = await tokiwa(archive, 'policy end', file, '--on', on, '--lang', 'ja');
  t.regex(ja.stdout, /依存するもの: 文書 1 件、バッチ 1 件/);
  const wrong = await tokiwa(archive, 'policy end', 'nobody', '--on', on);
  t.is(wrong.code, 3);
  t.regex(wrong.stderr, /no TSA of the configuration, no fingerprint and no file/);
});
