// What an operator confirms of providers: periods, fingerprints as people write them, and what is refused.
import test from 'ava';
import { parseArchiverConfig } from '#archiver/config.ts';
import type { ConfigError } from '#shared/errors.ts';

const fingerprint = 'AB'.repeat(32);

function configWith(entry: Readonly<Record<string, string>>, guideline = '5.2'): string {
  const fields = {
    name: 'A service',
    scheme: 'mic-2021-146',
    from: '2023-02-16',
    anchors: `["${fingerprint}"]`,
    tsaPolicies: '["1.2.3"]',
    confirmedBy: 'an officer',
    confirmedOn: '2026-04-01',
    document: 'the list of March 2026',
    ...entry,
  };
  return [
    'state: state',
    'stores: [{ kind: folder, name: documents, path: documents }]',
    'tsa: { url: "http://127.0.0.1:1/", anchors: [a.pem] }',
    `accreditation:`,
    `  guideline: "${guideline}"`,
    '  entries:',
    ...Object.entries(fields).map(
      ([key, value], index) => `    ${index === 0 ? '-' : ' '} ${key}: ${value}`,
    ),
  ].join('\n');
}

test('days are those of the time zone, fingerprints lower-case without colons', (t) => {
  const colons = fingerprint.match(/../g)?.join(':') ?? '';
  const { accreditation } = parseArchiverConfig(
    configWith({ anchors: `["${colons}"]`, until: '2027-02-16' }),
    'tokiwa.yaml',
  );
  const [entry] = accreditation.entries;
  t.is(entry?.from.toString(), '2023-02-15T15:00:00Z');
  t.is(entry?.until?.toString(), '2027-02-15T15:00:00Z');
  t.deepEqual(entry?.anchors, [fingerprint.toLowerCase()]);
});

const refused: Readonly<Record<string, readonly [string, string]>> = {
  'an unknown scheme': [configWith({ scheme: 'other' }), 'accreditation.entries[0].scheme'],
  'a period before the scheme': [
    configWith({ from: '2020-01-01' }),
    'accreditation.entries[0].from',
  ],
  'a period that ends first': [
    configWith({ until: '2023-02-16' }),
    'accreditation.entries[0].until',
  ],
  'no date': [configWith({ from: '2023-02-30' }), 'accreditation.entries[0].from'],
  'no fingerprint': [configWith({ anchors: '["abc"]' }), 'accreditation.entries[0].anchors[0]'],
  'nobody who confirmed it': [
    configWith({ confirmedBy: '""' }),
    'accreditation.entries[0].confirmedBy',
  ],
  'an unknown edition': [configWith({}, '4.1'), 'accreditation.guideline'],
};
for (const [what, [text, key]] of Object.entries(refused))
  test(`refused: ${what}`, (t) => {
    const error = t.throws<ConfigError>(() => parseArchiverConfig(text, 'tokiwa.yaml'));
    t.deepEqual(
      error.problems.map((problem) => problem.key),
      [key],
    );
  });
