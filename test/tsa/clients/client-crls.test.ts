// A CRL of clients that is not replaced in time closes the door to all of them: it is said before, and when it is so.
import test from 'ava';
import type { Event } from '#shared/ports/runtime.ts';
import { createCrlWatch } from '#tsa/clients/client-crls.ts';
import { issueCrl, issueRoot } from '../../_authority.ts';

const root = issueRoot({ subject: 'CN=Clients Root' });
const crlUntil = (nextUpdate: string | null) =>
  issueCrl({ issuer: root, thisUpdate: '2030-01-01T00:00:00Z', nextUpdate });

const week = crlUntil('2030-01-08T00:00:00Z');
for (const [what, crl, at, level] of [
  ['a week’s, before its last quarter', week, '2030-01-06T05:59:59Z', undefined],
  ['a week’s, in its last quarter', week, '2030-01-06T06:00:00Z', 'warn'],
  ['a week’s, at its end', week, '2030-01-08T00:00:00Z', 'error'],
  [
    'a day’s, in its last quarter',
    crlUntil('2030-01-02T00:00:00Z'),
    '2030-01-01T18:00:00Z',
    'warn',
  ],
  [
    'a year’s, three days before',
    crlUntil('2031-01-01T00:00:00Z'),
    '2030-12-29T00:00:00Z',
    undefined,
  ],
  ['a year’s, two days before', crlUntil('2031-01-01T00:00:00Z'), '2030-12-30T00:00:00Z', 'warn'],
  ['one without an end', crlUntil(null), '2080-01-01T00:00:00Z', undefined],
] as const)
  test(`${what}: ${level ?? 'nothing'}, once`, (t) => {
    const events: Event[] = [];
    const watch = createCrlWatch((event) => events.push(event));
    const now = Temporal.Instant.from(at);
    watch([crl], now);
    watch([crl], now);
    t.deepEqual(
      events.map((event) => [event.level, event.name, event['issuer']]),
      level === undefined ? [] : [[level, 'tsa.listener.crl-ending', 'CN=Clients Root']],
    );
  });
