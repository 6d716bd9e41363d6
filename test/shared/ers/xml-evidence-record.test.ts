// RFC 6283 records walked in full: trees and both renewals over canonical forms made by libxml2, and one
// character changed in each thing that an archive timestamp covers.
import test from 'ava';
import { compareBytes, toBase64 } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import { parseXmlEvidenceRecord } from '#shared/ers/xml-evidence-record.ts';
import { buildMessageImprint } from '#shared/tsp/build-token.ts';
import type { CanonicalMethod } from '#shared/xml/canonicalize.ts';
import { createTsu, issueToken } from '../../_tsu.ts';
import { canonicalizeFound } from '../xml/_libxml2.ts';
import { verifyTokenSignature } from './_token-signature.ts';

const at = Temporal.Instant.from('2026-06-01T00:00:00Z');
const tsu = createTsu();
const uris: Readonly<Record<string, string>> = {
  'SHA-256': 'http://www.w3.org/2001/04/xmlenc#sha256',
  'SHA-512': 'http://www.w3.org/2001/04/xmlenc#sha512',
};
const inclusive: CanonicalMethod = { edition: '1.0', comments: false };
const data = new TextEncoder().encode('Hello World!');

type Lists = readonly (readonly Uint8Array[])[];

function archiveTimeStamp(
  order: number,
  algorithm: DigestAlgorithm,
  lists: Lists,
  day: string,
): string {
  let node: Uint8Array | undefined;
  for (const list of lists) {
    const members = node ? [...list, node] : [...list];
    node = members.length === 1 ? members[0] : digest(algorithm, ...members.toSorted(compareBytes));
  }
  const token = issueToken(tsu, {
    messageImprint: buildMessageImprint(algorithm, node ?? new Uint8Array()),
    genTime: Temporal.Instant.from(`${day}T00:00:00Z`),
  });
  const tree = lists
    .map(
      (list, index) =>
        `<Sequence Order="${index + 1}">${list.map((value) => `<DigestValue>${toBase64(value)}</DigestValue>`).join('')}</Sequence>`,
    )
    .join('');
  return `<ArchiveTimeStamp Order="${order}"><HashTree>${tree}</HashTree><TimeStamp><TimeStampToken Type="RFC3161">${toBase64(token)}</TimeStampToken></TimeStamp></ArchiveTimeStamp>`;
}

function chain(order: number, algorithm: DigestAlgorithm, inside: string): string {
  return `<ArchiveTimeStampChain Order="${order}"><DigestMethod Algorithm="${uris[algorithm] ?? ''}"/><CanonicalizationMethod Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>${inside}</ArchiveTimeStampChain>`;
}

function record(inside: string): string {
  return `<EvidenceRecord xmlns="urn:ietf:params:xml:ns:ers" Version="1.0"><ArchiveTimeStampSequence>${inside}</ArchiveTimeStampSequence></EvidenceRecord>`;
}

function canonical(text: string, name: string, last = true): Buffer {
  const all = `(//*[local-name()='${name}'])`;
  return canonicalizeFound(text, last ? `${all}[last()]` : `${all}[1]`, inclusive);
}

const other = digest('SHA-256', Uint8Array.of(1));
const first = (value = digest('SHA-256', data)): string =>
  archiveTimeStamp(1, 'SHA-256', [[value, other], [other]], '2026-01-01');

const initial = record(chain(1, 'SHA-256', first()));
const renewedInside = first();
const renewed = record(
  chain(
    1,
    'SHA-256',
    `${renewedInside}${archiveTimeStamp(
      2,
      'SHA-256',
      [[digest('SHA-256', canonical(record(chain(1, 'SHA-256', renewedInside)), 'TimeStamp'))]],
      '2026-02-01',
    )}`,
  ),
);
const olderChains =
  /<ArchiveTimeStampSequence>(.*)<\/ArchiveTimeStampSequence>/s.exec(renewed)?.[1] ?? '';
const rehashed = record(
  olderChains +
    chain(
      2,
      'SHA-512',
      archiveTimeStamp(
        1,
        'SHA-512',
        [
          [
            digest('SHA-512', data),
            digest('SHA-512', canonical(renewed, 'ArchiveTimeStampSequence')),
          ],
        ],
        '2026-03-01',
      ),
    ),
);

type Judged = { readonly status: string; readonly errors: readonly string[] };

function judge(text: string, octets: Uint8Array = data): Judged {
  const { status, findings } = verifyEvidenceRecord({
    record: parseXmlEvidenceRecord(new TextEncoder().encode(text)),
    dataObjects: [
      {
        name: 'data',
        digest: (algorithm) => digest(algorithm, octets),
        octets: () => octets,
      },
    ],
    verifyToken: verifyTokenSignature,
    at,
  });
  return {
    status,
    errors: [
      ...new Set(findings.filter(({ level }) => level === 'error').map(({ check }) => check)),
    ],
  };
}

for (const [what, text] of [
  ['initial', initial],
  ['timestamp renewal', renewed],
  ['hash-tree renewal', rehashed],
] as const) {
  test(`good: ${what}`, (t) => {
    t.deepEqual(judge(text), { status: 'valid', errors: [] });
  });
  test(`not over other data: ${what}`, (t) => {
    const { status, errors } = judge(text, Uint8Array.of(2));
    t.is(status, 'invalid');
    t.true(errors.includes('initial-covers-data-objects'));
  });
}

test('XML data objects are found by their canonical form, too', (t) => {
  const canonicalForm = digest('SHA-256', new TextEncoder().encode('<a b="1"></a>'));
  const text = record(chain(1, 'SHA-256', first(canonicalForm)));
  t.is(judge(text, new TextEncoder().encode("<a b='1'/>")).status, 'valid');
  t.is(judge(text, new TextEncoder().encode("<a b='2'/>")).status, 'invalid');
});

const changes: readonly (readonly [what: string, text: string, check: string])[] = [
  [
    'the token before, in its element',
    renewed.replace('<TimeStamp>', '<TimeStamp >').replace('<TimeStamp >', '<TimeStamp x="1">'),
    'renewal-covers-previous-token',
  ],
  [
    'an older chain',
    rehashed.replace(
      'Version="1.0"><ArchiveTimeStampSequence>',
      'Version="1.0"><ArchiveTimeStampSequence x="1">',
    ),
    'renewal-covers-sequence',
  ],
  [
    'a digest of the tree',
    initial.replace(toBase64(other), toBase64(digest('SHA-256', Uint8Array.of(3)))),
    'root-is-imprint',
  ],
  [
    'the order of time',
    record(chain(1, 'SHA-256', first().replace('Order="1"', 'Order="2"') + first())),
    'renewal-covers-previous-token',
  ],
];

for (const [what, text, check] of changes)
  test(`noticed: ${what}`, (t) => {
    const { status, errors } = judge(text);
    t.is(status, 'invalid');
    t.true(errors.includes(check), errors.join());
  });

test('white space that canonical XML drops changes nothing', (t) => {
  t.is(judge(rehashed.replaceAll('<TimeStamp>', '<TimeStamp  >')).status, 'valid');
});

test('a canonicalization that is not known is no record that can be verified', (t) => {
  const text = initial.replace('REC-xml-c14n-20010315', 'REC-xml-c14n-20010315#other');
  t.like(
    t.throws(() => judge(text)),
    { code: 'ERR_UNSUPPORTED_ALGORITHM' },
  );
});
