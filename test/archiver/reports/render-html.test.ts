import { createHash } from 'node:crypto';
import test from 'ava';
import { loadPage, pageDocuments, type LoadOptions } from '#archiver/reports/load-page.ts';
import { languages, messages, type Language } from '#archiver/reports/messages.ts';
import { contentSources, renderPage } from '#archiver/reports/render-html.ts';
import { pageStyle } from '#archiver/reports/page-style.ts';
import type { Catalogue } from '#shared/ports/catalogue.ts';
import {
  at,
  batchRow,
  catalogueOf,
  documentRow,
  everyState,
  rules,
  signature,
} from './_archive.ts';

const live = { status: { running: false }, runToken: 'token', evidence: true, timeline: false };

async function pageOf(catalogue: Catalogue, options: Partial<LoadOptions> = {}): Promise<string> {
  const page = await loadPage(catalogue, {
    at,
    rules,
    archiveId: 'archive',
    language: 'en',
    filter: {},
    pageNumber: 1,
    ...options,
  });
  const pieces = renderPage(page, pageDocuments(catalogue, page, at, rules));
  return (await Array.fromAsync(pieces)).join('');
}

const states = test.macro({
  exec: async (t, language: Language) => {
    await using catalogue = await catalogueOf(everyState);
    const page = await pageOf(catalogue, { language });
    const texts = messages[language];
    t.true(page.includes(`<html lang="${language}">`));
    for (const standing of [
      'protected',
      'waiting',
      'overdue',
      'broken',
      'missing',
      'changed',
    ] as const)
      t.true(page.includes(texts[`standing.${standing}`]), standing);
    for (const intake of ['valid', 'not-valid', 'indeterminate', 'not-judged', 'unsigned'] as const)
      t.true(page.includes(texts[`intake.short.${intake}`]), intake);
    for (const outlook of ['by-renewal', 'open-ended', 'not-yet', 'no'] as const)
      t.true(page.includes(texts[`outlook.${outlook}`]), outlook);
    for (const key of [
      'intake.not-valid',
      'accreditation.not-shown',
      'element.tsu-certificate',
      'covers.signature',
      'covers.whole',
      'retention.estimated',
      'source.sidecar',
      'source.signing-time',
      'finding.broken',
      'validationData.waiting',
      'role.evidence-tsu',
    ] as const)
      t.true(page.includes(texts[key]), key);
    t.true(page.includes('2034-01-01'), 'the day of the horizon');
    t.true(page.includes('HASH_FAILURE'));
  },
  title: (_, language: Language) => `every state is shown in ${language}`,
});

for (const language of languages) test(states, language);

test('days are those of the configured zone, which is named', async (t) => {
  const horizon = Temporal.Instant.from('2033-12-31T15:00:00Z');
  const [first] = everyState;
  await using catalogue = await catalogueOf(first ? [first] : [], [batchRow('b1', { horizon })]);
  const page = await pageOf(catalogue);
  t.true(page.includes('Asia/Tokyo'));
  t.true(page.includes('title="2034-01-01 00:00:00+09:00">2034-01-01</time>'));
});

test('hostile names, reasons and subjects are shown, not obeyed', async (t) => {
  const evil = '"><script>alert(1)</script>\u202e\n../../etc\u0000';
  await using catalogue = await catalogueOf([
    {
      batch: 'b1',
      document: documentRow(evil, {
        state: 'broken',
        stateReason: evil,
        versionId: evil,
        retention: { ...documentRow('').retention, rule: evil, presets: [] },
        intake: { status: 'valid', at: '', signatures: [signature('valid', { signer: evil })] },
      }),
    },
  ]);
  for (const page of [await pageOf(catalogue), await pageOf(catalogue, { live })]) {
    t.false(page.includes('<script>alert'));
    t.false(page.includes('\u202e'));
    t.false(page.includes('\u0000'));
    t.true(page.includes('<span class="unseen">\\u{202E}</span><span class="unseen">␊</span>'));
  }
});

test('a search text is shown, not obeyed', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const page = await pageOf(catalogue, { live, filter: { search: '"><img src=x>' } });
  t.true(page.includes('value="&quot;&gt;&lt;img src=x&gt;"'));
  t.true(page.includes(messages.en['filter.none']));
});

test('the page needs nothing from elsewhere and has nothing inline but its own style', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  for (const page of [await pageOf(catalogue), await pageOf(catalogue, { live })]) {
    t.notRegex(page, /(?:src|href|action)="(?:https?:)?\/\//);
    t.notRegex(page, / (?:style|on\w+)="/);
    const style = /<style>([^]*?)<\/style>/.exec(page)?.[1] ?? '';
    const digest = createHash('sha256').update(style).digest('base64');
    t.is(contentSources.style, `'sha256-${digest}'`);
  }
});

test('a saved page has no form, no script and no link to a server', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const page = await pageOf(catalogue);
  for (const piece of ['<form', '<script', 'href="/', 'href="?']) t.false(page.includes(piece));
});

test('a page with a run at work tells how far it is and refreshes without scripts', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const status = { running: true, stage: 'renew.protect' };
  const page = await pageOf(catalogue, { live: { ...live, status } });
  t.true(page.includes(messages.en['stage.renew']));
  t.true(page.includes('<noscript><meta http-equiv="refresh"'));
  t.true(page.includes('<button type="submit" disabled>'));
  const script = /<script>([^]*?)<\/script>/.exec(page)?.[1] ?? '';
  const digest = createHash('sha256').update(script).digest('base64');
  t.is(contentSources.script, `'sha256-${digest}'`);
});

test('tables have heads with a scope, and every data cell a label for narrow screens', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const page = await pageOf(catalogue);
  t.notRegex(page, /<th(?![^>]* scope="(?:col|row)")[ >]/);
  t.notRegex(page, /<td(?![^>]* (?:data-label|colspan)=)[ >]/);
});

test('200 documents a page, the rest on the next ones', async (t) => {
  const keys = Array.from({ length: 450 }, (_, index) => ({ document: documentRow(`d${index}`) }));
  await using catalogue = await catalogueOf(keys);
  const rows = (page: string): number => page.match(/<tbody role="rowgroup"><tr/g)?.length ?? 0;
  const second = await pageOf(catalogue, { live, pageNumber: 2 });
  t.is(rows(second), 200);
  t.true(second.includes('201 to 400 of 450'));
  t.true(second.includes('rel="prev"') && second.includes('rel="next"'));
  const last = await pageOf(catalogue, { live, pageNumber: 99 });
  t.is(rows(last), 50);
  t.is(rows(await pageOf(catalogue)), 450, 'a saved page has all');
});

test('filters find what the lines say', async (t) => {
  await using catalogue = await catalogueOf(everyState);
  const id = await catalogue.addDocument(documentRow('detached.txt'));
  await catalogue.addDocument(
    documentRow('detached.txt.p7s', {
      attachedTo: id,
      intake: { status: 'not-valid', at: '', signatures: [signature('invalid')] },
    }),
  );
  const shown = async (filter: LoadOptions['filter']): Promise<string[]> => {
    const page = await pageOf(catalogue, { live, filter });
    return [...page.matchAll(/<div class="name"><bdi>([^<]*)<\/bdi>/g)]
      .map((match) => match[1] ?? '')
      .filter((name) => /^(?:detached|altered|valid|gone|xml|new)/.test(name));
  };
  t.deepEqual(await shown({ intake: 'not-valid' }), [
    'altered.pdf',
    'detached.txt',
    'detached.txt.p7s',
  ]);
  t.deepEqual(await shown({ intake: 'valid' }), ['valid.pdf']);
  t.deepEqual(await shown({ state: 'missing' }), ['gone']);
  t.deepEqual(await shown({ search: '診療録/V' }), ['valid.pdf']);
  t.deepEqual(await shown({ search: '%' }), []);
  t.false((await shown({ intake: 'unsigned' })).includes('detached.txt'));
});

/** Relative luminance of #rrggbb. @see WCAG 2.2, "relative luminance" */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((start) => {
    const part = Number.parseInt(colour.slice(start, start + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(a: string, b: string): number {
  const [light = 1, dark = 1] = [luminance(a), luminance(b)].toSorted((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

test('text keeps a contrast of 4.5:1 in light and dark (WCAG 2.2 §1.4.3)', (t) => {
  const blocks = [...pageStyle.matchAll(/:root \{([^}]*)\}/g)].slice(0, 2);
  t.is(blocks.length, 2);
  for (const [, block = ''] of blocks) {
    const colours = Object.fromEntries(
      [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]),
    ) as Record<string, string>;
    const pairs = [
      ...['ink', 'soft', 'accent', 'good', 'wait', 'bad'].flatMap((ink) => [
        [ink, 'paper'],
        [ink, 'raised'],
      ]),
      ...['good', 'wait', 'bad', 'calm'].map((tone) => [tone, `${tone}-tint`]),
      ['accent-ink', 'accent'],
    ];
    for (const [ink = '', ground = ''] of pairs)
      t.true(contrast(colours[ink] ?? '', colours[ground] ?? '') >= 4.5, `${ink} on ${ground}`);
  }
});

test('whom to call is printed, as text, and where nobody is named, that (R-53)', async (t) => {
  await using catalogue = await catalogueOf([]);
  const contacts = [
    { party: 'facility', contact: '<b>Archive</b> desk, 03-0000-0000' },
    { party: 'tsa' },
  ] as const;
  const page = await pageOf(catalogue, { rules: { ...rules, contacts } });
  t.true(page.includes('<dt>Facility</dt><dd>&lt;b&gt;Archive&lt;/b&gt; desk, 03-0000-0000</dd>'));
  t.true(page.includes('<dt>TSA</dt><dd>nobody is named</dd>'));
});
