// Trusted lists from files: verified before they count, named where they do not, and said where they are old.
import test from 'ava';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadListedAnchors, loadTrustedLists } from '#archiver/adapters/trusted-list-files.ts';
import { parseArchiverConfig } from '#archiver/config.ts';
import { limited } from '#archiver/trust.ts';
import { ConfigError } from '#shared/errors.ts';
import type { Event } from '#shared/ports/runtime.ts';
import { issueRoot } from '../../_authority.ts';
import { signEnveloped } from '../../_enveloped.ts';
import { trustedListXml } from '../../_trusted-list.ts';

const operator = issueRoot({ subject: 'CN=List operator' });
const stranger = issueRoot({ subject: 'CN=Stranger' });
const { certificate } = issueRoot({ subject: 'CN=Qualified CA' });

const list = trustedListXml(certificate);

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-lists-'));
  try {
    await writeFile(path.join(folder, 'list.xml'), signEnveloped(list, operator));
    await writeFile(path.join(folder, 'operator.cer'), operator.certificate.raw);
    await writeFile(path.join(folder, 'stranger.cer'), stranger.certificate.raw);
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

function sourceIn(folder: string, signer = 'operator.cer') {
  return {
    lists: [path.join(folder, 'list.xml')],
    listOfLists: [],
    signedBy: [path.join(folder, signer)],
    roles: ['tsu', 'signer'] as const,
  };
}

test('anchors by role, and a list past its next update is said', (t) =>
  inFolder(async (folder) => {
    const events: Event[] = [];
    const load = (at: string) =>
      loadListedAnchors([sourceIn(folder)], Temporal.Instant.from(at), (event) => {
        events.push(event);
      });
    const { signer, tsu } = await load('2026-06-30T00:00:00Z');
    t.deepEqual(
      signer.map((anchor) => [anchor.certificate.fingerprint, anchor.class]),
      [[certificate.fingerprint, 'accredited']],
    );
    t.deepEqual(tsu, []);
    t.deepEqual(events, []);
    t.is((await load('2026-07-02T00:00:00Z')).signer.length, 1);
    t.deepEqual(
      events.map(({ name }) => name),
      ['archiver.trusted-list.stale'],
    );
  }));

test('a list by another signer, one that is changed, and one that is not there', (t) =>
  inFolder(async (folder) => {
    const refused = (source: ReturnType<typeof sourceIn>, message: RegExp) =>
      t.throwsAsync(() => loadTrustedLists(source), { instanceOf: ConfigError, message });
    await refused(sourceIn(folder, 'stranger.cer'), /list.xml is refused: .*none of the signers/);
    const text = new TextDecoder().decode(signEnveloped(list, operator));
    await writeFile(path.join(folder, 'list.xml'), text.replace('2020-01-01', '2010-01-01'));
    await refused(sourceIn(folder), /was changed/);
    await rm(path.join(folder, 'list.xml'));
    await refused(sourceIn(folder), /cannot be read/);
  }));

test('the configuration completes file names, and an operator ends an anchor sooner', (t) => {
  const config = parseArchiverConfig(
    `state: state
stores: [{ kind: folder, name: documents, path: documents }]
tsa: { url: "http://127.0.0.1:1/", anchors: [a.pem] }
trustedLists: [{ lists: [XX.xml], signedBy: [operator.pem], roles: [signer] }]
anchorEnds: [{ anchor: "${certificate.fingerprint}", end: 2030-01-01 }]`,
    '/etc/tokiwa.yaml',
  );
  t.deepEqual(config.trustedLists, [
    { lists: ['/etc/XX.xml'], listOfLists: [], signedBy: ['/etc/operator.pem'], roles: ['signer'] },
  ]);
  const end = '2029-12-31T15:00:00Z';
  const later = { certificate, sunset: Temporal.Instant.from('2031-01-01T00:00:00Z') };
  const sooner = { certificate, sunset: Temporal.Instant.from('2028-01-01T00:00:00Z') };
  t.is(limited(config, { certificate }).sunset?.toString(), end);
  t.is(limited(config, later).sunset?.toString(), end);
  t.is(limited(config, sooner).sunset?.toString(), '2028-01-01T00:00:00Z');
});
