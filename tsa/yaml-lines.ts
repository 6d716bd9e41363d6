// Where a setting stands in its YAML file: from a path of keys to a line, and from text to values with every
// problem of the notation itself.
import { isMap, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import type { ConfigProblem } from '#shared/errors.ts';

export type KeyPath = readonly PropertyKey[];

/** A read file: its values, or what is wrong with its notation. */
export type YamlFile = {
  readonly value: unknown;
  readonly problems: readonly ConfigProblem[];
  /** Line, from 1, of the key or item at `path`, or of the nearest thing around it that is there. */
  readonly lineOf: (path: KeyPath) => number | undefined;
};

/** Above it, aliases and nesting could cost more than any configuration is worth. */
const maxFileLength = 1024 * 1024;

/** `profiles.default.providers[0]`. */
export function keyText(path: KeyPath): string {
  return path
    .map((part, i) =>
      typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`,
    )
    .join('');
}

function offsetOf(document: Document, path: KeyPath): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent: unknown =
      length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true);
    const last = path[length - 1];
    if (isMap(parent)) {
      // The key's own place: a value may begin lines below it.
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === last);
      if (isScalar(pair?.key) && pair.key.range) return pair.key.range[0];
    }
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isScalar(node) && node.range) return node.range[0];
    if (isMap(node) && node.range) return node.range[0];
  }
  return undefined;
}

/** Reads YAML 1.2; values come out as plain objects even where `problems` is not empty. */
export function parseYamlFile(text: string): YamlFile {
  if (text.length > maxFileLength) {
    const message = `larger than ${maxFileLength} characters`;
    return { value: undefined, problems: [{ key: '', message }], lineOf: () => undefined };
  }
  const lineCounter = new LineCounter();
  const document = parseDocument(text, { lineCounter, prettyErrors: false });
  const problems = [...document.errors, ...document.warnings].map((error) => ({
    key: '',
    line: lineCounter.linePos(error.pos[0]).line,
    message: error.message,
  }));
  if (problems.length > 0) return { value: undefined, problems, lineOf: () => undefined };
  return {
    value: document.toJS({ maxAliasCount: 100 }),
    problems,
    lineOf: (path) => {
      const offset = offsetOf(document, path);
      return offset === undefined ? undefined : lineCounter.linePos(offset).line;
    },
  };
}
