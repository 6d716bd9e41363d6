// The verdict of a pack for people, as one HTML file a language: the tree of verdicts with their
// sentences, self-contained and printable. HTML and not PDF: no font of a free licence that has every
// character of Japanese names comes as a package (docs/decisions/evidence-pack.md).
import type { VerdictNode } from '#shared/validation/verdict.ts';
import { foreign, markup, trusted, type Html } from '../reports/html.ts';

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
    by: 'ended by',
    archive: 'Archive',
    check: 'Anyone can check this without Tokiwa: sh verify.sh, with OpenSSL and no network.',
  },
  ja: {
    title: '証拠パック',
    at: '検証の基準時刻',
    until: '検証できる期限',
    noEnd: '期限は分かっていません',
    by: '期限を決めるもの',
    archive: 'アーカイブ',
    check:
      'Tokiwa がなくても、OpenSSL だけでネットワークなしに検証できます:sh verify.sh を実行してください。',
  },
} as const;

const style = `body { font: 16px/1.6 system-ui, "Hiragino Sans", "Yu Gothic UI", "Noto Sans CJK JP", sans-serif;
  max-width: 48rem; margin: 2rem auto; padding: 0 1rem; color: #1c2321; background: #fff; }
h1 { font-size: 1.4rem; } dt { color: #55605b; } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; } li { margin: .4rem 0; overflow-wrap: anywhere; }
.indication { font-weight: 700; } .finding { color: #55605b; font-size: .9rem; }`;

function nodeItem(node: VerdictNode, language: 'en' | 'ja'): Html {
  const { indication, subIndication, name, sentence, findings, children } = node;
  const reason = subIndication === undefined ? '' : ` (${subIndication})`;
  const said = findings.map(
    ({ level, message, clause }) =>
      markup`<li class="finding">${level}: ${foreign(message)} [${clause}]</li>`,
  );
  const below = [...said, ...children.map((child) => nodeItem(child, language))];
  return markup`<li><span class="indication">${indication}${reason}</span> ${foreign(name)}<br>${foreign(sentence[language])}${
    below.length > 0 ? markup`<ul>${below}</ul>` : undefined
  }</li>`;
}

/** The page as text; the same verdict gives the same octets. */
export function verdictPage(verdict: PackVerdict, language: 'en' | 'ja'): string {
  const text = words[language];
  const { key, at, archiveId, provableUntil, endedBy, trees } = verdict;
  const until =
    provableUntil === undefined
      ? text.noEnd
      : `${provableUntil}${endedBy === undefined ? '' : ` (${text.by}: ${endedBy})`}`;
  const page = markup`<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><title>${text.title}: ${key}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>${trusted(style)}</style></head>
<body><h1>${text.title}: ${foreign(key)}</h1>
<dl><dt>${text.at}</dt><dd>${at}</dd><dt>${text.until}</dt><dd>${until}</dd><dt>${text.archive}</dt><dd>${archiveId}</dd></dl>
<ul>${trees.map((tree) => nodeItem(tree, language))}</ul>
<p>${text.check}</p></body></html>
`;
  return page.html;
}
