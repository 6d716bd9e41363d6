// The references of an XML signature: what they name, and whether a reader that runs and fetches
// nothing can tell what is meant. XML Signature 1.1 §4.4.3, §8.
import { fromBase64 } from '#shared/bytes.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import {
  type CanonicalMethod,
  canonicalMethodOf,
  defaultCanonicalMethod,
} from '#shared/xml/canonicalize.ts';
import {
  base64Transform,
  dsNamespace,
  envelopedSignature,
  xpathFilter2Transform,
  xpathTransform,
} from '#shared/xmldsig/names.ts';
import {
  type XmlElement,
  attributeOf,
  childNamed,
  childrenNamed,
  textOf,
  walkElements,
} from '#shared/xml/tree.ts';

/** A transform that is carried out, or the name of one that is not: nothing a document says is run. */
export type XmlTransform =
  | { readonly kind: 'canonical'; readonly method: CanonicalMethod }
  /** Without the signature that the transform stands in. §6.6.4 */
  | { readonly kind: 'enveloped' }
  /** Without any signature, or without those below the root alone: the XPath texts that are known. */
  | { readonly kind: 'without-signatures'; readonly where: 'anywhere' | 'below-root' }
  | { readonly kind: 'base64' }
  | { readonly kind: 'foreign'; readonly algorithm: string };

export type XmlReference = {
  readonly element: XmlElement;
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

/** Prefixes of an InclusiveNamespaces list. */
const maxPrefixes = 200;

/**
 * The method that an element's Algorithm names, with the prefixes listed inside it; `undefined`: another
 * algorithm. Exclusive XML Canonicalization §3
 * @throws FormatError ERR_FORMAT_LIMIT: too many prefixes
 */
export function readCanonicalMethod(element: XmlElement): CanonicalMethod | undefined {
  const method = canonicalMethodOf(attributeOf(element, 'Algorithm') ?? '');
  if (method?.edition !== 'exclusive') return method;
  const list = childNamed(
    element,
    'http://www.w3.org/2001/10/xml-exc-c14n#',
    'InclusiveNamespaces',
  );
  const prefixes = attributeOf(list, 'PrefixList')?.split(/\s+/).filter(Boolean) ?? [];
  if (prefixes.length > maxPrefixes)
    throw new FormatError('ERR_FORMAT_LIMIT', `more than ${maxPrefixes} inclusive prefixes`);
  return {
    ...method,
    inclusivePrefixes: prefixes.map((prefix) => (prefix === '#default' ? '' : prefix)),
  };
}

/**
 * The method that a CanonicalizationMethod element names; Canonical XML 1.0 where there is none.
 * @throws UnsupportedError ERR_UNSUPPORTED_ALGORITHM: another algorithm; FormatError as above
 */
export function namedCanonicalMethod(element: XmlElement | undefined): CanonicalMethod {
  if (!element) return defaultCanonicalMethod;
  const method = readCanonicalMethod(element);
  if (method) return method;
  const algorithm = attributeOf(element, 'Algorithm') ?? '';
  throw new UnsupportedError(
    'ERR_UNSUPPORTED_ALGORITHM',
    `canonicalization method ${JSON.stringify(algorithm)}`,
    { feature: algorithm },
  );
}

/** The same for the one inside of `parent`. */
export function canonicalizationMethodIn(parent: XmlElement): CanonicalMethod {
  return namedCanonicalMethod(childNamed(parent, dsNamespace, 'CanonicalizationMethod'));
}

/**
 * The expressions that signing software writes instead of the enveloped-signature transform. They are
 * recognised as text and never evaluated. XML-Signature XPath Filter 2.0 §4.
 */
function withoutSignatures(transform: XmlElement, algorithm: string): XmlTransform | undefined {
  const namespace = algorithm === xpathTransform ? dsNamespace : xpathFilter2Transform;
  const [expression, another] = childrenNamed(transform, namespace, 'XPath');
  const text = textOf(expression)?.replace(/\s+/g, '');
  const prefix = /(\w+):Signature\)?$/.exec(text ?? '')?.[1] ?? '';
  if (!expression || another || namespaceOf(expression, prefix) !== dsNamespace) return undefined;
  if (algorithm === xpathTransform)
    return text === `not(ancestor-or-self::${prefix}:Signature)`
      ? { kind: 'without-signatures', where: 'anywhere' }
      : undefined;
  if (attributeOf(expression, 'Filter') !== 'subtract') return undefined;
  if (text === `/descendant::${prefix}:Signature`)
    return { kind: 'without-signatures', where: 'anywhere' };
  return text === `/*/${prefix}:Signature`
    ? { kind: 'without-signatures', where: 'below-root' }
    : undefined;
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
  const method = readCanonicalMethod(element);
  if (method) return { kind: 'canonical', method };
  if (algorithm === envelopedSignature) return { kind: 'enveloped' };
  if (algorithm === base64Transform) return { kind: 'base64' };
  const isXPath = algorithm === xpathTransform || algorithm === xpathFilter2Transform;
  return (
    (isXPath ? withoutSignatures(element, algorithm) : undefined) ?? { kind: 'foreign', algorithm }
  );
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
    element,
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
  // §4.4.3.1: only of one can it be known without a name what it is over.
  if (references.filter((one) => attributeOf(one, 'URI') === undefined).length > 1)
    throw signatureError('several references without URI');
  if (references.length === 0) throw signatureError('signature without a reference');
  if (references.length > maxReferences)
    throw new FormatError('ERR_FORMAT_LIMIT', `more than ${maxReferences} references`);
  return references.map(readReference);
}

/** What a reference's URI leads to; `comments`: whether those inside count among the nodes. §4.4.3.3 */
export type ReferenceTarget =
  | { readonly kind: 'document'; readonly comments: boolean }
  | { readonly kind: 'element'; readonly element: XmlElement; readonly comments: boolean }
  /** Outside of the document: an entry of a container, or detached content, which needs no name. */
  | { readonly kind: 'external'; readonly uri: string | undefined };

/** The XPointer that says no more than `""`, comments included. §4.4.3.2 */
const wholeByPointer = '#xpointer(/)';

/**
 * Follows a URI inside the document; nothing is ever fetched.
 * @throws FormatError ERR_FORMAT_XML: no such Id, or several; UnsupportedError: XPointers, XPath, XSLT
 */
export function targetOf(reference: XmlReference, ids: IdIndex): ReferenceTarget {
  const foreign = reference.transforms.find(({ kind }) => kind === 'foreign');
  if (foreign?.kind === 'foreign')
    throw new UnsupportedError(
      'ERR_UNSUPPORTED_FEATURE',
      `transform ${JSON.stringify(foreign.algorithm)} is not carried out`,
      { feature: foreign.algorithm },
    );
  const { uri } = reference;
  if (uri === undefined) return { kind: 'external', uri };
  if (uri === '') return { kind: 'document', comments: false };
  if (uri === wholeByPointer) return { kind: 'document', comments: true };
  if (!uri.startsWith('#')) return { kind: 'external', uri };
  const id = uri.slice(1);
  if (!/^[\p{L}\p{N}_][\p{L}\p{N}\p{M}._:·-]*$/u.test(id))
    throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', `reference ${JSON.stringify(uri)}`, {
      feature: 'XPointer',
    });
  return { kind: 'element', element: elementOfId(id, uri, ids), comments: false };
}

/** The only element of this identifier. @throws FormatError ERR_FORMAT_XML: none, or several */
export function elementOfId(id: string, uri: string, ids: IdIndex): XmlElement {
  const found = ids.get(id);
  if (!found) throw signatureError(`reference to ${JSON.stringify(uri)}, which is nowhere`);
  if (found.count > 1)
    throw signatureError(`reference to ${JSON.stringify(uri)}, which several elements are named`);
  return found.element;
}
