// ASiC manifests: ASiCManifest, ASiCArchiveManifest, ASiCEvidenceRecordManifest. EN 319 162-1
// §4.4.3.2, §4.4.4.2, Annex A. What they refer to must be an entry of the same container, by a plain relative reference.
import { fromBase64 } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';
import { type Problem, attempt, problemOf } from '#shared/problem.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { attributeOf, childNamed, childrenNamed, textOf } from '#shared/xml/tree.ts';

export type DataObjectReference = {
  /** Name of the entry. */
  readonly name: string;
  /** The algorithm's URI. */
  readonly digestMethod: string;
  readonly digestValue: Uint8Array;
};

export type AsicManifest = {
  readonly name: string;
  readonly kind: 'signature' | 'archive' | 'evidence-record';
  /** Entry of the signature, token or record over this manifest. */
  readonly sigReference: string | undefined;
  readonly references: readonly DataObjectReference[];
};

const asicNamespace = 'http://uri.etsi.org/02918/v1.2.1#';
const dsNamespace = 'http://www.w3.org/2000/09/xmldsig#';
const maxReferences = 10_000;

function badManifest(message: string, name: string): FormatError {
  return new FormatError('ERR_FORMAT_XML', `${message} in ${JSON.stringify(name)}`, {
    clause: 'EN 319 162-1 §A.4',
  });
}

/**
 * Entry name that a manifest's or signature's URI stands for: a relative reference, percent-encoding
 * undone where it was due. An octet that needs no encoding is never encoded by honest software, and a
 * name so written is another name to another reader (RFC 3986 §6.2.2.2).
 * @throws FormatError ERR_FORMAT_XML
 */
function entryNameOfUri(uri: string, within: string): string {
  if (uri === '') throw badManifest('empty reference', within);
  if (/^[A-Za-z][A-Za-z0-9+.-]*:/.test(uri) || uri.startsWith('/') || /[?#\\]/.test(uri))
    throw badManifest('reference that leaves the container', within);
  if (/%(?:2[dDeEfF]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aAeE])/.test(uri))
    throw badManifest('needless percent-encoding in a reference', within);
  let name: string;
  try {
    name = decodeURIComponent(uri);
  } catch (error) {
    // Names with a bare "%" occur in old containers: the URI is the name.
    if (!(error instanceof URIError)) throw error;
    name = uri;
  }
  if (name.split('/').some((segment) => segment === '' || segment === '.' || segment === '..'))
    throw badManifest('empty or dotted segment in a reference', within);
  return name;
}

/** What a manifest of this name is for; `undefined`: the name is none of a manifest. EN 319 162-1 §4.4.3.2, §4.4.4.2 */
export function manifestKindOf(name: string): AsicManifest['kind'] | undefined {
  const base = name.slice('META-INF/'.length).toLowerCase();
  if (!name.startsWith('META-INF/') || !base.endsWith('.xml')) return undefined;
  if (base.startsWith('asicevidencerecordmanifest')) return 'evidence-record';
  if (base.startsWith('asicarchivemanifest')) return 'archive';
  return base.startsWith('asicmanifest') ? 'signature' : undefined;
}

/**
 * One manifest. References that are malformed, or missing, are problems; the others are still given.
 * @throws FormatError, UnsupportedError: no such XML
 */
export function parseManifest(name: string, octets: Uint8Array, problems: Problem[]): AsicManifest {
  const { root } = parseXml(octets);
  const kind = manifestKindOf(name);
  if (!kind || root.localName !== 'ASiCManifest' || root.namespace !== asicNamespace)
    throw badManifest('ASiCManifest expected', name);
  const references = childrenNamed(root, asicNamespace, 'DataObjectReference');
  if (references.length > maxReferences)
    throw new FormatError(
      'ERR_FORMAT_LIMIT',
      `more than ${maxReferences} references in a manifest`,
    );
  // §A.4: one or more; without any, what is over the manifest is over nothing.
  if (references.length === 0)
    problems.push(problemOf(badManifest('no DataObjectReference', name), name));
  const sigReference = childNamed(root, asicNamespace, 'SigReference');
  if (!sigReference) problems.push(problemOf(badManifest('no SigReference', name), name));
  return {
    name,
    kind,
    sigReference:
      sigReference &&
      attempt(problems, name, () => entryNameOfUri(attributeOf(sigReference, 'URI') ?? '', name)),
    references: references
      .map((reference) =>
        attempt(problems, name, (): DataObjectReference => {
          const digestMethod = attributeOf(
            childNamed(reference, dsNamespace, 'DigestMethod'),
            'Algorithm',
          );
          const value = textOf(childNamed(reference, dsNamespace, 'DigestValue'));
          const digestValue = value === undefined ? undefined : fromBase64(value);
          if (digestMethod === undefined || digestValue === undefined)
            throw badManifest('reference without a digest', name);
          return {
            name: entryNameOfUri(attributeOf(reference, 'URI') ?? '', name),
            digestMethod,
            digestValue,
          };
        }),
      )
      .filter((reference) => reference !== undefined),
  };
}
