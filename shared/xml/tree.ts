// The tree of an XML document with namespaces resolved and the place of every node, and the small
// questions asked of it. Namespaces in XML 1.0.

export type XmlAttribute = {
  /** As written, prefix included. */
  readonly name: string;
  readonly localName: string;
  /** Empty for an attribute without prefix. */
  readonly namespace: string;
  readonly value: string;
};

export type XmlElement = {
  readonly kind: 'element';
  /** As written, prefix included. */
  readonly name: string;
  readonly localName: string;
  readonly namespace: string;
  readonly attributes: readonly XmlAttribute[];
  /** Declarations on this element: prefix (empty: default) to namespace (empty: undeclared). */
  readonly namespaces: ReadonlyMap<string, string>;
  readonly children: readonly XmlNode[];
  readonly parent: XmlElement | undefined;
  /** Index of `<` of the start tag in the text. */
  readonly start: number;
  /** Index after the end tag. */
  readonly end: number;
};

export type XmlNode =
  | XmlElement
  | { readonly kind: 'text'; readonly value: string; readonly start: number; readonly end: number }
  | {
      readonly kind: 'comment';
      readonly value: string;
      readonly start: number;
      readonly end: number;
    }
  | {
      readonly kind: 'processing-instruction';
      readonly target: string;
      readonly value: string;
      readonly start: number;
      readonly end: number;
    };

export type XmlDocument = {
  readonly text: string;
  readonly encoding: string;
  readonly root: XmlElement;
  /** Comments and processing instructions around the root. */
  readonly prolog: readonly XmlNode[];
  readonly epilog: readonly XmlNode[];
  readonly octetOffset: (index: number) => number;
};

/** Child elements, in order. */
export function childElements(parent: XmlElement): XmlElement[] {
  return parent.children.filter((node) => node.kind === 'element');
}

/** Whether the element has this name in one of these namespaces. */
export function isElement(
  element: XmlElement | undefined,
  namespaces: string | readonly string[],
  localName: string,
): element is XmlElement {
  return (
    element?.localName === localName &&
    (typeof namespaces === 'string'
      ? element.namespace === namespaces
      : namespaces.includes(element.namespace))
  );
}

/** Children of this name. */
export function childrenNamed(
  parent: XmlElement | undefined,
  namespaces: string | readonly string[],
  localName: string,
): XmlElement[] {
  return parent
    ? childElements(parent).filter((child) => isElement(child, namespaces, localName))
    : [];
}

/** First child of this name. */
export function childNamed(
  parent: XmlElement | undefined,
  namespaces: string | readonly string[],
  localName: string,
): XmlElement | undefined {
  return childrenNamed(parent, namespaces, localName)[0];
}

/** The element and all below it in document order. Iterative. */
export function* walkElements(root: XmlElement): Generator<XmlElement> {
  const pending = [root];
  for (let element = pending.pop(); element; element = pending.pop()) {
    yield element;
    pending.push(...childElements(element).reverse());
  }
}

/** Text directly inside, comments left out; `undefined` where there are elements or comments among it. */
export function textOf(element: XmlElement | undefined): string | undefined {
  if (!element) return undefined;
  // A comment inside a value splits it for some readers and not for others: no value at all.
  if (element.children.some(({ kind }) => kind !== 'text')) return undefined;
  return element.children.map((node) => (node.kind === 'text' ? node.value : '')).join('');
}

/** Value of an attribute without namespace. */
export function attributeOf(element: XmlElement | undefined, name: string): string | undefined {
  return element?.attributes.find(
    (attribute) => attribute.namespace === '' && attribute.localName === name,
  )?.value;
}
