// XML 1.0 with namespaces to a tree, with limits on depth, width and size. No document type
// declaration is accepted, so there are no entities but the five and nothing is ever fetched.
// Iterative. Well-formedness is checked in full.
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import { type DecodedXml, decodeXml, xmlError } from '#shared/xml/decode.ts';
import type { XmlAttribute, XmlDocument, XmlElement, XmlNode } from '#shared/xml/tree.ts';

export type XmlLimits = {
  readonly maxOctets: number;
  readonly maxDepth: number;
  /** Elements, texts, comments and processing instructions together. */
  readonly maxNodes: number;
  /** Attributes and namespace declarations of one element. */
  readonly maxAttributes: number;
};

export const defaultXmlLimits: XmlLimits = {
  maxOctets: 64 * 1024 * 1024,
  maxDepth: 200,
  maxNodes: 400_000,
  maxAttributes: 500,
};

const xmlNamespace = 'http://www.w3.org/XML/1998/namespace';
const xmlnsNamespace = 'http://www.w3.org/2000/xmlns/';

/** XML 1.0 §2.2 [2] Char, turned round. */
const noChar = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u;
/** §2.3 [4], [4a] without the colon, sticky. */
const nameStart =
  'A-Z_a-z\\u{c0}-\\u{d6}\\u{d8}-\\u{f6}\\u{f8}-\\u{2ff}\\u{370}-\\u{37d}\\u{37f}-\\u{1fff}\\u{200c}-\\u{200d}\\u{2070}-\\u{218f}\\u{2c00}-\\u{2fef}\\u{3001}-\\u{d7ff}\\u{f900}-\\u{fdcf}\\u{fdf0}-\\u{fffd}\\u{10000}-\\u{effff}';
const ncName = `[${nameStart}][\\u{300}-\\u{36f}\\u{203f}\\u{2040}.0-9\\u{b7}${nameStart}-]{0,1000}`;
const qualifiedName = new RegExp(`(?:(${ncName}):)?(${ncName})`, 'uy');
const whiteSpace = /[ \t\r\n]*/y;
const entities: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['apos', "'"],
  ['quot', '"'],
]);

/** An element while its children are being read. */
type OpenElement = {
  -readonly [Key in keyof XmlElement]: XmlElement[Key];
} & { readonly children: XmlNode[] };

type Name = { readonly name: string; readonly prefix: string; readonly localName: string };

type RawAttribute = Name & { readonly value: string; readonly at: number };

const noNamespaces: ReadonlyMap<string, string> = new Map();
const noAttributes: readonly XmlAttribute[] = [];

function isDeclaration({ prefix, localName }: Pick<Name, 'prefix' | 'localName'>): boolean {
  return prefix === 'xmlns' || (prefix === '' && localName === 'xmlns');
}

/** One run over one document: where it stands, what is open, which prefixes are in scope. */
class XmlParser {
  readonly #decoded: DecodedXml;
  readonly #text: string;
  readonly #limits: XmlLimits;
  readonly #open: OpenElement[] = [];
  /** Namespace in scope by prefix, the innermost last. */
  readonly #scopes: ReadonlyMap<string, string>[] = [
    new Map([
      ['', ''],
      ['xml', xmlNamespace],
      ['xmlns', xmlnsNamespace],
    ]),
  ];
  readonly #prolog: XmlNode[] = [];
  readonly #epilog: XmlNode[] = [];
  #root: XmlElement | undefined;
  #at = 0;
  #nodes = 0;

  constructor(decoded: DecodedXml, limits: XmlLimits) {
    this.#decoded = decoded;
    this.#text = decoded.text;
    this.#limits = limits;
  }

  parse(): XmlDocument {
    const forbidden = noChar.exec(this.#text);
    if (forbidden) throw this.#error('character that XML does not allow', forbidden.index);
    this.#readDeclaration();
    while (this.#at < this.#text.length) this.#readNode();
    const unclosed = this.#open.at(-1);
    if (unclosed) throw this.#error(`element ${unclosed.name} is not closed`, unclosed.start);
    if (!this.#root) throw this.#error('no root element', this.#text.length);
    return {
      text: this.#text,
      encoding: this.#decoded.encoding,
      root: this.#root,
      prolog: this.#prolog,
      epilog: this.#epilog,
      octetOffset: this.#decoded.octetOffset,
    };
  }

  #error(message: string, index = this.#at): FormatError {
    return xmlError(message, this.#decoded.octetOffset(index));
  }

  #limit(message: string): FormatError {
    return new FormatError('ERR_FORMAT_LIMIT', message, {
      offset: this.#decoded.octetOffset(this.#at),
    });
  }

  #readDeclaration(): void {
    if (!/^<\?xml[ \t\r\n]/.test(this.#text)) return;
    const end = this.#text.indexOf('?>');
    const pattern =
      /^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(["'])(1\.\d+)\1(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(["'])[A-Za-z][A-Za-z0-9._-]*\3)?(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(["'])(?:yes|no)\4)?[ \t\r\n]*\?>$/;
    const match = pattern.exec(this.#text.slice(0, Math.min(end + 2, 500)));
    if (end < 0 || !match) throw this.#error('malformed XML declaration', 0);
    if (match[2] !== '1.0')
      throw new UnsupportedError('ERR_UNSUPPORTED_VERSION', `XML ${match[2] ?? ''} is not read`, {
        feature: `XML ${match[2] ?? ''}`,
      });
    this.#at = end + 2;
  }

  #readNode(): void {
    const start = this.#at;
    if (this.#text[start] !== '<') {
      this.#readText();
    } else if (this.#text.startsWith('<!--', start)) {
      const end = this.#find('-->', start + 4, 'comment');
      const value = this.#text.slice(start + 4, end);
      if (value.includes('--') || value.endsWith('-'))
        throw this.#error('"--" inside a comment', start);
      this.#add({ kind: 'comment', value: normalizeLines(value), start, end: end + 3 });
      this.#at = end + 3;
    } else if (this.#text.startsWith('<![CDATA[', start)) {
      if (this.#open.length === 0) throw this.#error('CDATA outside of the root element');
      const end = this.#find(']]>', start + 9, 'CDATA section');
      this.#addText(normalizeLines(this.#text.slice(start + 9, end)), start, end + 3);
      this.#at = end + 3;
    } else if (this.#text.startsWith('<?', start)) {
      this.#readProcessingInstruction();
    } else if (this.#text.startsWith('<!', start)) {
      // A document type brings entities and external files: refused, whatever it says.
      if (this.#text.startsWith('<!DOCTYPE', start))
        throw new UnsupportedError(
          'ERR_UNSUPPORTED_FEATURE',
          `document type declaration at octet ${this.#decoded.octetOffset(start)}`,
          { feature: 'DOCTYPE' },
        );
      throw this.#error('markup declaration');
    } else if (this.#text[start + 1] === '/') {
      this.#readEndTag();
    } else {
      this.#readStartTag();
    }
  }

  #find(text: string, from: number, what: string): number {
    const end = this.#text.indexOf(text, from);
    if (end < 0) throw this.#error(`${what} does not end`);
    return end;
  }

  #count(): void {
    if (++this.#nodes > this.#limits.maxNodes)
      throw this.#limit(`more than ${this.#limits.maxNodes} nodes`);
  }

  #add(node: XmlNode): void {
    this.#count();
    const parent = this.#open.at(-1);
    (parent ? parent.children : this.#root ? this.#epilog : this.#prolog).push(node);
  }

  /** Adjacent text and CDATA are one text. */
  #addText(value: string, start: number, end: number): void {
    const siblings = this.#open.at(-1)?.children ?? [];
    const last = siblings.at(-1);
    if (last?.kind === 'text') {
      siblings[siblings.length - 1] = { ...last, value: last.value + value, end };
      return;
    }
    this.#add({ kind: 'text', value, start, end });
  }

  #readText(): void {
    const start = this.#at;
    const next = this.#text.indexOf('<', start);
    const end = next < 0 ? this.#text.length : next;
    const raw = this.#text.slice(start, end);
    if (this.#open.length === 0) {
      if (!/^[ \t\r\n]*$/.test(raw)) throw this.#error('text outside of the root element');
    } else {
      if (raw.includes(']]>')) throw this.#error('"]]>" in text');
      this.#addText(this.#expand(normalizeLines(raw), start), start, end);
    }
    this.#at = end;
  }

  #readProcessingInstruction(): void {
    const start = this.#at;
    const end = this.#find('?>', start + 2, 'processing instruction');
    this.#at = start + 2;
    const target = this.#readName();
    if (target.prefix !== '' || /^xml$/i.test(target.name))
      throw this.#error('XML declaration or reserved target in the document', start);
    const rest = this.#text.slice(this.#at, end);
    if (rest !== '' && !/^[ \t\r\n]/.test(rest))
      throw this.#error('white space expected after the target');
    this.#add({
      kind: 'processing-instruction',
      target: target.name,
      value: normalizeLines(rest.replace(/^[ \t\r\n]+/, '')),
      start,
      end: end + 2,
    });
    this.#at = end + 2;
  }

  #readName(): Name {
    qualifiedName.lastIndex = this.#at;
    const match = qualifiedName.exec(this.#text);
    if (!match) throw this.#error('name expected');
    const [name, prefix = '', localName = ''] = match;
    this.#at += name.length;
    return { name, prefix, localName };
  }

  #skipSpace(): boolean {
    whiteSpace.lastIndex = this.#at;
    const length = whiteSpace.exec(this.#text)?.[0].length ?? 0;
    this.#at += length;
    return length > 0;
  }

  /** References to characters and the five entities. @throws FormatError for any other entity */
  #expand(text: string, index: number): string {
    if (!text.includes('&')) return text;
    return text.replace(
      /&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|([^;&\s]{1,100}))?(;)?/g,
      (reference: string, decimal: string | undefined, hex: string | undefined, name, end) => {
        if (end === undefined) throw this.#error('"&" that begins no reference', index);
        if (decimal !== undefined || hex !== undefined) {
          const code = decimal !== undefined ? Number(decimal) : parseInt(hex ?? '', 16);
          const character = code <= 0x10ffff ? String.fromCodePoint(code) : '\0';
          if (noChar.test(character))
            throw this.#error('reference to a character that XML does not allow', index);
          return character;
        }
        const value = entities.get(String(name));
        if (value === undefined) throw this.#error(`entity ${reference} is not declared`, index);
        return value;
      },
    );
  }

  #readAttributes(): RawAttribute[] {
    const attributes: RawAttribute[] = [];
    for (;;) {
      const spaced = this.#skipSpace();
      const next = this.#text[this.#at];
      if (next === '>' || next === '/') return attributes;
      if (!spaced) throw this.#error('white space expected before an attribute');
      if (attributes.length >= this.#limits.maxAttributes)
        throw this.#limit(`more than ${this.#limits.maxAttributes} attributes of one element`);
      const at = this.#at;
      const name = this.#readName();
      this.#skipSpace();
      if (this.#text[this.#at] !== '=') throw this.#error('"=" expected');
      this.#at++;
      this.#skipSpace();
      const quote = this.#text[this.#at];
      if (quote !== '"' && quote !== "'") throw this.#error('attribute value in quotes expected');
      const end = this.#find(quote, this.#at + 1, 'attribute value');
      const raw = this.#text.slice(this.#at + 1, end);
      if (raw.includes('<')) throw this.#error('"<" in an attribute value');
      // §3.3.3: white space becomes spaces, save where it is given by reference.
      const value = this.#expand(normalizeLines(raw).replace(/[\t\n]/g, ' '), at);
      attributes.push({ ...name, value, at });
      this.#at = end + 1;
    }
  }

  #readStartTag(): void {
    const start = this.#at;
    if (this.#open.length === 0 && this.#root) throw this.#error('second root element');
    if (this.#open.length >= this.#limits.maxDepth)
      throw this.#limit(`elements nested deeper than ${this.#limits.maxDepth}`);
    this.#count();
    this.#at++;
    const name = this.#readName();
    const raw = this.#readAttributes();
    const namespaces = this.#declare(raw);
    const element: OpenElement = {
      kind: 'element',
      name: name.name,
      localName: name.localName,
      namespace: this.#resolve(name.prefix, start),
      attributes: this.#resolveAttributes(raw),
      namespaces,
      children: [],
      parent: this.#open.at(-1),
      start,
      end: start,
    };
    const selfClosing = this.#text[this.#at] === '/';
    if (selfClosing) this.#at++;
    if (this.#text[this.#at] !== '>') throw this.#error('">" expected');
    this.#at++;
    if (element.parent) this.#open.at(-1)?.children.push(element);
    else this.#root = element;
    this.#open.push(element);
    if (selfClosing) this.#close();
  }

  #readEndTag(): void {
    this.#at += 2;
    const start = this.#at;
    const name = this.#readName();
    this.#skipSpace();
    if (this.#text[this.#at] !== '>') throw this.#error('">" expected');
    this.#at++;
    if (this.#open.at(-1)?.name !== name.name)
      throw this.#error(`end tag of ${name.name} where another element is open`, start);
    this.#close();
  }

  #close(): void {
    const element = this.#open.pop();
    if (!element) return;
    element.end = this.#at;
    if (element.namespaces.size > 0) this.#scopes.pop();
  }

  /** Takes in the declarations of one element and opens a scope if there are any. Namespaces §3. */
  #declare(attributes: readonly RawAttribute[]): ReadonlyMap<string, string> {
    // Most elements declare nothing, and a map for each would be most of what a tree takes.
    if (!attributes.some(isDeclaration)) return noNamespaces;
    const declared = new Map<string, string>();
    for (const { prefix, localName, value, at } of attributes) {
      if (!isDeclaration({ prefix, localName })) continue;
      const bound = prefix === 'xmlns' ? localName : '';
      if (declared.has(bound)) throw this.#error('namespace declared twice', at);
      if ((bound === 'xml') !== (value === xmlNamespace) || bound === 'xmlns')
        throw this.#error('reserved prefix or namespace', at);
      if (value === xmlnsNamespace || (value === '' && bound !== ''))
        throw this.#error('prefix bound to no namespace', at);
      declared.set(bound, value);
    }
    this.#scopes.push(declared);
    return declared;
  }

  #resolve(prefix: string, at: number): string {
    for (let i = this.#scopes.length - 1; i >= 0; i--) {
      const namespace = this.#scopes[i]?.get(prefix);
      if (namespace !== undefined) return namespace;
    }
    throw this.#error(`prefix ${prefix} is not declared`, at);
  }

  #resolveAttributes(raw: readonly RawAttribute[]): readonly XmlAttribute[] {
    if (raw.length === 0) return noAttributes;
    const attributes: XmlAttribute[] = [];
    const seen = new Set<string>();
    for (const { name, prefix, localName, value, at } of raw) {
      if (prefix === 'xmlns' || name === 'xmlns') continue;
      const namespace = prefix === '' ? '' : this.#resolve(prefix, at);
      const key = `${namespace}\n${localName}`;
      if (seen.has(key)) throw this.#error(`attribute ${name} twice`, at);
      seen.add(key);
      attributes.push({ name, localName, namespace, value });
    }
    return attributes;
  }
}

/** §2.11: a line ends with one line feed. */
function normalizeLines(text: string): string {
  return text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text;
}

/**
 * The tree of a document.
 * @throws FormatError ERR_FORMAT_XML: not well-formed; ERR_FORMAT_LIMIT
 * @throws UnsupportedError a document type declaration, XML 1.1, an encoding that is not read
 * @see XML 1.0, Namespaces in XML 1.0
 */
export function parseXml(octets: Uint8Array, limits: XmlLimits = defaultXmlLimits): XmlDocument {
  if (octets.length > limits.maxOctets)
    throw new FormatError('ERR_FORMAT_LIMIT', `document larger than ${limits.maxOctets} octets`);
  return new XmlParser(decodeXml(octets), limits).parse();
}
