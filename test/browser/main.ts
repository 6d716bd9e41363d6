// The report page in a real browser over a really started Tokiwa: opened in both languages, a night run
// by its button, the result seen, with scripts and without, wide and narrow.
//
//   npm run test:browser                         CHROMIUM names another browser than /usr/bin/chromium
//   npm run test:browser -- --screenshot FILE    keeps a picture of the page
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { messages } from '#archiver/reports/messages.ts';
import { renderStatusPage } from '#tsa/status/status-page.ts';
import { statusTexts } from '#tsa/status/status-texts.ts';
import { accessibilityProblems } from './_accessibility.ts';
import { firstMinute, worstDay } from './_status-snapshots.ts';
import { countSteps } from './_steps.ts';
import { startTokiwa, type StartedTokiwa } from './_tokiwa.ts';

const { values } = parseArgs({ options: { screenshot: { type: 'string' } } });

/** In a container without a sandbox of its own, and silent: nothing but the page is asked for. */
const browserFlags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const runLimitMs = 60_000;

/** A page whose complaints are kept: errors of scripts, refused content, failed requests. */
async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<{ readonly page: Page; readonly complaints: readonly string[] } & AsyncDisposable> {
  const context = await browser.newContext({ viewport: { width: 1360, height: 960 }, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('requestfailed', (request) => {
    complaints.push(`${request.url()}: ${request.failure()?.errorText ?? ''}`);
  });
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

async function documentsOn(page: Page): Promise<number> {
  return Number(await page.locator('.cards dd.figure').first().innerText());
}

/** Drops a file into the folder, presses the button and waits until the page shows it. */
async function protectByButton(
  page: Page,
  tokiwa: StartedTokiwa,
  name: string,
  button: string,
): Promise<void> {
  const before = await documentsOn(page);
  await writeFile(path.join(tokiwa.documents, name), `dropped: ${name}\n`);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.request().method() === 'POST'),
    page.getByRole('button', { name: button }).click(),
  ]);
  assert.equal(answer.status(), 303);
  await page
    .locator('.docs .name', { hasText: name })
    .waitFor({ state: 'visible', timeout: runLimitMs });
  await page.locator('[data-running]').waitFor({ state: 'detached', timeout: runLimitMs });
  assert.equal(await documentsOn(page), before + 1);
}

async function main(): Promise<number> {
  const { step, close } = countSteps((line) => {
    console.log(line);
  });
  await using tokiwa = await startTokiwa();
  await using browser = await chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: browserFlags,
  });
  const { url } = tokiwa;

  if (values.screenshot !== undefined) {
    const file = values.screenshot;
    await step(`a picture of the page in ${file}`, async () => {
      const query = new URLSearchParams({ lang: 'ja', q: '診療録' });
      const viewport = { width: 1360, height: 1240 };
      await using opened = await openPage(browser, `${url}?${query.toString()}`, {
        viewport,
        deviceScaleFactor: 1,
      });
      await opened.page.screenshot({ path: file });
    });
  }

  for (const [language, locale] of [
    ['ja', 'ja-JP'],
    ['en', 'en-GB'],
  ] as const) {
    const texts = messages[language];
    await step(`${language}: the page opens in the browser's language, complete`, async () => {
      await using opened = await openPage(browser, url, { locale });
      const { page, complaints } = opened;
      assert.equal(await page.locator('html').getAttribute('lang'), language);
      assert.equal(await page.title(), texts['page.title']);
      for (const key of [
        'section.findings',
        'section.documents',
        'section.classes',
        'section.dependencies',
        'section.horizons',
        'section.runs',
        'section.editions',
      ] as const)
        assert.ok(await page.getByRole('heading', { name: texts[key] }).isVisible(), key);
      assert.ok((await documentsOn(page)) > 20);
      assert.deepEqual(complaints, []);
    });

    await step(`${language}: the button runs a night, the page shows its result`, async () => {
      await using opened = await openPage(browser, `${url}?lang=${language}`);
      const { page, complaints } = opened;
      await protectByButton(page, tokiwa, `dropped ${language}.txt`, texts['run.now']);
      const row = page.locator('.docs tbody', { hasText: `dropped ${language}.txt` });
      assert.match(await row.innerText(), new RegExp(texts['standing.protected']));
      assert.equal(await page.locator('html').getAttribute('lang'), language);
      assert.deepEqual(complaints, []);
    });

    await step(`${language}: details open, evidence comes as a file`, async () => {
      await using opened = await openPage(browser, `${url}?lang=${language}`);
      const { page } = opened;
      const row = page.locator('.docs tbody', { hasText: `dropped ${language}.txt` });
      await row.locator('summary').click();
      assert.ok(await row.getByRole('heading', { name: texts['details.identity'] }).isVisible());
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        row.getByRole('link', { name: texts['details.download'] }).click(),
      ]);
      assert.equal(download.suggestedFilename(), `dropped ${language}.txt.ers`);
      // An EvidenceRecord is a SEQUENCE (RFC 4998 §3).
      assert.equal((await readFile(await download.path()))[0], 0x30);
    });

    await step(`${language}: filter, search and the other language`, async () => {
      await using opened = await openPage(browser, `${url}?lang=${language}`);
      const { page } = opened;
      const other = language === 'ja' ? 'en' : 'ja';
      await page.getByRole('link', { name: texts['intake.short.not-valid'] }).click();
      const marks = await page.locator('.docs tbody').allInnerTexts();
      assert.ok(marks.length > 0);
      assert.ok(marks.every((text) => text.includes(texts['intake.short.not-valid'])));
      await page.goto(`${url}?lang=${language}`);
      await page.getByRole('searchbox').fill('dropped');
      await page.getByRole('button', { name: texts['filter.submit'] }).click();
      assert.ok(
        (await page.locator('.docs .name').allInnerTexts()).every((text) =>
          text.startsWith('dropped'),
        ),
      );
      await page.locator(`nav a[hreflang=${other}]`).click();
      assert.equal(await page.locator('html').getAttribute('lang'), other);
      assert.equal(await page.getByRole('searchbox').inputValue(), 'dropped');
    });
  }

  await step('without scripts the button runs a night too', async () => {
    await using opened = await openPage(browser, `${url}?lang=en`, { javaScriptEnabled: false });
    await protectByButton(opened.page, tokiwa, 'dropped plain.txt', messages.en['run.now']);
  });

  await step('a name that tries to be markup is shown', async () => {
    await using opened = await openPage(browser, `${url}?lang=en`);
    const { page, complaints } = opened;
    const name = '<img src=x onerror=alert(1)>.txt';
    await protectByButton(page, tokiwa, name, messages.en['run.now']);
    assert.deepEqual(complaints, []);
  });

  await step('on a telephone nothing is wider than the screen', async () => {
    const viewport = { width: 390, height: 844 };
    for (const lang of ['ja', 'en']) {
      await using opened = await openPage(browser, `${url}?lang=${lang}`, { viewport });
      const width = await opened.page.evaluate('document.documentElement.scrollWidth');
      assert.equal(width, viewport.width);
    }
  });

  for (const lang of ['ja', 'en'] as const)
    for (const colorScheme of ['light', 'dark'] as const)
      for (const width of [1360, 390, 320])
        await step(`the proxy's status page, ${lang}, ${colorScheme}, ${width} wide`, async () => {
          const viewport = { width, height: 800 };
          await using opened = await openPage(browser, `${tokiwa.tsaUrl}?lang=${lang}`, {
            viewport,
            colorScheme,
          });
          const { page, complaints } = opened;
          assert.equal(await page.locator('html').getAttribute('lang'), lang);
          assert.ok(
            await page.getByRole('heading', { name: statusTexts[lang].providers }).isVisible(),
          );
          assert.deepEqual(await accessibilityProblems(page), []);
          // The keyboard reaches the other language, and shows where it is.
          await page.keyboard.press('Tab');
          const outline = await page.evaluate(
            'getComputedStyle(document.activeElement).outlineStyle',
          );
          assert.notEqual(outline, 'none');
          assert.deepEqual(complaints, []);
        });

  for (const [name, snapshot] of Object.entries({ worstDay, firstMinute }))
    for (const lang of ['ja', 'en'] as const)
      for (const colorScheme of ['light', 'dark'] as const)
        for (const width of [1360, 320])
          await step(
            `the status page of ${name}, ${lang}, ${colorScheme}, ${width} wide`,
            async () => {
              const viewport = { width, height: 800 };
              await using opened = await openPage(browser, 'about:blank', {
                viewport,
                colorScheme,
              });
              await opened.page.setContent(renderStatusPage(snapshot, lang));
              assert.deepEqual(await accessibilityProblems(opened.page), []);
              assert.deepEqual(opened.complaints, []);
            },
          );

  await step(
    "without scripts the proxy's status page is the same, and changes its language",
    async () => {
      await using opened = await openPage(browser, `${tokiwa.tsaUrl}?lang=en`, {
        javaScriptEnabled: false,
        viewport: { width: 320, height: 800 },
      });
      const { page, complaints } = opened;
      const { today, providers } = statusTexts.en;
      assert.ok(await page.getByText(today, { exact: true }).first().isVisible());
      assert.ok(await page.getByRole('heading', { name: providers }).isVisible());
      await page.getByRole('link', { name: statusTexts.en.other }).click();
      assert.ok(await page.getByRole('heading', { name: statusTexts.ja.providers }).isVisible());
      assert.deepEqual(complaints, []);
    },
  );

  await step('Ctrl-C stops it cleanly', async () => {
    assert.equal(await tokiwa.stop(), 0);
  });
  return close();
}

process.exitCode = await main();
