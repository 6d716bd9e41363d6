// The language in which a command speaks to people.
import type { Sentence } from '#shared/validation/verdict.ts';

/** That of `--lang`, else of the environment, else English. */
export function languageOf(lang: string | undefined): keyof Sentence {
  const { LC_ALL, LC_MESSAGES, LANG } = process.env;
  const wanted = lang ?? LC_ALL ?? LC_MESSAGES ?? LANG ?? '';
  return wanted.startsWith('ja') ? 'ja' : 'en';
}
