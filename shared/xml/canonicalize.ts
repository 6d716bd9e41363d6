// Canonical XML 1.0 and 1.1 and Exclusive XML Canonicalization 1.0 of our own tree: of a document, of one
// element with all below it, and of either without some elements. There is no document type, so no
// default attribute and no entity: what the parser read is what is written.
// Why not a library: docs/decisions/canonicalization.md.
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import type { XmlAttribute, XmlDocument, XmlElement, XmlNode } from '#shared/xml/tree.ts';

export type CanonicalMethod = {
  readonly edition: '1.0' | '1.1' | 'exclusive';
  readonly comments: boolean;
  /** Exclusive only: prefixes handled as the inclusive editions do; `''` is the default namespace. §3 */
  readonly inclusivePrefixes?: readonly string[] | undefined;
};

const methods: ReadonlyMap<string, CanonicalMethod> = new Map([
  ['http://www.w3.org/TR/2001/REC-xml-c14n-20010315', { edition: '1.0', comments: false }],
  [
    'http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments',
    { edition: '1.0', comments: true },
  ],
  ['http://www.w3.org/2006/12/xml-c14n11', { edition: '1.1', comments: false }],
  ['http://www.w3.org/2006/12/xml-c14n11#WithComments', { edition: '1.1', comments: true }],
  ['http://www.w3.org/2001/10/xml-exc-c14n#', { edition: 'exclusive', comments: false }],
  ['http://www.w3.org/2001/10/xml-exc-c14n#WithComments', { edition: 'exclusive', comments: true }],
]);

/** The method of an algorithm's URI, `undefined` where it names another. XML Signature 1.1 §6.5 */
export function canonicalMethodOf(uri: string): CanonicalMethod | undefined {
  return methods.get(uri);
}

/** Canonical XML 1.0 without comments: what counts where nothing is named. XML Signature 1.1 §4.4.3.2 */
export const defaultCanonicalMethod: CanonicalMethod = { edition: '1.0', comments: false };

export type Canonicalizer = (
  apex: XmlDocument | XmlElement,
  method: CanonicalMethod,
  /** Elements left out with all below them. */
  without?: ReadonlySet<XmlElement>,
) => Uint8Array;

const xmlNamespace = 'http://www.w3.org/XML/1998/namespace';

/** Characters of output: so many, and so many times the document's own length. */
const freeWork = 16 * 1024 * 1024;
const workPerCharacter = 8;
/** What an element, a declaration or an attribute counts, written or not. */
const workPerStep = 16;

/**
 * Canonical forms of parts of one document, in UTF-8. All forms together may cost a multiple of the
 * document's size: two hundred signatures over a whole document would else be quadratic.
 * @throws FormatError ERR_FORMAT_LIMIT: more was asked for; UnsupportedError: an xml:base to be mended
 */
export function createCanonicalizer(document: XmlDocument): Canonicalizer {
  let left = freeWork + workPerCharacter * document.text.length;
  const spend = (work: number): void => {
    left -= work;
    if (left < 0)
      throw new FormatError('ERR_FORMAT_LIMIT', 'canonical forms are too many or too large');
  };
  return (apex, method, without = new Set()) => {
    const writer = new CanonicalWriter(method, without, spend);
    if ('root' in apex) writer.writeDocument(apex);
    else writer.writeApex(apex);
    return writer.octets();
  };
}

/** Order of code points, which is that of UTF-8 octets; `<` on strings orders UTF-16 units. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a.charCodeAt(i) === b.charCodeAt(i)) continue;
    return weightOf(a.charCodeAt(i)) - weightOf(b.charCodeAt(i));
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others. */
function weightOf(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

const textReferences: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\r': '&#xD;',
};
const attributeReferences: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '"': '&quot;',
  '\t': '&#x9;',
  '\n': '&#xA;',
  '\r': '&#xD;',
};

function escapeText(text: string): string {
  return text.replace(/[&<>\r]/g, (character) => textReferences[character] ?? character);
}

function escapeAttribute(text: string): string {
  return text.replace(/[&<"\t\n\r]/g, (character) => attributeReferences[character] ?? character);
}

function prefixOf(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? '' : name.slice(0, colon);
}

/** Namespaces §2.3 order: by namespace, then by local name; without a namespace first. */
function compareAttributes(a: XmlAttribute, b: XmlAttribute): number {
  return compareCodePoints(a.namespace, b.namespace) || compareCodePoints(a.localName, b.localName);
}

/** Prefix to namespace, with what to put back when an element ends. */
type Bindings = Map<string, string>;
type Undo = (readonly [prefix: string, before: string | undefined])[];

function bind(bindings: Bindings, undo: Undo, prefix: string, namespace: string): void {
  undo.push([prefix, bindings.get(prefix)]);
  bindings.set(prefix, namespace);
}

function unbind(bindings: Bindings, undo: Undo): void {
  for (const [prefix, before] of undo.toReversed())
    if (before === undefined) bindings.delete(prefix);
    else bindings.set(prefix, before);
}

/** One canonical form in the making. Depth is bounded by the parser's limit. */
class CanonicalWriter {
  readonly #method: CanonicalMethod;
  readonly #without: ReadonlySet<XmlElement>;
  readonly #spend: (work: number) => void;
  readonly #inclusive: ReadonlySet<string>;
  /** In scope in the document, whether or not written. */
  readonly #scope: Bindings = new Map();
  /** Written and in scope in the output. */
  readonly #written: Bindings = new Map();
  readonly #parts: Uint8Array[] = [];
  #text: string[] = [];
  #length = 0;

  constructor(
    method: CanonicalMethod,
    without: ReadonlySet<XmlElement>,
    spend: (work: number) => void,
  ) {
    this.#method = method;
    this.#without = without;
    this.#spend = spend;
    this.#inclusive = new Set(method.inclusivePrefixes);
  }

  octets(): Uint8Array {
    this.#flush();
    const [only, ...more] = this.#parts;
    return only && more.length === 0 ? only : Buffer.concat(this.#parts);
  }

  /** Canonical XML §2.2: comments and instructions around the root stand on lines of their own. */
  writeDocument({ prolog, root, epilog }: XmlDocument): void {
    for (const node of prolog) if (this.#writeNode(node)) this.#write('\n');
    if (!this.#without.has(root)) this.#writeElement(root, this.#apexPrefixes, []);
    for (const node of epilog) {
      if (node.kind === 'comment' && !this.#method.comments) continue;
      this.#write('\n');
      this.#writeNode(node);
    }
  }

  /** An element whose ancestors are left out. */
  writeApex(apex: XmlElement): void {
    for (let at: XmlElement | undefined = apex; at; at = at.parent)
      if (this.#without.has(at)) return;
    const ancestors: XmlElement[] = [];
    for (let at = apex.parent; at; at = at.parent) ancestors.unshift(at);
    for (const ancestor of ancestors) {
      this.#spendSteps(ancestor);
      for (const [prefix, namespace] of ancestor.namespaces) this.#scope.set(prefix, namespace);
    }
    this.#writeElement(apex, this.#apexPrefixes, this.#inherited(apex, ancestors));
  }

  #spendSteps({ namespaces, attributes }: XmlElement): void {
    this.#spend(workPerStep * (1 + namespaces.size + attributes.length));
  }

  #flush(): void {
    this.#parts.push(Buffer.from(this.#text.join('')));
    this.#text = [];
    this.#length = 0;
  }

  #write(text: string): void {
    this.#spend(text.length);
    this.#text.push(text);
    this.#length += text.length;
    if (this.#length > 64 * 1024) this.#flush();
  }

  /** Whether anything was written. */
  #writeNode(node: XmlNode): boolean {
    switch (node.kind) {
      case 'text':
        this.#write(escapeText(node.value));
        return true;
      case 'comment':
        if (!this.#method.comments) return false;
        this.#write(`<!--${node.value}-->`);
        return true;
      case 'processing-instruction':
        this.#write(`<?${node.target}${node.value === '' ? '' : ` ${node.value}`}?>`);
        return true;
      case 'element':
        if (this.#without.has(node)) return false;
        this.#writeElement(node, this.#innerPrefixes, []);
        return true;
    }
  }

  #writeElement(
    element: XmlElement,
    prefixesOf: (element: XmlElement) => Iterable<string>,
    inherited: readonly XmlAttribute[],
  ): void {
    this.#spendSteps(element);
    const [undoScope, undoWritten]: [Undo, Undo] = [[], []];
    for (const [prefix, namespace] of element.namespaces)
      bind(this.#scope, undoScope, prefix, namespace);
    const declared = [...new Set(prefixesOf(element))]
      .filter((prefix) => prefix !== 'xml' && this.#isNews(prefix))
      .sort(compareCodePoints);
    this.#spend(workPerStep * declared.length);
    this.#write(`<${element.name}`);
    for (const prefix of declared) {
      const namespace = this.#scope.get(prefix) ?? '';
      bind(this.#written, undoWritten, prefix, namespace);
      this.#write(` xmlns${prefix === '' ? '' : `:${prefix}`}="${escapeAttribute(namespace)}"`);
    }
    const attributes = [...element.attributes, ...inherited].sort(compareAttributes);
    for (const { name, value } of attributes) this.#write(` ${name}="${escapeAttribute(value)}"`);
    this.#write('>');
    for (const child of element.children) this.#writeNode(child);
    this.#write(`</${element.name}>`);
    unbind(this.#written, undoWritten);
    unbind(this.#scope, undoScope);
  }

  /** Whether the output does not say already what is in scope. §2.3; exclusive §3 */
  #isNews(prefix: string): boolean {
    const namespace = this.#scope.get(prefix);
    if (namespace === undefined) return false;
    return (this.#written.get(prefix) ?? '') !== namespace;
  }

  /** Prefixes that may have to be declared on an element inside the output. */
  readonly #innerPrefixes = (element: XmlElement): Iterable<string> =>
    this.#method.edition === 'exclusive'
      ? [
          ...usedPrefixes(element),
          ...[...element.namespaces.keys()].filter((prefix) => this.#inclusive.has(prefix)),
        ]
      : element.namespaces.keys();

  /** The same on the first element of the output, which has to say what its ancestors said. */
  readonly #apexPrefixes = (element: XmlElement): Iterable<string> =>
    this.#method.edition === 'exclusive'
      ? [...usedPrefixes(element), ...this.#inclusive]
      : this.#scope.keys();

  /** Attributes in the xml namespace that the apex takes over. Canonical XML 1.0 §2.4, 1.1 §2.4 */
  #inherited(apex: XmlElement, ancestors: readonly XmlElement[]): readonly XmlAttribute[] {
    if (this.#method.edition === 'exclusive') return [];
    const nearest = new Map<string, XmlAttribute>();
    for (const { attributes } of ancestors)
      for (const attribute of attributes)
        if (attribute.namespace === xmlNamespace) nearest.set(attribute.localName, attribute);
    if (this.#method.edition === '1.1') {
      if (nearest.has('base'))
        throw new UnsupportedError(
          'ERR_UNSUPPORTED_FEATURE',
          'Canonical XML 1.1 of a part whose ancestors have xml:base',
          { feature: 'xml:base' },
        );
      // Two elements would have one identifier; other attributes have no meaning that is inherited.
      for (const name of nearest.keys())
        if (name !== 'lang' && name !== 'space') nearest.delete(name);
    }
    for (const { namespace, localName } of apex.attributes)
      if (namespace === xmlNamespace) nearest.delete(localName);
    return [...nearest.values()];
  }
}

/** Prefixes of the element's own name and of its attributes. Exclusive §1.1 "visibly utilized" */
function usedPrefixes({ name, attributes }: XmlElement): string[] {
  // An attribute without prefix is in no namespace, whatever the default is.
  return [
    prefixOf(name),
    ...attributes.map((attribute) => prefixOf(attribute.name)).filter((prefix) => prefix !== ''),
  ];
}
