// What an operator says of retention: presets, events, tables, and what is refused.
import test from 'ava';
import { parseArchiverConfig } from '#archiver/config.ts';
import { parseRetentionTable, retentionStatement } from '#archiver/retention-statement.ts';
import { resolveRetention } from '#archiver/stages/retention.ts';
import { ConfigError } from '#shared/errors.ts';
import { bundledPresets } from '#shared/policy/bundled.ts';
import { selectPreset } from '#shared/policy/retention-rule.ts';

const config = parseArchiverConfig(
  `state: state
stores: [{ kind: folder, name: documents, path: documents }]
tsa: { url: "http://127.0.0.1:1/", anchors: [a.pem] }
retention:
  rules:
    - { match: '^rx/', preset: jp-prescription-dispensed, dates: { AMENDMENT-EFFECTIVE-DATE: 2026-04-01 } }`,
  'tokiwa.yaml',
);

type Said = Parameters<typeof retentionStatement>[1];

function lastDay(said: Said, hold = false): string | undefined {
  const journal = retentionStatement(config, said, 'a');
  const input = {
    key: 'a',
    facts: { signatures: [] },
    lastModified: Temporal.Instant.from('2026-01-01T00:00:00Z'),
    journal,
    hold,
  };
  return resolveRetention(config, input).lastDay;
}

const ends: readonly (readonly [what: string, said: Said, expected: string | undefined])[] = [
  [
    'a fixed period',
    { rules: ['jp-medical-record'], events: { start: '2026-03-31' } },
    '2031-03-31',
  ],
  [
    'by the date of the event, before an amendment',
    { rules: ['jp-prescription-dispensed'], events: { start: '2026-03-31' } },
    '2029-03-31',
  ],
  [
    'by the date of the event, after it',
    { rules: ['jp-prescription-dispensed'], events: { start: '2026-04-01' } },
    '2031-04-01',
  ],
  [
    'the later of two events',
    {
      rules: ['jp-gcp-site'],
      events: { 'marketing-approval': '2030-06-01', 'trial-end-or-stop': '2026-06-01' },
    },
    '2030-06-01',
  ],
  [
    'the later of two events, the other way round',
    {
      rules: ['jp-gcp-site'],
      events: { 'marketing-approval': '2027-06-01', 'trial-end-or-stop': '2026-06-01' },
    },
    '2029-06-01',
  ],
  [
    'open while an event is missing',
    { rules: ['jp-gcp-site'], events: { 'trial-end-or-stop': '2026-06-01' } },
    undefined,
  ],
  [
    'a notice in place of an approval that never came',
    {
      rules: ['jp-gcp-site'],
      events: { 'notice-of-discontinuation': '2026-06-01', 'trial-end-or-stop': '2026-01-01' },
    },
    '2029-06-01',
  ],
  [
    'several presets: the latest end wins',
    {
      rules: ['jp-medical-record', 'jp-specified-biological-product-use'],
      events: { start: '2026-04-01' },
    },
    '2046-04-01',
  ],
  ['a rule without a start', { rules: ['jp-medical-record'], events: {} }, undefined],
];

for (const [what, said, expected] of ends)
  test(`${what}: ${expected ?? 'unknown'}`, (t) => {
    t.is(lastDay(said), expected);
  });

const refusedStatements: readonly (readonly [what: string, said: Said, message: RegExp])[] = [
  ['nothing', { rules: [], events: {} }, /give a rule/],
  ['no preset', { rules: ['nothing'], events: {} }, /no retention preset/],
  ['a placeholder that nobody set', { rules: ['jp-dispensing-record'], events: {} }, /AMENDMENT/],
  ['no years of its own', { rules: ['jp-qualification-evidence'], events: {} }, /set its years/],
  ['no date', { rules: [], events: { start: '2026-02-30' } }, /is no date/],
  ['a date without dashes', { rules: [], events: { start: '20260401' } }, /is no date/],
  ['no event', { rules: [], events: { birthday: '2026-04-01' } }, /no preset counts from/],
];

for (const [what, said, message] of refusedStatements)
  test(`refused: ${what}`, (t) => {
    t.throws(() => retentionStatement(config, said, 'a'), { instanceOf: ConfigError, message });
  });

test('every bundled preset has an end, or says what it lacks', (t) => {
  for (const { id, period } of bundledPresets.presets) {
    const events =
      period.kind === 'later-of'
        ? Object.fromEntries(period.terms.map(({ event }) => [event, '2026-04-01']))
        : { start: '2026-04-01' };
    const isOpen =
      period.kind === 'operator-defined' ||
      (period.kind === 'by-event-date' && JSON.stringify(period).includes('AMENDMENT'));
    if (isOpen && id !== 'jp-prescription-dispensed')
      t.throws(() => selectPreset(bundledPresets, id), { instanceOf: ConfigError }, id);
    else t.regex(lastDay({ rules: [id], events }) ?? '', /^\d{4}-\d{2}-\d{2}$/, id);
  }
});

test('a table with events as columns, quotes and a byte order mark', (t) => {
  const table =
    '\uFEFFkey,rule,start,marketing-approval\r\n"a ""b"", c",jp-medical-record,2026-04-01,\r\n\r\nd,jp-gcp-site jp-medical-record,,2030-06-01\r\n';
  t.deepEqual(parseRetentionTable(table, 'x.csv'), [
    { key: 'a "b", c', rules: ['jp-medical-record'], events: { start: '2026-04-01' }, line: 2 },
    {
      key: 'd',
      rules: ['jp-gcp-site', 'jp-medical-record'],
      events: { 'marketing-approval': '2030-06-01' },
      line: 4,
    },
  ]);
});

for (const heading of ['rule,start', 'key,rule,begin', ''])
  test(`refused: a table under ${JSON.stringify(heading)}`, (t) => {
    t.throws(() => parseRetentionTable(`${heading}\na,b,c`, 'x.csv'), {
      instanceOf: ConfigError,
      message: /heading/,
    });
  });
