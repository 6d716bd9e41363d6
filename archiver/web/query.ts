// A page's address to what it asks for; anything that is not understood is as if it were not said.
import type { Request } from 'express';
import type { DocumentState, IntakeStatus } from '#shared/ports/catalogue.ts';
import type { Language } from '../reports/messages.ts';
import type { PageFilter } from '../reports/page.ts';

const states: readonly DocumentState[] = [
  'waiting',
  'protected',
  'broken',
  'missing',
  'changed',
  'superseded',
];
const intakes: readonly IntakeStatus[] = [
  'valid',
  'not-valid',
  'indeterminate',
  'not-judged',
  'unsigned',
];

/** Longer than any part of a name that a person types. */
const maxSearch = 200;

/** A query parameter that is there once. */
export function parameter(request: Request, name: string): string | undefined {
  const value: unknown = request.query[name];
  return typeof value === 'string' ? value : undefined;
}

export function filterOf(request: Request): PageFilter {
  const search = parameter(request, 'q')?.trim().slice(0, maxSearch);
  return {
    state: states.find((state) => state === parameter(request, 'state')),
    intake: intakes.find((intake) => intake === parameter(request, 'intake')),
    search: search === '' ? undefined : search,
  };
}

export function pageNumberOf(request: Request): number {
  const text = parameter(request, 'page') ?? '';
  return /^[1-9]\d{0,8}$/.test(text) ? Number(text) : 1;
}

/** `?lang=` first, then what the browser prefers, else Japanese. */
export function languageOf(request: Request): Language {
  const asked = parameter(request, 'lang');
  if (asked === 'ja' || asked === 'en') return asked;
  return request.acceptsLanguages('ja', 'en') === 'en' ? 'en' : 'ja';
}
