// The verdict of a pack for people, as one PDF/A a language: the tree of verdicts with their sentences,
// and the same as data in an attachment.
import type { VerdictNode } from '#shared/validation/verdict.ts';
import type { Typefaces } from '../pdf/fonts.ts';
import { openPaper, type PaperItem } from '../pdf/paper.ts';

export type PackVerdict = {
  readonly key: string;
  readonly at: string;
  readonly archiveId: string;
  /** Absent: the evidence has no known end. */
  readonly provableUntil: string | undefined;
  readonly endedBy: string | undefined;
  /** The document, then what is attached to it. */
  readonly trees: readonly VerdictNode[];
};

const words = {
  en: {
    title: 'Evidence pack',
    at: 'Judged as of',
    until: 'Verifiable until',
    noEnd: 'no known end',
    by: 'Ended by',
    verdict: 'Verdict',
    archive: 'Archive',
    check: 'Anyone can check this without Tokiwa: sh verify.sh, with OpenSSL and no network.',
  },
  ja: {
    title: '証拠パック',
    at: '検証の基準時刻',
    until: '検証できる期限',
    noEnd: '期限は分かっていません',
    by: '期限を決めるもの',
    verdict: '検証結果',
    archive: 'アーカイブ',
    check:
      'Tokiwa がなくても、OpenSSL だけでネットワークなしに検証できます:sh verify.sh を実行してください。',
  },
} as const;

function itemOf(node: VerdictNode, language: 'en' | 'ja'): PaperItem {
  const { indication, subIndication, name, sentence, findings, children } = node;
  const reason = subIndication === undefined ? '' : ` (${subIndication})`;
  return {
    label: `${indication}${reason} ${name}`,
    lines: [
      sentence[language],
      ...findings.map(({ level, message, clause }) => `${level}: ${message} [${clause}]`),
    ],
    children: children.map((child) => itemOf(child, language)),
  };
}

/** The paper in `language`; `data` is the verdict as JSON. */
export async function verdictPaper(
  verdict: PackVerdict,
  { language, data, typefaces }: { language: 'en' | 'ja'; data: Uint8Array; typefaces: Typefaces },
): Promise<Uint8Array> {
  const text = words[language];
  const { key, at, archiveId, provableUntil, endedBy, trees } = verdict;
  const paper = openPaper({
    title: `${text.title}: ${key}`,
    language,
    at: Temporal.Instant.from(at),
    typefaces,
  });
  paper.heading(1, `${text.title}: ${key}`);
  paper.pairs([
    [text.at, at],
    [text.until, provableUntil ?? text.noEnd],
    ...(endedBy === undefined ? [] : [[text.by, endedBy] as const]),
    [text.archive, archiveId],
  ]);
  paper.paragraph(text.check);
  paper.heading(2, text.verdict);
  paper.items(trees.map((tree) => itemOf(tree, language)));
  return await paper.finish({
    name: 'verdict.json',
    octets: data,
    type: 'application/json',
    description: text.verdict,
  });
}
