// The project's own source files as facts for tests about its structure: what each imports, and which
// ambient sources of time, chance, environment and output it touches. Read from the syntax tree, so
// that comments and texts do not count.
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** The project's folder. */
export const projectRoot = path.dirname(import.meta.dirname);

/** One import, re-export or `import()` of a source file. */
export type SourceImport = {
  /** A path from the project's folder for own files, else the specifier: `node:fs`, `zod`. */
  readonly target: string;
  /** Own files of the project, Node's built-in modules, packages; `computed`: no literal to read. */
  readonly kind: 'own' | 'built-in' | 'package' | 'computed';
  /** Nothing of it is left when types are stripped. */
  readonly typeOnly: boolean;
  /** What a plain `import { … }` names; empty for every other form. */
  readonly names: readonly string[];
};

export type SourceFile = {
  /** From the project's folder, with `/`. */
  readonly path: string;
  readonly imports: readonly SourceImport[];
  /** Such as `Date.now`, in order of appearance. */
  readonly ambient: readonly string[];
};

const rooms = new Map([
  ['#shared/', 'shared/'],
  ['#tsa/', 'tsa/'],
  ['#archiver/', 'archiver/'],
]);

/** Members of ambient objects that bring in time, chance, environment or output; `*`: every member. */
const ambientMembers: ReadonlyMap<string, readonly string[]> = new Map([
  ['Temporal', ['Now']],
  ['Date', ['now']],
  ['Math', ['random']],
  ['performance', ['now', 'timeOrigin']],
  ['process', ['env', 'argv', 'hrtime', 'stdin', 'stdout', 'stderr', 'exit', 'exitCode', 'cwd']],
  ['console', ['*']],
  ['crypto', ['*']],
]);

function resolve(from: string, specifier: string): Pick<SourceImport, 'target' | 'kind'> {
  if (specifier.startsWith('.'))
    return { kind: 'own', target: path.posix.join(path.posix.dirname(from), specifier) };
  for (const [prefix, folder] of rooms)
    if (specifier.startsWith(prefix))
      return { kind: 'own', target: folder + specifier.slice(prefix.length) };
  if (specifier.startsWith('node:')) return { kind: 'built-in', target: specifier };
  const [scope = '', name = ''] = specifier.split('/');
  return { kind: 'package', target: specifier.startsWith('@') ? `${scope}/${name}` : scope };
}

function namesOf(node: ts.Node): readonly string[] {
  if (!ts.isImportDeclaration(node)) return [];
  const bindings = node.importClause?.namedBindings;
  if (!bindings || !ts.isNamedImports(bindings)) return [];
  return bindings.elements.map(({ name, propertyName }) => (propertyName ?? name).text);
}

/** An import clause without a single value: `import type …` or `import { type … }`. */
function bringsTypesOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  return (
    !clause.name &&
    bindings !== undefined &&
    ts.isNamedImports(bindings) &&
    bindings.elements.length > 0 &&
    bindings.elements.every(({ isTypeOnly }) => isTypeOnly)
  );
}

function ambientName(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && ts.isIdentifier(node.expression)) {
    const members = ambientMembers.get(node.expression.text);
    if (members?.includes(node.name.text) || members?.includes('*'))
      return `${node.expression.text}.${node.name.text}`;
  }
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression))
    if (node.expression.text === 'Date' && (node.arguments?.length ?? 0) === 0) return 'new Date()';
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression))
    if (node.expression.text === 'fetch') return 'fetch()';
  return undefined;
}

/** The facts of one file's text; `file` is its path from the project's folder. */
export function readSource(file: string, text: string): SourceFile {
  const imports: SourceImport[] = [];
  const ambient: string[] = [];
  const add = (node: ts.Node, specifier: ts.Node | undefined, typeOnly: boolean): void => {
    const target =
      specifier && ts.isStringLiteral(specifier)
        ? resolve(file, specifier.text)
        : ({ kind: 'computed', target: '?' } as const);
    imports.push({ ...target, typeOnly, names: namesOf(node) });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node, node.moduleSpecifier, bringsTypesOnly(node));
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier)
      add(node, node.moduleSpecifier, bringsTypesOnly(node));
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node, node.arguments[0], false);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node, node.argument.literal, true);
    const name = ambientName(node);
    if (name !== undefined) ambient.push(name);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ESNext));
  return { path: file, imports, ambient };
}

/** Every TypeScript file of the project, sorted by path. */
export function readSources(): readonly SourceFile[] {
  const patterns = ['*.ts', '{shared,tsa,archiver,test,bench,docs}/**/*.ts'];
  return globSync(patterns, { cwd: projectRoot })
    .map((file) => file.split(path.sep).join('/'))
    .toSorted()
    .map((file) => readSource(file, readFileSync(path.join(projectRoot, file), 'utf8')));
}
