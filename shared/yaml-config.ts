// Configuration files: YAML checked by a schema, every problem with the line and key where it stands.
import { isMap, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { ConfigError, type ConfigProblem } from './errors.ts';

/** Where a setting stands: names of keys and numbers of list entries, outermost first. */
export type KeyPath = readonly PropertyKey[];

/** A checked configuration, and how to speak of its keys. */
export type YamlConfig<T> = {
  readonly value: T;
  /** A problem at this key, with its line where the file has the key or a parent of it. */
  readonly problem: (path: KeyPath, message: string) => ConfigProblem;
  /** The error that carries these problems. */
  readonly fail: (problems: readonly ConfigProblem[]) => ConfigError;
};

/** Configuration files are small; in a larger one, aliases and nesting could cost more than it is worth. */
const maxLength = 1024 * 1024;

/** `profiles.default.providers[0]`. */
function keyText(path: KeyPath): string {
  return path
    .map((part, i) =>
      typeof part === 'number' ? `[${part}]` : `${i === 0 ? '' : '.'}${String(part)}`,
    )
    .join('');
}

/** Where the key or entry at `path` begins, or the nearest thing around it that is there. */
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
    if ((isScalar(node) || isMap(node)) && node.range) return node.range[0];
  }
  return undefined;
}

/** One problem for each unknown key, at that key; any other issue where it is. */
function placesOf(issue: z.core.$ZodIssue): { path: KeyPath; message: string }[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'unknown key' }));
  return [{ path: issue.path, message: issue.message }];
}

/**
 * Checks the text of a YAML file against a schema.
 * @throws ConfigError ERR_CONFIG_INVALID with every problem, each with line and key
 */
export function parseYamlConfig<S extends z.ZodType>(
  text: string,
  schema: S,
  fileName: string,
): YamlConfig<z.infer<S>> {
  const fail = (problems: readonly ConfigProblem[]): ConfigError => {
    const sentences = problems.map(
      ({ key, line, message }) =>
        `${fileName}${line === undefined ? '' : `:${line}`}: ${key === '' ? '' : `${key}: `}${message}`,
    );
    return new ConfigError('ERR_CONFIG_INVALID', sentences.join('\n'), { problems });
  };
  if (text.length > maxLength)
    throw fail([{ key: '', message: `longer than ${maxLength} characters` }]);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const notation = [...document.errors, ...document.warnings].map(({ pos, message }) => ({
    key: '',
    line: lines.linePos(pos[0]).line,
    message,
  }));
  if (notation.length > 0) throw fail(notation);
  const problem = (path: KeyPath, message: string): ConfigProblem => {
    const offset = offsetOf(document, path);
    const line = offset === undefined ? undefined : lines.linePos(offset).line;
    return { key: keyText(path), line, message };
  };
  // Aliases are bounded: a few lines could otherwise expand without end.
  const result = schema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (!result.success)
    throw fail(
      result.error.issues.flatMap(placesOf).map(({ path, message }) => problem(path, message)),
    );
  return { value: result.data, problem, fail };
}
