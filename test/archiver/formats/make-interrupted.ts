// Freezes what this release stores only while it is at work: `node test/archiver/formats/make-interrupted.ts
// FOLDER`, beside make-release.ts. Small archives, each as the end of the process left it: a batch whose answer is there
// and does not count yet, an augmentation before its new version is written, a deletion before the lists are.
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { deleteDocument } from '#archiver/delete.ts';
import type { NightDependencies } from '#archiver/night/dependencies.ts';
import { issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { buildTestCms } from '../../_cms.ts';
import { createFaultyStore, type StoreCall } from '../../_faulty-store.ts';
import { evidenceOver } from '../night/_evidence-over.ts';
import { createArchive, type TestArchive } from '../night/_night.ts';
import { freeze, releaseRules } from './_release.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('name the folder to write');

const { signal } = new AbortController();
const root = issueRoot({ notAfter: '2040-01-01T00:00:00Z' });
const signer = issueSigner(root, { notAfter: '2039-01-01T00:00:00Z' });
const contract = buildTestCms({ signer, content: new TextEncoder().encode('a contract\n') });

/** Freezes the archive before the first of such calls; what becomes of it then does not matter. */
function freezingBefore(
  archive: TestArchive,
  name: string,
  isMoment: (call: StoreCall) => boolean,
): (deps: NightDependencies) => Promise<NightDependencies> {
  let frozen = false;
  const noticing = (call: StoreCall): undefined => {
    if (frozen || !isMoment(call)) return;
    freeze(archive, path.join(folder ?? '', name));
    frozen = true;
  };
  return async (deps) => {
    const stores = new Map(
      [...deps.stores].map(([store, inner]) => [store, createFaultyStore(inner, noticing)]),
    );
    return evidenceOver({ ...deps, stores }, createFaultyStore(deps.evidence.objects, noticing));
  };
}

async function nightFreezing(
  archive: TestArchive,
  name: string,
  isMoment: (call: StoreCall) => boolean,
): Promise<void> {
  archive.clock.set(archive.clock.now().add({ hours: 24 }));
  const own = await (await archive.open()).night(signal);
  const deps = await freezingBefore(archive, name, isMoment)(own);
  await archive.night({ deps: () => deps });
}

const options = { signatureDigest: 'SHA-512' } as const;

{
  await using archive = await createArchive({}, options);
  await archive.put('a.txt', 'the first document\n');
  await archive.night();
  await archive.put('b.txt', 'the second document\n');
  await nightFreezing(
    archive,
    'batch',
    ({ operation, key }) => operation === 'write' && key.endsWith('/token.der'),
  );
}
{
  await using archive = await createArchive(releaseRules, options);
  const trust = path.join(archive.folder, 'trust');
  await mkdir(trust);
  await writeFile(path.join(trust, 'signers.der'), root.certificate.raw);
  const crl = issueCrl({
    issuer: root,
    thisUpdate: '2027-01-11T01:00:00Z',
    nextUpdate: '2039-01-01T00:00:00Z',
  });
  await writeFile(path.join(trust, 'signers.crl'), crl.raw);
  await archive.configure({
    signers: {
      anchors: [path.join(trust, 'signers.der')],
      crls: [path.join(trust, 'signers.crl')],
    },
  });
  await archive.put('a.txt', 'the first document\n');
  await archive.night();
  await archive.put('contract.p7m', contract);
  await nightFreezing(
    archive,
    'augmentation',
    ({ operation, key }) => operation === 'write' && key === 'contract.p7m',
  );
  await cp(trust, path.join(folder, 'augmentation', 'trust'), { recursive: true });
}
{
  await using archive = await createArchive({}, options);
  await archive.put('a.txt', 'the first document\n');
  await archive.put('gone.txt', 'a document whose retention has ended\n');
  const ended = { rule: 'jp-medical-record', start: '2010-04-01' };
  await archive.put('gone.txt.retention.json', JSON.stringify(ended));
  await archive.night();
  const own = await (await archive.open()).night(signal);
  const deps = await freezingBefore(
    archive,
    'deletion',
    ({ operation, key }) => operation === 'write' && key.startsWith('batches/'),
  )(own);
  const documents = await openFolderStore({
    name: 'documents',
    folder: archive.documents,
    access: 'write',
  });
  await using _documents = documents;
  const at = archive.clock.now();
  await deleteDocument(deps, await archive.row('gone.txt'), {
    ...{ by: 'Registrar', at, documents, signal },
  });
}
