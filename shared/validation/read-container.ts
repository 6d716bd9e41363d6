// ZIP archives and ASiC containers into facts: manifests with their digests compared, then every
// signature, token and record inside by its own reader. EN 319 162-1.
import { equalBytes, toHex } from '#shared/bytes.ts';
import type { AsicManifest } from '#shared/asic/manifest.ts';
import { type AsicContainer, isContainer, readAsic } from '#shared/asic/read.ts';
import { type ZipArchive, type ZipEntry, entryData, readZip } from '#shared/asic/zip.ts';
import { digestAlgorithmOfUri } from '#shared/crypto/digest-uri.ts';
import { FormatError } from '#shared/errors.ts';
import { attempt } from '#shared/problem.ts';
import type { Facts, ReferenceFacts } from '#shared/validation/facts.ts';
import { readCmsDocument, readToken } from '#shared/validation/read-cms.ts';
import { readEvidenceRecord } from '#shared/validation/read-evidence-record.ts';
import { readXmlSignatures } from '#shared/validation/read-xml.ts';
import {
  type Reading,
  type SignedContent,
  addUnread,
  attemptEvidence,
  contentOf,
} from '#shared/validation/reading.ts';

/** Entries by name, each inflated when first asked for and kept only as long as the reading. */
type Contents = { readonly of: (name: string) => SignedContent | undefined };

function contentsOf(archive: ZipArchive): Contents {
  const known = new Map<string, SignedContent>();
  const byName = new Map(archive.entries.map((entry) => [entry.name, entry]));
  return {
    of: (name) => {
      const entry = byName.get(name);
      if (!entry || entry.directory) return undefined;
      const content = known.get(name) ?? contentOf([entryData(archive, entry)], name);
      known.set(name, content);
      return content;
    },
  };
}

/** Inflates every entry once, so that a wrong size or CRC is known whatever the container is. */
function checkEntries(reading: Reading, archive: ZipArchive): void {
  for (const entry of archive.entries)
    attempt(reading.collector.problems, entry.name, () => entryData(archive, entry));
}

function manifestReferences(manifest: AsicManifest, contents: Contents): ReferenceFacts[] {
  return manifest.references.map(({ name, digestMethod, digestValue }) => {
    const algorithm = digestAlgorithmOfUri(digestMethod);
    const actual = algorithm && contents.of(name)?.digest(algorithm);
    return {
      kind: 'manifest-entry',
      uri: name,
      algorithm: algorithm ?? digestMethod,
      digest: toHex(digestValue),
      found: actual !== undefined,
      intact: actual !== undefined && equalBytes(actual, digestValue),
    };
  });
}

/** Entries that a manifest names with the right digest: its timestamp covers them with all they hold. */
function coveredEntries(
  references: readonly ReferenceFacts[],
  contents: Contents,
): readonly Uint8Array[] {
  return references.flatMap(({ uri, intact }) => {
    const octets = intact && uri !== undefined ? contents.of(uri)?.octets?.() : undefined;
    return octets ? [octets] : [];
  });
}

type Container = {
  readonly reading: Reading;
  readonly asic: AsicContainer;
  readonly contents: Contents;
};

/** What a proof is over: its manifest, or in a simple container the data object. */
function subjectsOf(
  { asic, contents }: Container,
  entry: ZipEntry,
): { readonly manifest: AsicManifest | undefined; readonly contents: readonly SignedContent[] } {
  const manifest = asic.manifests.find(({ sigReference }) => sigReference === entry.name);
  // A proof that no manifest names is over one of them all the same, or over the data itself.
  const names = manifest
    ? [manifest.name]
    : [...asic.dataObjects, ...asic.manifests].map(({ name }) => name);
  return {
    manifest,
    contents: names.map(contents.of).filter((content) => content !== undefined),
  };
}

/** Archive manifests are so by their name; earlier containers have a token over a manifest of another name. */
function isUnderTimestamp({ proofs }: AsicContainer, manifest: AsicManifest): boolean {
  return (
    manifest.kind === 'archive' ||
    proofs.some(({ entry, kind }) => kind === 'timestamp' && entry.name === manifest.sigReference)
  );
}

function readProof(container: Container, entry: ZipEntry, octets: Uint8Array): void {
  const { reading, asic, contents } = container;
  const place = entry.name;
  const subject = subjectsOf(container, entry);
  const references = subject.manifest ? manifestReferences(subject.manifest, contents) : [];
  switch (asic.proofs.find((proof) => proof.entry === entry)?.kind) {
    case 'cades':
      readCmsDocument(reading, octets, {
        contents: subject.contents,
        place,
        outer: { references },
        hasArchiveTimestamp: asic.manifests.some(
          (manifest) =>
            isUnderTimestamp(asic, manifest) &&
            manifest.references.some(({ name }) => name === place),
        ),
      });
      return;
    case 'timestamp':
      readToken(reading, octets, {
        type: 'container',
        contents: subject.contents,
        place,
        covers: { documents: coveredEntries(references, contents) },
        entries: references,
      });
      return;
    case 'xades': {
      // EN 319 162-1 §4.3.3.2: a simple container has one data object, whatever a reference calls it.
      const only = asic.type === 'ASiC-S' ? subject.contents[0] : undefined;
      const before = reading.xmlSignatures.length + reading.unread.length;
      readXmlSignatures(reading, octets, {
        place,
        contentOf: (name) => contents.of(name) ?? only,
      });
      // §4.3.3.2, §4.4.3.2: one or more; other packages keep such a file without any.
      if (asic.type && reading.xmlSignatures.length + reading.unread.length === before)
        throw new FormatError('ERR_FORMAT_XML', 'an entry for signatures holds none', {
          clause: 'EN 319 162-1 §4.4.3.2',
        });
      return;
    }
    case 'evidence-record': {
      const names = subject.manifest?.references.map(({ name }) => name);
      // §4.3.3.2: without a manifest only the simple form says what a record covers: its data object, not
      // what else META-INF holds.
      const simple = asic.type === 'ASiC-S' ? asic.dataObjects.map(({ name }) => name) : [];
      const dataObjects = (names ?? simple)
        .map(contents.of)
        .filter((content) => content !== undefined);
      const over = { place, dataObjects, entries: references };
      if (octets[0] === 0x30) readEvidenceRecord(reading, octets, over);
      else if (readXmlSignatures(reading, octets, { ...over, contentOf: contents.of }) !== 'ER-XML')
        throw new FormatError('ERR_FORMAT_XML', 'an entry for a record holds none', {
          clause: 'EN 319 162-1 §4.3.3.2',
        });
    }
  }
}

/** What a manifest stands for, and an entry of META-INF by its name. */
const manifestSubjects = {
  signature: 'signature',
  archive: 'timestamp',
  'evidence-record': 'evidence-record',
} as const;
const proofSubjects = {
  cades: 'signature',
  xades: 'signature',
  timestamp: 'timestamp',
  'evidence-record': 'evidence-record',
} as const;

/**
 * Adds a container's proofs; other archives are only checked.
 * @throws FormatError ERR_FORMAT_ZIP, ERR_FORMAT_LIMIT; UnsupportedError: encryption and the like
 */
export function readContainer(
  reading: Reading,
  octets: Uint8Array,
): Pick<Facts, 'format' | 'container'> {
  const { collector } = reading;
  const archive = readZip(octets);
  collector.addProblems(archive.problems);
  checkEntries(reading, archive);
  const entries = archive.entries.map(({ name }) => name);
  const asic = isContainer(archive)
    ? attempt(collector.problems, undefined, () => readAsic(archive))
    : undefined;
  if (!asic) return { format: 'ZIP', container: { entries, manifests: [] } };
  collector.addProblems(asic.problems);
  const contents = contentsOf(archive);
  const container: Container = { reading, asic, contents };
  for (const { name, kind, problem } of asic.unread)
    addUnread(reading, { subject: manifestSubjects[kind], type: 'manifest', place: name }, [
      problem,
    ]);
  for (const { entry, kind } of asic.proofs)
    attemptEvidence(
      reading,
      { subject: proofSubjects[kind], type: kind, place: entry.name },
      () => {
        readProof(container, entry, entryData(archive, entry));
      },
    );
  return {
    format: asic.type ?? 'ZIP',
    container: {
      mimetype: asic.mimetype,
      entries,
      manifests: asic.manifests.map((manifest) => ({
        name: manifest.name,
        kind: manifest.kind,
        sigReference: manifest.sigReference,
        references: manifestReferences(manifest, contents),
      })),
    },
  };
}
