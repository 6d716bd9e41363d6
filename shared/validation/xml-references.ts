// The references of XML signatures into facts: found, and intact, each transform carried out. What is
// outside of the document is looked for in the container and among what was given.
import { equalBytes, toHex } from '#shared/bytes.ts';
import { digestAlgorithmOfUri } from '#shared/crypto/digest-uri.ts';
import { type DigestAlgorithm, digest } from '#shared/crypto/digest.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import { attempt, problemOf } from '#shared/problem.ts';
import type { ReferenceFacts } from '#shared/validation/facts.ts';
import type { Reading, SignedContent } from '#shared/validation/reading.ts';
import { isSignedPropertiesType } from '#shared/xades/imprint.ts';
import type { XadesSignature } from '#shared/xades/read.ts';
import { type XmlElement, isElement, walkElements } from '#shared/xml/tree.ts';
import { dsNamespace, manifestType, objectType } from '#shared/xmldsig/names.ts';
import {
  type ReferencedData,
  type SignedDocument,
  octetsOf,
  processReference,
} from '#shared/xmldsig/process.ts';
import {
  type ReferenceTarget,
  type XmlReference,
  readReferences,
  signatureError,
  targetOf,
} from '#shared/xmldsig/references.ts';

export type XmlContext = {
  readonly place?: string | undefined;
  /** What a reference outside of the document names, where it is at hand. */
  readonly contentOf?: (uri: string) => SignedContent | undefined;
  /** What an evidence record that is the document is over. */
  readonly dataObjects?: readonly SignedContent[];
  /** What a container's manifest lists as covered by that record. */
  readonly entries?: readonly ReferenceFacts[];
};

/** One XML document while its signatures are read. */
export type XmlSource = XmlContext & {
  readonly reading: Reading;
  readonly home: SignedDocument;
};

/** A reference as judged, and what it is over where that is at hand. */
export type ReferenceReading = {
  readonly facts: ReferenceFacts;
  readonly target?: ReferenceTarget | undefined;
  readonly data?: ReferencedData | undefined;
};

/** Entries of the manifests of one signature. */
const maxManifestEntries = 1000;

function decodeName(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    // A bare "%": the name is written as it is.
    return uri;
  }
}

type Processed = Pick<ReferenceReading, 'data'> &
  Pick<ReferenceFacts, 'found' | 'intact'> & { readonly missing?: boolean };

function compare(
  data: ReferencedData,
  algorithm: DigestAlgorithm | undefined,
  { digestValue }: XmlReference,
): Processed {
  const intact = algorithm && equalBytes(digest(algorithm, octetsOf(data)), digestValue);
  return { data, found: true, ...(intact !== undefined && { intact }) };
}

/** What a reference outside may mean: a name decides where there is one of it. */
function candidatesFor(source: XmlSource, uri: string | undefined): readonly SignedContent[] {
  const name = uri === undefined ? undefined : decodeName(uri);
  const named =
    name === undefined
      ? undefined
      : (source.contentOf?.(name) ?? source.reading.detached.find((one) => one.name === name));
  return named ? [named] : source.reading.detached;
}

/** Of what may be meant, the one whose digest fits; else the only one there is. */
function compareExternal(
  source: XmlSource,
  reference: XmlReference,
  algorithm: DigestAlgorithm | undefined,
): Processed {
  const { problems } = source.reading.collector;
  const compared = candidatesFor(source, reference.uri).map((content): Processed => {
    const octets = content.octets?.();
    // What was given and is not what the transforms ask for was found, and does not fit.
    if (octets)
      return (
        attempt(problems, source.place, () => {
          const data = processReference(reference, source.home, () => octets);
          return data && compare(data, algorithm, reference);
        }) ?? { found: true, intact: false }
      );
    // Known by its digests alone: what a transform would make of it cannot be told.
    const actual = algorithm && content.digest(algorithm);
    const fits = actual !== undefined && equalBytes(actual, reference.digestValue);
    const isClaim = fits || reference.transforms.length === 0;
    return { found: true, ...(isClaim && { intact: fits }) };
  });
  const fits = compared.find(({ intact }) => intact);
  // Of several that do not fit, none is known to be meant.
  const only = compared.length === 1 ? compared[0] : undefined;
  return fits ?? only ?? { found: false, intact: false, missing: true };
}

/**
 * What a reference says that it is over has to be that part of its own signature, as it stands: the
 * digest of anything else in its place would be a signature over what nobody reads.
 */
function checkType(
  reference: XmlReference,
  target: ReferenceTarget,
  signature: XadesSignature,
  kind: ReferenceFacts['kind'],
): void {
  const { type } = reference;
  const element = target.kind === 'element' ? target.element : undefined;
  if (isSignedPropertiesType(type) && signature.signedProperties) {
    if (element !== signature.signedProperties)
      throw signatureError('reference to signed properties that are not those of the signature');
    if (reference.transforms.some(({ kind }) => kind !== 'canonical'))
      throw signatureError('signed properties transformed before they are digested');
  }
  // By Object some mean another part of the signature, such as KeyInfo; an entry of a manifest may be one beside it.
  const part = type === manifestType ? element?.parent : element;
  const isOwn =
    element &&
    (part?.parent === signature.element
      ? type === objectType || isElement(element, dsNamespace, 'Manifest')
      : kind === 'manifest-entry' &&
        type === objectType &&
        isElement(element, dsNamespace, 'Object'));
  if ((type === objectType || type === manifestType) && !isOwn)
    throw signatureError(
      `reference to ${JSON.stringify(reference.uri)}, which is not as its type says`,
    );
}

function processed(source: XmlSource, reference: XmlReference, target: ReferenceTarget): Processed {
  const algorithm = digestAlgorithmOfUri(reference.digestMethod);
  if (target.kind === 'external') return compareExternal(source, reference, algorithm);
  const data = processReference(reference, source.home, () => undefined);
  return data ? compare(data, algorithm, reference) : { found: false, intact: false };
}

/**
 * One reference. What is malformed is not intact; what is not carried out carries no claim. Both are
 * problems of the document.
 */
export function readReference(
  source: XmlSource,
  signature: XadesSignature,
  reference: XmlReference,
  kind: ReferenceFacts['kind'],
): ReferenceReading {
  const { problems } = source.reading.collector;
  const facts: ReferenceFacts = {
    kind:
      signature.signedProperties && isSignedPropertiesType(reference.type)
        ? 'signed-properties'
        : kind,
    uri: reference.uri,
    algorithm: digestAlgorithmOfUri(reference.digestMethod) ?? reference.digestMethod,
    digest: toHex(reference.digestValue),
  };
  // What is there and cannot be digested as the transforms say was found all the same.
  let found = false;
  try {
    const target = targetOf(reference, source.home.ids);
    checkType(reference, target, signature, kind);
    found = target.kind !== 'external';
    const { data, missing, ...claim } = processed(source, reference, target);
    if (missing)
      problems.push({
        severity: 'error',
        code: 'xml-reference-outside',
        message: `reference to ${JSON.stringify(reference.uri ?? 'no name')} is not in the document and was not given`,
        ...(source.place !== undefined && { place: source.place }),
      });
    // Some leave the type out.
    const isProperties =
      target.kind === 'element' &&
      target.element === signature.signedProperties &&
      reference.transforms.every((one) => one.kind === 'canonical');
    return {
      facts: { ...facts, ...(isProperties && { kind: 'signed-properties' }), ...claim },
      target,
      data,
    };
  } catch (error) {
    problems.push(problemOf(error, source.place));
    const isUnknown =
      error instanceof UnsupportedError ||
      (error instanceof FormatError && error.code === 'ERR_FORMAT_LIMIT');
    return { facts: isUnknown ? facts : { ...facts, found, intact: false } };
  }
}

/** A manifest may not cover itself: whoever followed it would never end. XML Signature 1.1 §5.1 */
export function checkManifests(source: XmlSource, signature: XmlElement): void {
  for (const manifest of walkElements(signature)) {
    if (!isElement(manifest, dsNamespace, 'Manifest')) continue;
    attempt(source.reading.collector.problems, source.place, () => {
      for (const reference of readReferences(manifest)) {
        const target = targetOf(reference, source.home.ids);
        if (target.kind !== 'element') continue;
        for (let at: XmlElement | undefined = manifest; at; at = at.parent)
          if (at === target.element) throw signatureError('manifest that covers itself');
      }
    });
  }
}

/**
 * The entries of the manifests that a signature's references are over. They are judged for themselves:
 * the signature holds without them. XML Signature 1.1 §5.1
 */
export function readManifests(
  source: XmlSource,
  signature: XadesSignature,
  references: readonly ReferenceReading[],
): readonly ReferenceFacts[] {
  const entries: ReferenceFacts[] = [];
  attempt(source.reading.collector.problems, source.place, () => {
    for (const { target } of references) {
      if (target?.kind !== 'element' || !isElement(target.element, dsNamespace, 'Manifest'))
        continue;
      for (const reference of readReferences(target.element)) {
        if (entries.length >= maxManifestEntries)
          throw new FormatError('ERR_FORMAT_LIMIT', 'too many entries of manifests');
        entries.push(readReference(source, signature, reference, 'manifest-entry').facts);
      }
    }
  });
  return entries;
}
