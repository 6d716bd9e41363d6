// The reference processing model: from what a reference names, through its transforms, to what is
// digested. XML Signature 1.1 §4.4.3.2, §6.6. Nothing is fetched and nothing a document says is run.
import { FormatError } from '#shared/errors.ts';
import {
  type CanonicalMethod,
  type Canonicalizer,
  createCanonicalizer,
  defaultCanonicalMethod,
} from '#shared/xml/canonicalize.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { type XmlDocument, type XmlElement, isElement, walkElements } from '#shared/xml/tree.ts';
import { fromBase64 } from '#shared/bytes.ts';
import { dsNamespace } from '#shared/xmldsig/names.ts';
import {
  type IdIndex,
  type ReferenceTarget,
  type XmlReference,
  type XmlTransform,
  indexIds,
  signatureError,
  targetOf,
} from '#shared/xmldsig/references.ts';

/** A document whose references are followed; one for all of its signatures, since it bounds their cost. */
export type SignedDocument = {
  readonly document: XmlDocument;
  readonly ids: IdIndex;
  readonly canonicalize: Canonicalizer;
  /** Every ds:Signature, looked for when first asked. */
  readonly signatures: () => ReadonlySet<XmlElement>;
};

/** @see XML Signature 1.1 §4.4.3.2 */
export function signedDocument(document: XmlDocument): SignedDocument {
  let signatures: ReadonlySet<XmlElement> | undefined;
  return {
    document,
    ids: indexIds(document.root),
    canonicalize: createCanonicalizer(document),
    signatures: () => {
      signatures ??= new Set(
        [...walkElements(document.root)].filter((element) =>
          isElement(element, dsNamespace, 'Signature'),
        ),
      );
      return signatures;
    },
  };
}

/** What comes out of a reference: octets, or nodes that are still to be canonicalized. */
export type ReferencedData =
  | { readonly kind: 'octets'; readonly octets: Uint8Array }
  | {
      readonly kind: 'nodes';
      readonly of: SignedDocument;
      /** All of the document, or an element with all below it. */
      readonly apex: XmlDocument | XmlElement;
      readonly without: ReadonlySet<XmlElement>;
      readonly comments: boolean;
    };

type Nodes = Extract<ReferencedData, { readonly kind: 'nodes' }>;

/** Octets as they are; nodes canonicalized, comments only where both the nodes and the method have them. */
export function octetsOf(
  data: ReferencedData,
  method: CanonicalMethod = defaultCanonicalMethod,
): Uint8Array {
  if (data.kind === 'octets') return data.octets;
  const { of, apex, without, comments } = data;
  return of.canonicalize(apex, { ...method, comments: method.comments && comments }, without);
}

function nodesOf(data: ReferencedData): Nodes {
  if (data.kind === 'nodes') return data;
  const of = signedDocument(parseXml(data.octets));
  return { kind: 'nodes', of, apex: of.document, without: new Set(), comments: true };
}

/** §4.4.3.2: what is left out has to leave something: a digest over nothing fits any document. */
function leaveOut(nodes: Nodes, elements: Iterable<XmlElement>): Nodes {
  const without = new Set([...nodes.without, ...elements]);
  const top = 'root' in nodes.apex ? nodes.apex.root : nodes.apex;
  for (let at: XmlElement | undefined = top; at; at = at.parent)
    if (without.has(at)) throw signatureError('transform that leaves nothing to sign');
  return { ...nodes, without };
}

/** The signature that an element stands in, the innermost. */
export function signatureAround(element: XmlElement): XmlElement | undefined {
  for (let at: XmlElement | undefined = element.parent; at; at = at.parent)
    if (at.localName === 'Signature' && at.namespace === dsNamespace) return at;
  return undefined;
}

/** All text below the apex, in document order. §6.6.2 */
function textBelow({ apex, without }: Nodes): string {
  const parts: string[] = [];
  const visit = (element: XmlElement): void => {
    if (without.has(element)) return;
    for (const node of element.children)
      if (node.kind === 'text') parts.push(node.value);
      else if (node.kind === 'element') visit(node);
  };
  visit('root' in apex ? apex.root : apex);
  return parts.join('');
}

function decodeBase64(data: ReferencedData): Uint8Array {
  const text =
    data.kind === 'octets' ? Buffer.from(data.octets).toString('latin1') : textBelow(data);
  const octets = fromBase64(text);
  if (!octets)
    throw new FormatError('ERR_FORMAT_XML', 'Base64 transform over what is no Base64 text', {
      clause: 'XML Signature 1.1 §6.6.2',
    });
  return octets;
}

function transformed(
  data: ReferencedData,
  transform: XmlTransform,
  reference: XmlReference,
  home: SignedDocument,
): ReferencedData {
  switch (transform.kind) {
    case 'canonical':
      return { kind: 'octets', octets: octetsOf(nodesOf(data), transform.method) };
    case 'base64':
      return { kind: 'octets', octets: decodeBase64(data) };
    case 'without-signatures': {
      const nodes = nodesOf(data);
      const { root } = nodes.of.document;
      const signatures = [...nodes.of.signatures()];
      return leaveOut(
        nodes,
        transform.where === 'anywhere'
          ? signatures
          : signatures.filter(({ parent }) => parent === root),
      );
    }
    case 'enveloped': {
      const own = signatureAround(reference.element);
      // §6.6.4: the signature is in the document that it is about, or the transform has no meaning.
      if (data.kind !== 'nodes' || data.of !== home || !own)
        throw signatureError('enveloped-signature of something else than the own document');
      return leaveOut(data, [own]);
    }
    case 'foreign':
      // targetOf has refused it.
      throw signatureError(`transform ${JSON.stringify(transform.algorithm)}`);
  }
}

function dereference(
  target: ReferenceTarget,
  home: SignedDocument,
  external: () => Uint8Array | undefined,
): ReferencedData | undefined {
  if (target.kind === 'external') {
    const octets = external();
    return octets && { kind: 'octets', octets };
  }
  return {
    kind: 'nodes',
    of: home,
    apex: target.kind === 'document' ? home.document : target.element,
    without: new Set(),
    comments: target.comments,
  };
}

/**
 * What a reference is over, all transforms carried out; `undefined`: it is outside of the document and
 * not at hand. `external` gives the octets of what is outside and meant.
 * @throws FormatError ERR_FORMAT_XML, ERR_FORMAT_LIMIT; UnsupportedError what is not carried out
 * @see XML Signature 1.1 §4.4.3.2
 */
export function processReference(
  reference: XmlReference,
  home: SignedDocument,
  external: () => Uint8Array | undefined,
): ReferencedData | undefined {
  const start = dereference(targetOf(reference, home.ids), home, external);
  return reference.transforms.reduce<ReferencedData | undefined>(
    (data, transform) => data && transformed(data, transform, reference, home),
    start,
  );
}
