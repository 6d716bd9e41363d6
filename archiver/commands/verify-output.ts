// What `tokiwa verify` prints: lines or a tree for people, one JSON object a file for machines, one CSV
// table with a Japanese header for auditors (J-5). Strings only; nothing is judged here.
import type { ProfileCheck } from '#shared/cades/long-term-profile.ts';
import { toHex } from '#shared/bytes.ts';
import { csvLine } from '#shared/csv.ts';
import { printable } from '#shared/printable.ts';
import type { HorizonForecast } from '#shared/validation/horizon-forecast.ts';
import type { JudgedToken } from '#shared/validation/judgement-scope.ts';
import type { LongTermVerdict } from '#shared/validation/long-term.ts';
import type { ProofHorizon } from '#shared/validation/proof-horizon.ts';
import { indicationOf, type Sentence, type VerdictNode } from '#shared/validation/verdict.ts';
import { type SignatureStatements, statementLines } from './verify-statements.ts';

export type Language = keyof Sentence;

/** One file's verdict with what the command worked out beside it. */
export type FileVerdict = LongTermVerdict & {
  readonly file: string;
  /** ISO 14533-1, element by element, for each CAdES signature. */
  readonly profiles: readonly {
    readonly signature: string;
    readonly checks: readonly ProfileCheck[];
  }[];
  readonly statements: readonly SignatureStatements[];
  /** Of each token that the evidence ends with; the latest is the document's. */
  readonly horizons: readonly { readonly token: JudgedToken; readonly forecast: HorizonForecast }[];
  readonly horizon: ProofHorizon | undefined;
  /** The same under what was supposed. */
  readonly supposed: ProofHorizon | undefined;
};

function headline({ indication, subIndication }: VerdictNode): string {
  return subIndication === undefined ? indication : `${indication} (${subIndication})`;
}

function treeLines(node: VerdictNode, language: Language, depth: number): string[] {
  const indent = '  '.repeat(depth);
  return [
    `${indent}${headline(node)} ${node.subject} ${node.name}`,
    `${indent}  ${node.sentence[language]}`,
    ...node.findings.map(
      ({ level, message, check, clause }) =>
        `${indent}  ${level}: ${message} [${check}, ${clause}]`,
    ),
    ...node.children.flatMap((child) => treeLines(child, language, depth + 1)),
  ];
}

const words = {
  en: {
    level: 'level of',
    until: 'verifiable until',
    supposed: 'if that happens, until',
    noEnd: 'no known end',
  },
  ja: {
    level: 'レベル',
    until: '検証できる期限',
    supposed: 'その場合の期限',
    noEnd: '期限は分かっていません',
  },
} as const;

/** The level of each CMS signature by its name in EN 319 122. */
function levelLines({ facts }: FileVerdict, language: Language): readonly string[] {
  return facts.signatures.flatMap(({ id, cadesLevel }) =>
    cadesLevel === undefined ? [] : [`  ${words[language].level} ${id}: ${cadesLevel}`],
  );
}

/** Every element with its level; what is not as the level asks for is marked. */
function profileLines(
  { signature, checks }: FileVerdict['profiles'][number],
  language: Language,
): readonly string[] {
  const { conforms, differs, present, absent, levels } = profileWords[language];
  return checks.flatMap((check) => [
    `  ISO 14533-1 ${check.profile} ${signature}: ${check.conforms ? conforms : differs}`,
    ...check.elements.map(
      ({ name, level, present: isPresent, met }) =>
        `    ${met ? ' ' : '!'} ${name}: ${levels[level]}, ${isPresent ? present : absent}`,
    ),
  ]);
}

const profileWords = {
  en: {
    conforms: 'has every element that the profile asks for',
    differs: 'lacks what is marked',
    present: 'there',
    absent: 'not there',
    levels: {
      mandatory: 'mandatory',
      conditional: 'one of these',
      optional: 'optional',
      prohibited: 'prohibited',
    },
  },
  ja: {
    conforms: 'プロファイルの求める要素がそろっています',
    differs: '印の要素が足りません',
    present: 'あり',
    absent: 'なし',
    levels: {
      mandatory: '必須',
      conditional: 'いずれか必須',
      optional: '任意',
      prohibited: '禁止',
    },
  },
} as const;

function horizonText({ at, element }: ProofHorizon, language: Language): string {
  return at === undefined
    ? words[language].noEnd
    : `${at.toString()} (${element.kind}: ${element.name})`;
}

/** Lines for people: the verdict and its sentence; with `explain` every verdict below it. */
export function renderText(
  verdict: FileVerdict,
  options: { readonly language: Language; readonly explain: boolean },
): string {
  const { tree, file, horizon, supposed } = verdict;
  const { language, explain } = options;
  const decisive = tree.children.find(({ name }) => name === tree.facts['decidedBy']);
  const lines = explain
    ? treeLines(tree, language, 0)
    : [`${headline(tree)} ${file}`, `  ${(decisive ?? tree).sentence[language]}`];
  if (explain) lines.push(...levelLines(verdict, language));
  if (explain) lines.push(...verdict.statements.flatMap((one) => statementLines(one, language)));
  if (explain) lines.push(...verdict.profiles.flatMap((one) => profileLines(one, language)));
  if (horizon) lines.push(`  ${words[language].until}: ${horizonText(horizon, language)}`);
  if (supposed) lines.push(`  ${words[language].supposed}: ${horizonText(supposed, language)}`);
  return `${lines.map(printable).join('\n')}\n`;
}

/** One line of JSON: the tree as it is, the facts, and the horizon. */
export function renderJson(verdict: FileVerdict): string {
  const { file, tree, facts, horizon, supposed, horizons } = verdict;
  const { status, indication, subIndication, sentence } = tree;
  const line = {
    file,
    format: facts.format,
    level: facts.level,
    cadesLevels: facts.signatures.flatMap(({ id, cadesLevel }) =>
      cadesLevel === undefined ? [] : [{ signature: id, level: cadesLevel }],
    ),
    status,
    indication,
    subIndication,
    sentence,
    horizon,
    supposed,
    horizons: horizons.map(({ token, forecast }) => ({ token: token.name, ...forecast })),
    tree,
    profiles: verdict.profiles,
    statements: verdict.statements,
    problems: facts.problems,
  };
  return `${JSON.stringify(line)}\n`;
}

const columns = [
  'ファイル',
  '文書の判定',
  '理由',
  'タイムスタンプ',
  '判定',
  '提供者',
  'シリアル番号',
  '時刻(genTime)',
  '検証できる期限',
  'ダイジェスト',
  '時刻時点の認定',
] as const;

function tokenCells(
  verdict: FileVerdict,
  judged: JudgedToken,
  accredited: (judged: JudgedToken) => string,
): readonly string[] {
  const { token, judgement, name } = judged;
  const { tstInfo } = token;
  const { algorithm, hashAlgorithm, hashedMessage } = tstInfo.messageImprint;
  const horizon = verdict.horizons.find((one) => one.token === judged)?.forecast.now;
  return [
    name,
    indicationOf('timestamp', judgement.status),
    judgement.signer?.subject.text ?? '',
    tstInfo.serialNumber.toString(16),
    tstInfo.genTime.toString(),
    (horizon?.at ?? judgement.notAfter)?.toString() ?? '',
    `${algorithm ?? hashAlgorithm.oid}:${toHex(hashedMessage)}`,
    accredited(judged),
  ];
}

/** The header of the table, with the mark by which spreadsheets know UTF-8. */
export const csvHeader = `\uFEFF${csvLine(columns)}`;

/** Whom nothing here vouches for. */
function notShown(): string {
  return '未確認';
}

/**
 * One row for each timestamp; one without for a file that has none. `accredited`: who counted as accredited at
 * genTime, where a configuration says.
 */
export function renderCsv(
  verdict: FileVerdict,
  accredited: (judged: JudgedToken) => string = notShown,
): string {
  const { file, tree, tokens } = verdict;
  const start = [file, tree.indication, tree.subIndication ?? ''];
  const rows =
    tokens.length > 0
      ? tokens.map((judged) => [...start, ...tokenCells(verdict, judged, accredited)])
      : [[...start, ...columns.slice(start.length).map(() => '')]];
  return rows.map(csvLine).join('');
}
