// libxml2 as judge of canonical forms. It sees the same text as our parser.
import { type C14NOptions, XmlC14NMode, XmlDocument, XmlElement } from 'libxml2-wasm';
import type { CanonicalMethod } from '#shared/xml/canonicalize.ts';

const modes = {
  '1.0': XmlC14NMode.XML_C14N_1_0,
  '1.1': XmlC14NMode.XML_C14N_1_1,
  exclusive: XmlC14NMode.XML_C14N_EXCLUSIVE_1_0,
} as const;

/** Child element indexes from the root down. */
export type ElementPath = readonly number[];

function elementAt(document: XmlDocument, path: ElementPath): XmlElement {
  let at = document.root;
  for (const index of path) {
    let child = at.firstChild;
    for (let left = index; child; child = child.next) {
      if (child instanceof XmlElement && left-- === 0) break;
    }
    if (!(child instanceof XmlElement)) throw new Error('no such element');
    at = child;
  }
  return at;
}

function optionsOf({ edition, comments, inclusivePrefixes = [] }: CanonicalMethod): C14NOptions {
  return {
    mode: modes[edition],
    withComments: comments,
    ...(inclusivePrefixes.length > 0 && {
      inclusiveNamespacePrefixes: inclusivePrefixes.map((prefix) => prefix || '#default'),
    }),
  };
}

/** What libxml2 writes; `path`: of this element alone, `without`: all but this element. */
export function canonicalizeWithLibxml2(
  text: string,
  method: CanonicalMethod,
  path?: ElementPath,
  without?: ElementPath,
): string {
  const document = XmlDocument.fromString(text);
  try {
    const left = without && elementAt(document, without);
    const options = optionsOf(method);
    left?.remove();
    return path
      ? elementAt(document, path).canonicalizeToString(options)
      : document.canonicalizeToString(options);
  } finally {
    document.dispose();
  }
}

/** The canonical form of the first element that an XPath finds. */
export function canonicalizeFound(text: string, xpath: string, method: CanonicalMethod): Buffer {
  const document = XmlDocument.fromString(text);
  try {
    const found = document.get(xpath);
    if (!(found instanceof XmlElement)) throw new Error(`nothing at ${xpath}`);
    return Buffer.from(found.canonicalizeToString(optionsOf(method)));
  } finally {
    document.dispose();
  }
}
