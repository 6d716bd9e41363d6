// The doctor of an archive names the first stage that fails and who has to act, subject by subject.
import { once } from 'node:events';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import { thisProcess } from '#archiver/adapters/process-identity.ts';
import { examineArchive } from '#archiver/doctor.ts';
import type { ExaminedStage } from '#shared/examination.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import { closedPort } from '../_free-port.ts';
import { createArchive, type TestArchive } from './night/_night.ts';
import { today, tokiwa } from './night/_tokiwa.ts';

process.env['AWS_ACCESS_KEY_ID'] ??= 'test';
process.env['AWS_SECRET_ACCESS_KEY'] ??= 'test';

const { signal } = new AbortController();
const plenty = 2 ** 40;

async function look(archive: TestArchive, free = plenty): Promise<readonly ExaminedStage[]> {
  await archive.close();
  return await examineArchive({
    config: archive.config(),
    clock: archive.clock,
    events: () => undefined,
    signal,
    free: () => Promise.resolve(free),
  });
}

const text = (lines: readonly ExaminedStage[]): readonly string[] =>
  lines.map(({ subject, stage, passed }) => `${subject}: ${stage}${passed ? '' : ' failed'}`);

const whole = [
  'archive: state',
  'archive: disk space',
  'archive: catalogue',
  'archive: schema',
  'archive: clock',
  'store documents: store',
  'store documents: permissions',
  'store documents: disk space',
  'evidence: store',
  'evidence: permissions',
  'evidence: disk space',
  'evidence: archive',
  'evidence: lock',
  'evidence: journal',
  'tsa: anchors',
  'tsa: revocation',
  'tsa: name',
  'tsa: connect',
  'tsa: HTTP',
  'tsa: clock',
];

/** An archive that has seen a night. */
async function lived(settings = {}): Promise<TestArchive> {
  const archive = await createArchive(settings);
  await archive.put('a.txt', 'a');
  await archive.night();
  return archive;
}

test('all well: every stage, and nothing is bought or changed', async (t) => {
  await using archive = await lived();
  const before = [await archive.evidenceTree(), archive.tsa.tokens()];
  t.deepEqual(text(await look(archive)), whole);
  t.deepEqual([await archive.evidenceTree(), archive.tsa.tokens()], before);
});

test('before the first run nothing is missing, and nothing is made', async (t) => {
  await using archive = await createArchive();
  await mkdir(path.join(archive.folder, 'state'));
  const lines = await look(archive);
  t.deepEqual(
    lines.filter(({ passed }) => !passed),
    [],
  );
  t.deepEqual((await archive.evidenceTree().catch(() => new Map())).size, 0);
});

/** A server of the loopback, as long as the work takes. */
async function beside<T>(serve: RequestListener, work: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
}

type Row = {
  readonly fails: string;
  readonly party: RegExp;
  readonly says: RegExp;
  readonly free?: number;
  /** Makes it so, and looks. */
  readonly spoil: (
    archive: TestArchive,
    looked: () => Promise<readonly ExaminedStage[]>,
  ) => Promise<readonly ExaminedStage[]>;
};

const stateOf = (archive: TestArchive, ...names: readonly string[]): string =>
  path.join(archive.folder, 'state', ...names);

async function fingerprints(archive: TestArchive): Promise<readonly string[]> {
  const anchors = await loadCertificates([archive.tsa.running.anchorsPath]);
  return anchors.map(({ fingerprint }) => fingerprint);
}

const rows: readonly Row[] = [
  {
    fails: 'archive: state',
    party: /^facility/,
    says: /ENOENT/,
    spoil: async (archive, looked) => {
      await rm(stateOf(archive), { recursive: true });
      return looked();
    },
  },
  {
    fails: 'archive: disk space',
    party: /^facility/,
    says: /^3 MiB free/,
    free: 3 * 1024 * 1024,
    spoil: (_, looked) => looked(),
  },
  {
    fails: 'archive: catalogue',
    party: /^facility/,
    says: /no catalogue or is damaged/,
    spoil: async (archive, looked) => {
      await writeFile(stateOf(archive, 'catalogue.sqlite'), 'x'.repeat(4096));
      for (const end of ['-wal', '-shm'])
        await rm(stateOf(archive, `catalogue.sqlite${end}`), { force: true });
      return looked();
    },
  },
  {
    fails: 'archive: schema',
    party: /^integrator/,
    says: /newer version of Tokiwa: 9999-later/,
    spoil: (archive, looked) => {
      using database = new DatabaseSync(stateOf(archive, 'catalogue.sqlite'));
      database.exec(`insert into kysely_migration values ('9999-later', '2030-01-01')`);
      return looked();
    },
  },
  {
    fails: 'archive: clock',
    party: /^facility/,
    says: /is held$/,
    spoil: (archive, looked) => {
      archive.clock.set(archive.clock.now().subtract({ hours: 1 }));
      return looked();
    },
  },
  {
    fails: 'store documents: store',
    party: /^store/,
    says: /documents/,
    spoil: async (archive, looked) => {
      await rm(archive.documents, { recursive: true });
      return looked();
    },
  },
  {
    fails: 'store documents: permissions',
    party: /^facility/,
    says: /AccessDenied/,
    spoil: (archive, looked) =>
      beside(
        (request, response) => {
          if (request.url?.includes('list-type') === true)
            response.end(
              '<ListBucketResult><Contents><Key>a</Key><Size>1</Size><ETag>"1"</ETag><LastModified>2027-01-01T00:00:00Z</LastModified></Contents></ListBucketResult>',
            );
          else if (request.url?.includes('versioning') === true)
            response.end('<VersioningConfiguration></VersioningConfiguration>');
          else
            response
              .writeHead(403)
              .end('<Error><Code>AccessDenied</Code><Message>no</Message></Error>');
        },
        async (endpoint) => {
          const stores = [{ kind: 's3', name: 'documents', bucket: 'b', endpoint }];
          await archive.configure({ stores });
          return looked();
        },
      ),
  },
  {
    fails: 'evidence: archive',
    party: /^facility/,
    says: /holds archive other/,
    spoil: async (archive, looked) => {
      const file = path.join(archive.evidence, 'archive.json');
      const json = JSON.parse(await readFile(file, 'utf8')) as object;
      await writeFile(file, JSON.stringify({ ...json, archiveId: 'other' }));
      return looked();
    },
  },
  {
    fails: 'evidence: lock',
    party: /^facility/,
    says: /lease\.json/,
    spoil: async (archive, looked) => {
      await writeFile(path.join(archive.evidence, 'lease.json'), '{');
      return looked();
    },
  },
  {
    fails: 'evidence: journal',
    party: /^facility/,
    says: /is in the catalogue and not in the evidence store/,
    spoil: async (archive, looked) => {
      await rm(path.join(archive.evidence, 'batches'), { recursive: true });
      return looked();
    },
  },
  {
    fails: 'tsa: anchors',
    party: /^facility/,
    says: /nothing lasts for the lead time of 90 days: .* until 2027-01-31/,
    spoil: async (archive, looked) => {
      const anchorEnds = (await fingerprints(archive)).map((anchor) => ({
        anchor,
        end: '2027-02-01',
      }));
      await archive.configure({ anchorEnds });
      return looked();
    },
  },
  {
    fails: 'tsa: accreditation',
    party: /^facility/,
    says: /not accredited today: the provider under mic-2021-146 until 2026-12-31T15:00:00Z/,
    spoil: async (archive, looked) => {
      const entry = {
        name: 'the provider',
        scheme: 'mic-2021-146',
        from: '2026-01-01',
        until: '2027-01-01',
        anchors: await fingerprints(archive),
        tsaPolicies: ['1.2.3'],
        confirmedBy: 'the facility',
        confirmedOn: '2026-01-02',
        document: 'the list of that day',
      };
      await archive.configure({ accreditation: { entries: [entry] } });
      return looked();
    },
  },
  {
    fails: 'tsa: revocation',
    party: /^CA/,
    says: /was to be replaced on/,
    spoil: (archive, looked) => {
      archive.clock.set(archive.clock.now().add({ hours: 24 * 200 }));
      return looked();
    },
  },
  {
    fails: 'tsa: name',
    party: /^network/,
    says: /nowhere\.invalid/,
    spoil: async (archive, looked) => {
      await archive.configure({ tsa: { url: 'http://nowhere.invalid/' } });
      return looked();
    },
  },
  {
    fails: 'tsa: connect',
    party: /^network/,
    says: /ECONNREFUSED/,
    spoil: async (archive, looked) => {
      await archive.configure({ tsa: { url: `http://127.0.0.1:${closedPort}/` } });
      return looked();
    },
  },
  {
    fails: 'tsa: HTTP',
    party: /^TSA/,
    says: /127\.0\.0\.1/,
    spoil: (archive, looked) =>
      beside(
        (request) => {
          request.socket.destroy();
        },
        async (url) => {
          await archive.configure({ tsa: { url } });
          return looked();
        },
      ),
  },
  {
    fails: 'tsa: clock',
    party: /TSA/,
    says: /s from ours; 300 s are allowed/,
    spoil: (archive, looked) =>
      beside(
        (_, response) => {
          response.setHeader('date', 'Sat, 01 Jan 2000 00:00:00 GMT').end();
        },
        async (url) => {
          await archive.configure({ tsa: { url } });
          return looked();
        },
      ),
  },
  {
    fails: 'signers: trusted lists',
    party: /^facility/,
    says: /cannot be read/,
    spoil: async (archive, looked) => {
      const anchors = archive.tsa.running.anchorsPath;
      await archive.configure({ trustedLists: [{ lists: ['none.xml'], signedBy: [anchors] }] });
      return looked();
    },
  },
];

for (const { fails, party, says, free, spoil } of rows)
  test(`the first stage that fails: ${fails}`, async (t) => {
    await using archive = await lived();
    await archive.close();
    const lines = await spoil(archive, () => look(archive, free));
    const subject = fails.split(':')[0] ?? '';
    const failed = lines.find((line) => !line.passed && line.subject === subject);
    t.is(failed && `${failed.subject}: ${failed.stage}`, fails, text(lines).join('\n'));
    t.regex(failed?.party ?? '', party);
    t.regex(failed?.detail ?? '', says);
    t.is(
      lines.findLast((line) => line.subject === subject),
      failed,
      'what comes behind it says nothing',
    );
    t.deepEqual(
      new Set(lines.map((line) => line.subject)),
      new Set(['archive', 'store documents', 'evidence', 'tsa', subject]),
      'the others are looked at all the same',
    );
  });

test('a run at work is no fault, and is named; the contact is that of who has to act', async (t) => {
  await using archive = await lived({
    contacts: { network: { name: 'Network desk' }, store: { name: 'Storage desk' } },
  });
  const archiver = await archive.open();
  await using _held = await archiver.evidence.acquireLease({
    holder: thisProcess(),
    run: 'tonight',
    at: archive.clock.now(),
    duration: Temporal.Duration.from({ minutes: 15 }),
    signal,
  });
  const options = {
    clock: archive.clock,
    events: () => undefined,
    signal,
    free: () => Promise.resolve(plenty),
  };
  const lines = await examineArchive({ ...options, config: archiver.config });
  const lock = lines.find(({ stage }) => stage === 'lock');
  t.true(lock?.passed);
  t.regex(lock?.detail ?? '', /^held by process \d+ on .* \(run tonight\) until /);
  const url = `http://127.0.0.1:${closedPort}/`;
  const unreached = { ...archiver.config, tsa: { ...archiver.config.tsa, url } };
  const broken = await examineArchive({ ...options, config: unreached });
  t.like(
    broken.find(({ passed }) => !passed),
    { stage: 'connect', contact: 'Network desk' },
  );
});

test.serial(
  'tokiwa doctor: a line a stage, who has to act at the end, exit code 0 or 1',
  async (t) => {
    await using archive = await today();
    await archive.put('a.txt', 'a');
    await archive.night();
    await archive.writeConfig();
    await archive.close();
    const doctor = async (...more: readonly string[]) => {
      const { code, stdout, stderr } = await tokiwa(archive, 'doctor', ...more);
      return { code, stdout, stderr };
    };
    // The helper's --config is the proxy's here: an archive is named by an option of its own.
    const proxy = path.join(archive.folder, 'tsa.yaml');
    await writeFile(
      proxy,
      'stateDir: tsa-state\nprofiles: { default: { providers: [local] } }\nproviders: { local: { type: local } }\n',
    );
    const both = await doctor('--config', proxy, '--archive', archive.configFile);
    t.is(both.code, 1, both.stderr);
    t.regex(both.stdout, /^ok {4} archive: state: /);
    t.regex(both.stdout, /first failing stage: proxy, state; to act: facility\n$/);
    await mkdir(path.join(archive.folder, 'tsa-state', 'journal'), { recursive: true });
    await mkdir(path.join(archive.folder, 'tsa-state', 'audit'));
    const well = await doctor('--config', proxy, '--archive', archive.configFile, '--json');
    t.is(well.code, 0, well.stdout);
    const lines = JSON.parse(well.stdout) as readonly ExaminedStage[];
    t.deepEqual(text(lines).slice(0, whole.length), whole);
    t.true(text(lines).includes('proxy: audit log'));
  },
);
