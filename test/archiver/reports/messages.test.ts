import test from 'ava';
import { languages, messages, textsOf } from '#archiver/reports/messages.ts';

function placeholders(text: string): string[] {
  return [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).toSorted();
}

test('both languages have the same keys', (t) => {
  t.deepEqual(Object.keys(messages.ja).toSorted(), Object.keys(messages.en).toSorted());
});

for (const language of languages) {
  test(`no text is empty: ${language}`, (t) => {
    const empty = Object.entries(messages[language]).filter(([, text]) => text.trim() === '');
    t.deepEqual(empty, []);
  });
}

test('a text asks for the same values in both languages', (t) => {
  for (const [key, text] of Object.entries(messages.en))
    t.deepEqual(
      placeholders(messages.ja[key as keyof typeof messages.ja]),
      placeholders(text),
      key,
    );
});

test('values are filled in, also where they are 0', (t) => {
  t.is(textsOf('en')('card.waiting.note', { overdue: 0 }), '0 for longer than their rule allows');
  t.is(textsOf('ja')('page.number', { page: 2, pages: 3 }), '2 / 3 ページ');
});
