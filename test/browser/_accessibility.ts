// Accessibility of a page as a browser shows it: what axe-core finds, and checks of our own for what it leaves open where
// it cannot tell what is behind a text.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import axe from 'axe-core';
import type { Page } from 'playwright-core';
import { z } from 'zod';

const checks = path.join(import.meta.dirname, '_page-checks.js');

/** Criteria of WCAG at levels A and AA, and what its makers hold good besides. */
const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

const violations = z.object({
  violations: z.array(
    z.object({
      id: z.string(),
      help: z.string(),
      nodes: z.array(z.object({ html: z.string(), failureSummary: z.string().optional() })),
    }),
  ),
  passes: z.array(z.object({ id: z.string() })),
});

/** What axe-core finds; it has found nothing to look at where nothing passes either. */
async function axeProblems(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const run = `axe.run(document, ${JSON.stringify({ runOnly: tags })})`;
  const found = violations.parse(await page.evaluate(run));
  if (found.passes.length < 10) return [`axe-core looked at ${found.passes.length} rules alone`];
  return found.violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ html, failureSummary = '' }) => `${id}: ${help}: ${html}: ${failureSummary}`),
  );
}

/** Criteria of WCAG 2.2 that the page does not meet as it is shown now. */
export async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  const own = z.array(z.string()).parse(await page.evaluate(await readFile(checks, 'utf8')));
  return [...own, ...(await axeProblems(page))];
}
