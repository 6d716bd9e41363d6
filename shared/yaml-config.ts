// Configuration files: YAML checked by a schema, every problem with the line and key where it stands.
import { LineCounter, parseDocument, type Document } from 'yaml';
import type { z } from 'zod';
import { ConfigError, type ConfigProblem } from './errors.ts';

type Key = readonly PropertyKey[];

/** A checked configuration, and how to speak of its keys. */
export type YamlConfig<T> = {
  readonly value: T;
  /** A problem at this key, with its line where the file has the key or a parent of it. */
  readonly problem: (key: Key, message: string) => ConfigProblem;
  /** The error that carries these problems. */
  readonly fail: (problems: readonly ConfigProblem[]) => ConfigError;
};

/** Configuration files are small; a larger one is a mistake. */
const maxLength = 1024 * 1024;

function keyText(key: Key): string {
  return key.reduce<string>(
    (text, part) =>
      typeof part === 'number'
        ? `${text}[${part}]`
        : text === ''
          ? String(part)
          : `${text}.${String(part)}`,
    '',
  );
}

function lineOf(document: Document, lines: LineCounter, key: Key): number | undefined {
  for (let length = key.length; length >= 0; length--) {
    const node: unknown = document.getIn(key.slice(0, length), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range)) {
      const [start] = node.range as unknown[];
      if (typeof start === 'number') return lines.linePos(start).line;
    }
  }
  return undefined;
}

function describe(problem: ConfigProblem): string {
  const where = problem.line === undefined ? '' : `line ${problem.line}: `;
  return `${where}${problem.key === '' ? '' : `${problem.key}: `}${problem.message}`;
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
  const fail = (problems: readonly ConfigProblem[]): ConfigError =>
    new ConfigError('ERR_CONFIG_INVALID', `${fileName}: ${problems.map(describe).join('; ')}`, {
      problems,
    });
  if (text.length > maxLength)
    throw fail([{ key: '', message: `longer than ${maxLength} characters` }]);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
  });
  if (document.errors.length > 0) {
    throw fail(
      document.errors.map((error) => ({
        key: '',
        line: lines.linePos(error.pos[0]).line,
        message: error.message,
      })),
    );
  }
  // Aliases are bounded: a few lines could otherwise expand without end.
  const result = schema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  const problem = (key: Key, message: string): ConfigProblem => ({
    key: keyText(key),
    line: lineOf(document, lines, key),
    message,
  });
  if (!result.success) {
    throw fail(
      result.error.issues.map((issue) => {
        const unknown = issue.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
        return problem(
          unknown === undefined ? issue.path : [...issue.path, unknown],
          issue.message,
        );
      }),
    );
  }
  return { value: result.data, problem, fail };
}
