// ASiC-S and ASiC-E containers: media type, manifests, and what each entry is. EN 319 162-1 §4.
// Signatures, tokens and records in the entries are read by whoever knows their formats.
import { type AsicManifest, manifestKindOf, parseManifest } from '#shared/asic/manifest.ts';
import { type ZipArchive, type ZipEntry, entryData, zipError } from '#shared/asic/zip.ts';
import { type Problem, attempt } from '#shared/problem.ts';

export type AsicEntryKind = 'cades' | 'xades' | 'timestamp' | 'evidence-record';

export type AsicContainer = {
  /** `undefined`: another package with ETSI signatures inside, such as an OpenDocument file. */
  readonly type: 'ASiC-S' | 'ASiC-E' | undefined;
  readonly mimetype: string | undefined;
  readonly manifests: readonly AsicManifest[];
  /** Entries that hold signatures, tokens or records. */
  readonly proofs: readonly { readonly entry: ZipEntry; readonly kind: AsicEntryKind }[];
  /** Entries outside of META-INF, media type and directories left out. */
  readonly dataObjects: readonly ZipEntry[];
  /** Manifests that cannot be read in full, or lead to no proof: what they stand for is missing. */
  readonly unread: readonly UnreadManifest[];
  readonly problems: readonly Problem[];
};

export type UnreadManifest = Pick<AsicManifest, 'name' | 'kind'> & { readonly problem: Problem };

const [asicS, asicE] = ['application/vnd.etsi.asic-s+zip', 'application/vnd.etsi.asic-e+zip'];
const maxMimetypeOctets = 256;

/** What an entry of META-INF holds, by the names that §4.3.3.2, §4.4.3.2 and §4.4.4.2 reserve. */
function proofKindOf(name: string): AsicEntryKind | undefined {
  if (!/^META-INF\//i.test(name)) return undefined;
  const base = name.slice('META-INF/'.length).toLowerCase();
  if (base.includes('signature') && base.endsWith('.p7s')) return 'cades';
  if (base.includes('signature') && base.endsWith('.xml')) return 'xades';
  if (base.includes('timestamp') && base.endsWith('.tst')) return 'timestamp';
  if (base.includes('evidencerecord') && /\.(?:ers|xml)$/.test(base) && !base.startsWith('asic'))
    return 'evidence-record';
  return undefined;
}

function readMimetype(archive: ZipArchive, problems: Problem[]): string | undefined {
  const entry = archive.entries.find(({ name }) => name === 'mimetype');
  if (!entry) return undefined;
  if (entry.size > maxMimetypeOctets)
    throw zipError(`mimetype of ${entry.size} octets`, entry.offset);
  const first = archive.entries.every(({ offset }) => offset >= entry.offset);
  // §A.1: first in the archive and stored, so that file tools find it at a fixed place.
  if (!first || entry.method !== 'stored')
    problems.push({
      severity: 'warning',
      code: 'asic-mimetype-place',
      message: 'mimetype is not the first entry or is compressed',
    });
  return new TextDecoder('latin1').decode(entryData(archive, entry)).trim();
}

function typeOf(
  mimetype: string | undefined,
  hasProofs: boolean,
  manifests: readonly AsicManifest[],
  dataObjects: number,
): AsicContainer['type'] {
  if (mimetype === asicS) return 'ASiC-S';
  if (mimetype === asicE || mimetype === 'application/vnd.bdoc-1.0') return 'ASiC-E';
  if (!hasProofs) return undefined;
  // §4.4.4.2: what a manifest of the kind leads to its proofs is the extended form, whatever media type the
  // entry keeps; other packages with signatures inside have none.
  if (mimetype !== undefined) return manifests.length > 0 ? 'ASiC-E' : undefined;
  // §4.3.3.2, §4.4.4.2: without a media type, one data object and no manifest is the simple form.
  return dataObjects === 1 && manifests.length === 0 ? 'ASiC-S' : 'ASiC-E';
}

/** Whether the archive is to be read as a container: an ETSI media type, or proofs inside. */
export function isContainer(archive: ZipArchive): boolean {
  if (archive.entries.some(({ name }) => proofKindOf(name) !== undefined)) return true;
  const entry = archive.entries.find(({ name }) => name === 'mimetype');
  if (!entry || entry.method !== 'stored') return false;
  const head = archive.octets.subarray(entry.dataOffset, entry.dataOffset + entry.compressedSize);
  return new TextDecoder('latin1')
    .decode(head.subarray(0, 40))
    .startsWith('application/vnd.etsi.asic');
}

/**
 * Sorts the entries of a container and reads its manifests.
 * @throws FormatError ERR_FORMAT_ZIP: neither an ASiC media type nor any proof inside
 * @see EN 319 162-1 §4.3, §4.4
 */
export function readAsic(archive: ZipArchive): AsicContainer {
  const problems: Problem[] = [];
  const mimetype = readMimetype(archive, problems);
  const proofs = archive.entries.flatMap((entry) => {
    const kind = entry.directory ? undefined : proofKindOf(entry.name);
    return kind ? [{ entry, kind }] : [];
  });
  const dataObjects = archive.entries.filter(
    ({ name, directory }) => !directory && name !== 'mimetype' && !/^META-INF\//i.test(name),
  );
  const unread: UnreadManifest[] = [];
  const proofNames = new Set(proofs.map(({ entry }) => entry.name));
  const manifests = archive.entries.flatMap((entry) => {
    const { name } = entry;
    const kind = manifestKindOf(name);
    if (!kind) return [];
    const failed: Problem[] = [];
    const manifest = attempt(failed, name, () =>
      parseManifest(name, entryData(archive, entry), failed),
    );
    problems.push(...failed);
    if (manifest?.sigReference !== undefined && !proofNames.has(manifest.sigReference))
      failed.push({
        severity: 'error',
        code: 'asic-reference-missing',
        message: `SigReference to ${JSON.stringify(manifest.sigReference)}, which is no signature, timestamp or record`,
        place: name,
      });
    unread.push(...failed.map((problem) => ({ name, kind, problem })));
    return manifest ? [manifest] : [];
  });
  const type = typeOf(mimetype, proofs.length > 0, manifests, dataObjects.length);
  if (type === undefined && proofs.length === 0)
    throw zipError(`no ASiC container: media type ${JSON.stringify(mimetype ?? 'absent')}`);
  problems.push(...checkManifests(archive, manifests));
  return { type, mimetype, manifests, proofs, dataObjects, unread, problems };
}

/** References lead to entries, never to the manifest itself, and manifests form no circle. */
function checkManifests(archive: ZipArchive, manifests: readonly AsicManifest[]): Problem[] {
  const names = new Set(archive.entries.map(({ name }) => name));
  const problems: Problem[] = [];
  const report = (code: string, message: string, place: string): void => {
    problems.push({ severity: 'error', code, message, place });
  };
  const byName = new Map(manifests.map((manifest) => [manifest.name, manifest]));
  for (const { name, references, sigReference } of manifests) {
    const missing = [...references.map((reference) => reference.name), sigReference ?? name].find(
      (target) => !names.has(target),
    );
    if (missing !== undefined)
      report('asic-reference-missing', `refers to ${JSON.stringify(missing)}, no entry`, name);
    if (reaches(byName, name)) report('asic-reference-loop', 'refers to itself in the end', name);
  }
  return problems;
}

/** Whether following references between manifests from `start` comes back to it. */
function reaches(byName: ReadonlyMap<string, AsicManifest>, start: string): boolean {
  const seen = new Set<string>();
  const pending = [start];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    for (const reference of byName.get(name)?.references ?? []) {
      if (reference.name === start) return true;
      if (seen.has(reference.name)) continue;
      seen.add(reference.name);
      pending.push(reference.name);
    }
  }
  return false;
}
