import test from 'ava';
import fc from 'fast-check';
import { escapeText, foreign, markup } from '#archiver/reports/html.ts';

const shown = test.macro({
  exec: (t, text: string, expected: string) => {
    t.is(escapeText(text), expected);
  },
  title: (_, text: string) =>
    `shown: ${Array.from(text.slice(0, 8), (one) => one.codePointAt(0)?.toString(16)).join(' ')}`,
});

test(shown, 'a<b>&"\'', 'a&lt;b&gt;&amp;&quot;&#39;');
test(shown, 'a\nb\tc\0', 'a␊b␉c␀');
test(shown, '\u007f\u0085', '␡\\u{0085}');
test(shown, 'abc\u202efdp.exe', 'abc\\u{202E}fdp.exe');
test(shown, 'zero\u200bwidth\u2066\ufeff\u00ad', 'zero\\u{200B}width\\u{2066}\\u{FEFF}\\u{00AD}');
test(shown, '\u2028\u2029', '\\u{2028}\\u{2029}');
test(shown, '\ud800', '\\u{D800}');
test(shown, '\u{e0041}\uffff', '\\u{E0041}\\u{FFFF}');
test(shown, '髙﨑 𠮷田 ①', '髙﨑 𠮷田 ①');
// Variants of kanji in names of persons are written with selectors.
test(shown, '葛\u{e0100}', '葛\u{e0100}');
test(shown, 'x'.repeat(2005), `${'x'.repeat(2000)}… (+5)`);

test('insertions are text unless they are markup', (t) => {
  const inner = markup`<b>${'<i>'}</b>`;
  t.is(markup`<p>${inner}${undefined}${['&', 1]}</p>`.html, '<p><b>&lt;i&gt;</b>&amp;1</p>');
});

test('unseen characters of foreign text are marked apart from the same letters typed', (t) => {
  t.is(foreign('␊\n').html, '<bdi>␊<span class="unseen">␊</span></bdi>');
});

test('no text opens a tag, closes an attribute or hides a character', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const escaped = escapeText(text);
      t.notRegex(escaped, /[<>"'\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
      t.notRegex(
        foreign(text).html.replace(/<\/?(?:bdi|span class="unseen"|span)>/g, ''),
        /[<>\p{Cc}]/u,
      );
    }),
  );
});
