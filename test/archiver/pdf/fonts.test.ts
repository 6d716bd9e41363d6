// Which typeface prints a text, and what happens to characters that none of them has.
import test from 'ava';
import { loadTypefaces } from '#archiver/adapters/typefaces.ts';
import { fitText } from '#archiver/pdf/fonts.ts';

const { regular } = await loadTypefaces();
const [japanese, european] = regular;

const cases: readonly (readonly [string, string, string, string])[] = [
  ['a name with variants of its characters', '髙﨑 𠮷野', '髙﨑 𠮷野', japanese.name],
  ['marks and half-width kana', '①㈱ ｱｲｳ', '①㈱ ｱｲｳ', japanese.name],
  ['a name from Poland', 'Łukasz Żółć', 'Łukasz Żółć', european?.name ?? ''],
  ['a variation selector goes', '葛\u{E0100}城', '葛城', japanese.name],
  [
    'what no typeface has, such as a character of one’s own',
    '😀 \u{E000}',
    '[U+1F600] [U+E000]',
    japanese.name,
  ],
  ['what no one typeface has', '𠮷 Ł', '𠮷 [U+0141]', japanese.name],
];

for (const [title, text, printed, typeface] of cases)
  test(title, (t) => {
    const fitted = fitText(text, regular);
    t.deepEqual([fitted.text, fitted.typeface.name], [printed, typeface]);
  });
