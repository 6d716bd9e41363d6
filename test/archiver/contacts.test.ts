// Whom to call: which parties an archive depends on, what the configuration says of each, and what is said
// where nobody is named.
import test from 'ava';
import { parseArchiverConfig } from '#archiver/config.ts';
import { contactLines, warnOfContacts } from '#archiver/contacts.ts';
import { ConfigError } from '#shared/errors.ts';
import type { Event } from '#shared/ports/runtime.ts';

const tsa = 'url: "http://127.0.0.1:1/", anchors: [a.pem]';
const folder = 'stores: [{ kind: folder, path: documents }]';
const bucket = 'stores: [{ kind: s3, bucket: b }]';
const second = 'secondTsa: { url: "http://127.0.0.1:2/", anchors: [b.pem] }';

const parse = (...lines: readonly string[]) =>
  parseArchiverConfig(['state: state', ...lines, ''].join('\n'), 'tokiwa.yaml');

const shared = ['facility', 'integrator', 'network'];
const depends: readonly (readonly [name: string, lines: readonly string[], parties: string[]])[] = [
  ['a folder is ours', [folder, `tsa: { ${tsa} }`], [...shared, 'tsa']],
  ['a bucket is not', [bucket, `tsa: { ${tsa} }`], [...shared, 'store', 'tsa']],
  [
    'the embedded TSA is ours',
    [folder, `tsa: { ${tsa}, local: { state: tsa, port: 1 } }`],
    [...shared],
  ],
  [
    'a second TSA has its own',
    [folder, `tsa: { ${tsa} }`, second],
    [...shared, 'tsa', 'secondTsa'],
  ],
  [
    'who is named is told in any case',
    [folder, `tsa: { ${tsa} }`, 'contacts: { store: { name: Desk } }'],
    [...shared, 'store', 'tsa'],
  ],
];
for (const [name, lines, parties] of depends) {
  test(name, (t) => {
    t.deepEqual(
      contactLines(parse(...lines)).map(({ party }) => party),
      parties,
    );
  });
}

const named = [
  folder,
  `tsa: { ${tsa}, contact: { name: TSA desk, hours: weekdays } }`,
  `contacts:
  facility: { name: Archive desk, telephone: 03-0000-0000, mail: desk@example.jp }
  integrator: { name: Integrator }
  network: { name: Network }`,
];

test('a contact is one line', (t) => {
  t.deepEqual(contactLines(parse(...named)), [
    { party: 'facility', contact: 'Archive desk, 03-0000-0000, desk@example.jp' },
    { party: 'integrator', contact: 'Integrator' },
    { party: 'network', contact: 'Network' },
    { party: 'tsa', contact: 'TSA desk, weekdays' },
  ]);
});

test('what nobody is named for is one warning; where all are named there is none', (t) => {
  const events: Event[] = [];
  const sink = (event: Event): void => {
    events.push(event);
  };
  warnOfContacts(parse(...named), sink);
  t.deepEqual(events, []);
  warnOfContacts(parse(bucket, `tsa: { ${tsa} }`), sink);
  t.is(events.length, 1);
  t.like(events[0], {
    level: 'warn',
    name: 'archiver.contact.missing',
    parties: [...shared, 'store', 'tsa'],
  });
});

test('a party that the matrix does not know is refused', (t) => {
  const error = t.throws(
    () => parse(folder, `tsa: { ${tsa} }`, 'contacts: { nobody: { name: x } }'),
    { instanceOf: ConfigError },
  );
  t.regex(error.message, /contacts/);
});
