// Texts of the report page in both languages behind typed keys; a key without a text in one of them
// does not compile.
import { english } from './messages-en.ts';
import { japanese } from './messages-ja.ts';

export type Language = 'ja' | 'en';

export const languages: readonly Language[] = ['ja', 'en'];

export type MessageKey = keyof typeof english;

export const messages: Readonly<Record<Language, Readonly<Record<MessageKey, string>>>> = {
  ja: japanese,
  en: english,
};

/** The text of a key, its `{name}`s filled in. */
export type Texts = (key: MessageKey, values?: Readonly<Record<string, string | number>>) => string;

export function textsOf(language: Language): Texts {
  const table = messages[language];
  return (key, values = {}) =>
    table[key].replace(/\{(\w+)\}/g, (place, name: string) => String(values[name] ?? place));
}

/** Whether there is a text for a key that is made from data, such as a finding's kind. */
export function isMessageKey(key: string): key is MessageKey {
  return Object.hasOwn(english, key);
}
