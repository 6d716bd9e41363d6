// The references of an XML signature: what they name, and whether a reader that runs and fetches
// nothing can tell what is meant. XML Signature 1.1 §4.4.3, §8.
import { fromBase64 } from '#shared/bytes.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import { dsNamespace, plainTransforms } from '#shared/xades/names.ts';
import {
  type XmlElement,
  attributeOf,
  childNamed,
  childrenNamed,
  textOf,
  walkElements,
} from '#shared/xml/tree.ts';

/** A transform that says no more than "this, without the signature", or one that would have to be run. */
export type XmlTransform = { readonly algorithm: string; readonly plain: boolean };

export type XmlReference = {
  readonly id: string | undefined;
  readonly uri: string | undefined;
  readonly type: string | undefined;
  readonly transforms: readonly XmlTransform[];
  readonly digestMethod: string;
  readonly digestValue: Uint8Array;
};

/** How often each Id occurs in a document, and the first element that has it. */
export type IdIndex = ReadonlyMap<string, { readonly element: XmlElement; readonly count: number }>;

const maxReferences = 1000;
const maxTransforms = 16;

export function signatureError(message: string): FormatError {
  return new FormatError('ERR_FORMAT_XML', message, { clause: 'XML Signature 1.1' });
}

/**
 * Every attribute that some software takes for an identifier: a second one of the same value would let
 * two readers see two things signed.
 */
export function indexIds(root: XmlElement): IdIndex {
  const index = new Map<string, { element: XmlElement; count: number }>();
  for (const element of walkElements(root)) {
    for (const { localName, namespace, value } of element.attributes) {
      const isId =
        localName.toLowerCase() === 'id' &&
        (namespace === '' || namespace === 'http://www.w3.org/XML/1998/namespace');
      if (!isId) continue;
      const known = index.get(value);
      if (known) known.count += known.element === element ? 0 : 1;
      else index.set(value, { element, count: 1 });
    }
  }
  return index;
}

/** Base64 text of an element. @throws FormatError where it is none, comments included */
export function base64Of(element: XmlElement | undefined, what: string): Uint8Array {
  const text = textOf(element);
  const octets = text === undefined ? undefined : fromBase64(text);
  if (!octets) throw signatureError(`${what} is no Base64 text`);
  return octets;
}

const [xpath, xpathFilter2] = [
  'http://www.w3.org/TR/1999/REC-xpath-19991116',
  'http://www.w3.org/2002/06/xmldsig-filter2',
];

/**
 * The two expressions that signing software writes instead of the enveloped-signature transform. They
 * are recognised as text and never evaluated. XML-Signature XPath Filter 2.0 §4.
 */
function isWithoutSignature(transform: XmlElement, algorithm: string): boolean {
  const namespace = algorithm === xpath ? dsNamespace : xpathFilter2;
  const [expression, another] = childrenNamed(transform, namespace, 'XPath');
  const text = textOf(expression)?.replace(/\s+/g, '');
  const prefix = /(\w+):Signature\)?$/.exec(text ?? '')?.[1] ?? '';
  if (!expression || another || namespaceOf(expression, prefix) !== dsNamespace) return false;
  return algorithm === xpath
    ? text === `not(ancestor-or-self::${prefix}:Signature)`
    : text === `/descendant::${prefix}:Signature` &&
        attributeOf(expression, 'Filter') === 'subtract';
}

function namespaceOf(element: XmlElement, prefix: string): string | undefined {
  for (let at: XmlElement | undefined = element; at; at = at.parent) {
    const namespace = at.namespaces.get(prefix);
    if (namespace !== undefined) return namespace;
  }
  return undefined;
}

function readTransform(element: XmlElement): XmlTransform {
  const algorithm = attributeOf(element, 'Algorithm') ?? '';
  const isXPath = algorithm === xpath || algorithm === xpathFilter2;
  return {
    algorithm,
    plain: isXPath ? isWithoutSignature(element, algorithm) : plainTransforms.has(algorithm),
  };
}

function readReference(element: XmlElement): XmlReference {
  const transforms = childrenNamed(
    childNamed(element, dsNamespace, 'Transforms'),
    dsNamespace,
    'Transform',
  ).map(readTransform);
  if (transforms.length > maxTransforms)
    throw new FormatError('ERR_FORMAT_LIMIT', `more than ${maxTransforms} transforms`);
  const digestMethod = attributeOf(childNamed(element, dsNamespace, 'DigestMethod'), 'Algorithm');
  if (digestMethod === undefined) throw signatureError('reference without a digest method');
  return {
    id: attributeOf(element, 'Id'),
    uri: attributeOf(element, 'URI'),
    type: attributeOf(element, 'Type'),
    transforms,
    digestMethod,
    digestValue: base64Of(childNamed(element, dsNamespace, 'DigestValue'), 'DigestValue'),
  };
}

/** References of a SignedInfo or Manifest. @throws FormatError ERR_FORMAT_XML, ERR_FORMAT_LIMIT */
export function readReferences(parent: XmlElement): XmlReference[] {
  const references = childrenNamed(parent, dsNamespace, 'Reference');
  if (references.length === 0) throw signatureError('signature without a reference');
  if (references.length > maxReferences)
    throw new FormatError('ERR_FORMAT_LIMIT', `more than ${maxReferences} references`);
  return references.map(readReference);
}

/** What a reference's URI leads to. */
export type ReferenceTarget =
  | { readonly kind: 'document' }
  | { readonly kind: 'element'; readonly element: XmlElement }
  /** Outside of the document: an entry of a container, or detached content. */
  | { readonly kind: 'external'; readonly uri: string };

/**
 * Follows a URI inside the document; nothing is ever fetched.
 * @throws FormatError ERR_FORMAT_XML: no such Id, or several; UnsupportedError: XPointers, XPath, XSLT
 */
export function targetOf(reference: XmlReference, ids: IdIndex): ReferenceTarget {
  const foreign = reference.transforms.find(({ plain }) => !plain);
  if (foreign)
    throw new UnsupportedError(
      'ERR_UNSUPPORTED_FEATURE',
      `transform ${JSON.stringify(foreign.algorithm)} is not carried out`,
      { feature: foreign.algorithm },
    );
  const { uri } = reference;
  if (uri === undefined) throw signatureError('reference without URI');
  if (uri === '') return { kind: 'document' };
  if (!uri.startsWith('#')) return { kind: 'external', uri };
  const id = uri.slice(1);
  if (!/^[\p{L}_][\p{L}\p{N}\p{M}._:·-]*$/u.test(id))
    throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', `reference ${JSON.stringify(uri)}`, {
      feature: 'XPointer',
    });
  const found = ids.get(id);
  if (!found) throw signatureError(`reference to ${JSON.stringify(uri)}, which is nowhere`);
  if (found.count > 1)
    throw signatureError(`reference to ${JSON.stringify(uri)}, which several elements are named`);
  return { kind: 'element', element: found.element };
}
