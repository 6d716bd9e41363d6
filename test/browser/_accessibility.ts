// Accessibility of a page as a browser shows it. The checks are ours: the engine that is usually taken for them, axe-core,
// is under a licence (MPL-2.0) that is not among those that we take.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { z } from 'zod';

const checks = path.join(import.meta.dirname, '_page-checks.js');

/** Criteria of WCAG 2.2 that the page does not meet as it is shown now. */
export async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  return z.array(z.string()).parse(await page.evaluate(await readFile(checks, 'utf8')));
}
