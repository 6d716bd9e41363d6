// Writes docs/configuration.md from the schemas that check configuration files and from the bundled data:
// `npm run docs`. A test holds that the file is current and that every key says what it means.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { archiverSettings } from '#archiver/config-schema.ts';
import { bundledPolicies, bundledPresets } from '#shared/policy/bundled.ts';
import { tsaConfigSchema } from '#tsa/config/config-schema.ts';

export const referenceFile = path.join(import.meta.dirname, 'configuration.md');

/** What is used of JSON Schema. */
type Schema = {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | false;
};

/** A line of the reference: one key that takes a value. */
export type ReferenceRow = {
  readonly key: string;
  readonly type: string;
  /** As it would stand in the file; absent: the key has to be there, or nothing stands for it. */
  readonly default: string | undefined;
  readonly required: boolean;
  readonly meaning: string | undefined;
};

function rangeOf({ minimum, maximum, exclusiveMinimum }: Schema): string {
  // Zod bounds every whole number by what is exact.
  const top = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  const bottom = minimum === Number.MIN_SAFE_INTEGER ? undefined : minimum;
  if (bottom !== undefined && top !== undefined) return ` from ${bottom} to ${top}`;
  if (exclusiveMinimum !== undefined)
    return ` above ${exclusiveMinimum}${top === undefined ? '' : `, up to ${top}`}`;
  return bottom === undefined ? '' : ` from ${bottom}`;
}

function typeOf(schema: Schema): string {
  if (schema.enum) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  switch (schema.type) {
    case 'array':
      return `list of ${schema.items ? typeOf(schema.items) : 'values'}`;
    case 'integer':
      return `whole number${rangeOf(schema)}`;
    case 'number':
      return `number${rangeOf(schema)}`;
    case 'boolean':
      return '`true`, `false`';
    case 'object':
      return 'keys with text';
    default:
      return schema.format === 'uri' ? 'address' : schema.format === 'date' ? 'date' : 'text';
  }
}

function defaultOf({ default: value }: Schema): string | undefined {
  if (value === undefined || value === '') return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** The key that tells alternatives apart, such as `kind: s3`. */
function variantOf(schema: Schema): string {
  const [name, { const: value } = {}] =
    Object.entries(schema.properties ?? {}).find(([, property]) => property.const !== undefined) ??
    [];
  return name === undefined ? '' : `${name}: ${String(value)}`;
}

function rowsOf(schema: Schema, key: string, required: boolean): readonly ReferenceRow[] {
  if (schema.oneOf)
    return schema.oneOf.flatMap((variant) =>
      rowsOf(variant, `${key} (${variantOf(variant)})`, true),
    );
  if (schema.properties) {
    const base = key === '' ? '' : `${key}.`;
    return Object.entries(schema.properties)
      .filter(([, property]) => property.const === undefined)
      .flatMap(([name, property]) =>
        rowsOf(property, `${base}${name}`, schema.required?.includes(name) ?? false),
      );
  }
  const { items, additionalProperties: named } = schema;
  if (items?.properties ?? items?.oneOf) return rowsOf(items ?? {}, `${key}[]`, required);
  if (named && (named.properties ?? named.oneOf)) return rowsOf(named, `${key}.NAME`, required);
  return [
    {
      key,
      type: typeOf(schema),
      default: defaultOf(schema),
      required: required && schema.default === undefined,
      meaning: schema.description,
    },
  ];
}

/** Every key of a configuration file, in the order of its schema. */
export function referenceRows(schema: z.ZodType): readonly ReferenceRow[] {
  // A schema of Zod's is JSON, whose shape is known from what it was made of.
  return rowsOf(z.toJSONSchema(schema, { io: 'input' }) as Schema, '', false);
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function keyTable(schema: z.ZodType): string {
  return table(
    ['key', 'takes', 'default', 'meaning'],
    referenceRows(schema).map((row) => [
      `\`${row.key}\``,
      row.type,
      row.required ? 'required' : row.default === undefined ? 'none' : `\`${row.default}\``,
      row.meaning ?? '',
    ]),
  );
}

/** docs/configuration.md as it has to be. */
export function buildReference(): string {
  return `# Configuration

Made by \`npm run docs\` from the schemas that check the files; do not edit. Both programs read YAML, refuse unknown keys
and name every problem with line and key. Relative paths count from the file's folder; secrets are named by file.
\`stores[]\` is each entry of a list, \`NAME\` a name that you choose; a key after \`(kind: s3)\` is for that kind alone.

## The archiver

\`tokiwa run --config tokiwa.yaml\`; \`npm start\` writes one to \`state/tokiwa.yaml\`.

${keyTable(archiverSettings)}

## The timestamp proxy

\`tokiwa tsa serve --config tsa.yaml\`. What it does with these: [tsa.md](tsa.md).

${keyTable(tsaConfigSchema)}

## Algorithm policies

For \`algorithms.profile\` and \`algorithmPolicy\`. The earliest end among a profile's policies counts.

${table(
  ['profile', 'policies', 'their rules for'],
  bundledPolicies.profiles.map(({ id, policies, uses }) => [
    `\`${id}\`${id === bundledPolicies.defaultProfile ? ' (default)' : ''}`,
    policies.map((policy) => `\`${policy}\``).join(', '),
    uses === 'new' ? 'new signatures' : 'verifying',
  ]),
)}

## Retention presets

For \`retention.rules[].preset\`, \`tokiwa retention set\` and sidecars. The sources of each stand in
\`shared/policy/data/retention-presets.json\`.

${table(
  ['preset', 'records', '記録', '根拠'],
  bundledPresets.presets.map(({ id, title, basis }) => [
    `\`${id}\``,
    title.en,
    title.ja,
    basis.map(({ law, article }) => `${law}${article}`).join('、'),
  ]),
)}
`;
}

if (import.meta.main) await writeFile(referenceFile, buildReference());
