// What makes a signature one: it shows who signed, and whether a bit was changed since; the same for every format
// (MHLW guideline, 6.12 C.1(1); R-01).
import test from 'ava';
import { toBase64 } from '#shared/bytes.ts';
import { digestUri } from '#shared/crypto/digest-uri.ts';
import { digest } from '#shared/crypto/digest.ts';
import { type AlgorithmProfile, selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { buildMessageImprint } from '#shared/tsp/build-token.ts';
import { validateLongTerm } from '#shared/validation/long-term.ts';
import type { VerdictNode } from '#shared/validation/verdict.ts';
import { anchorOf, issueCrl } from '../../_authority.ts';
import { buildTestCms, testRoot } from '../../_cms.ts';
import { materialOf } from '../../_material.ts';
import { plainObjects, plainPdf, signPdf } from '../../_pdf.ts';
import { createTsu, issueToken } from '../../_tsu.ts';
import { signXades } from '../../_xades.ts';
import { buildZip, type TestEntry } from '../../_zip.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const at = Temporal.Instant.from('2026-06-01T00:00:00Z');
const tsu = createTsu();
const material = materialOf({
  signerAnchors: [anchorOf(testRoot)],
  tsuAnchors: tsu.anchors,
  crls: [testRoot, tsu.root, tsu.ca].map((issuer) =>
    issueCrl({ issuer, thisUpdate: '2026-05-30T00:00:00Z' }),
  ),
});

function judge(bytes: Uint8Array, algorithmPolicy?: AlgorithmProfile): VerdictNode {
  const digestOf = (algorithm: Parameters<typeof digest>[0]) => digest(algorithm, bytes);
  const document = { name: 'a', bytes, size: bytes.length, digest: digestOf };
  const input = { ...document, evidenceRecords: [], at, material };
  return validateLongTerm(
    algorithmPolicy ? { ...input, material: { ...material, algorithmPolicy } } : input,
  ).tree;
}

function signatureIn(node: VerdictNode): VerdictNode | undefined {
  return node.subject === 'signature' ? node : node.children.map(signatureIn).find(Boolean);
}

/** ASiC-E: a manifest over two entries, signed. */
function container(algorithm: 'SHA-256' | 'SHA-512' = 'SHA-256'): readonly TestEntry[] {
  const entries = [
    ['rx.txt', encode('the prescription')],
    ['note.txt', encode('the note')],
  ] as const;
  const references = entries.map(
    ([name, octets]) =>
      `<a:DataObjectReference URI="${name}"><d:DigestMethod Algorithm="${digestUri(algorithm)}"/><d:DigestValue>${toBase64(digest(algorithm, octets))}</d:DigestValue></a:DataObjectReference>`,
  );
  const manifest = encode(
    `<a:ASiCManifest xmlns:a="http://uri.etsi.org/02918/v1.2.1#" xmlns:d="http://www.w3.org/2000/09/xmldsig#"><a:SigReference URI="META-INF/signature.p7s"/>${references.join('')}</a:ASiCManifest>`,
  );
  return [
    { name: 'mimetype', data: 'application/vnd.etsi.asic-e+zip' },
    ...entries.map(([name, data]) => ({ name, data })),
    { name: 'META-INF/ASiCManifest.xml', data: manifest },
    { name: 'META-INF/signature.p7s', data: buildTestCms({ content: manifest, detached: true }) },
  ];
}

function simple(content: Uint8Array): readonly TestEntry[] {
  return [
    { name: 'mimetype', data: 'application/vnd.etsi.asic-s+zip' },
    { name: 'rx.txt', data: content },
    {
      name: 'META-INF/signature.p7s',
      data: buildTestCms({ content: encode('the prescription'), detached: true }),
    },
  ];
}

/** The octet at `index` with this bit turned. */
function turned(octets: Uint8Array, index: number, bit: number): Uint8Array {
  const copy = Uint8Array.from(octets);
  copy[index] = (copy[index] ?? 0) ^ (1 << bit);
  return copy;
}

/** The text somewhere in a file, with a bit of it turned. */
function turnedIn(octets: Uint8Array, text: string): Uint8Array {
  const index = Buffer.from(octets).indexOf(text);
  if (index < 0) throw new Error(`no ${text} in it`);
  return turned(octets, index, 0);
}

const cades = buildTestCms({ content: encode('the prescription') });
const xades = encode(signXades({ data: '<rx Id="data">the prescription</rx>' }));
const pades = signPdf(plainPdf({ ...plainObjects, 9: '(the prescription)' }), {
  sign: (covered) => buildTestCms({ content: covered, detached: true }),
});

type Format = {
  readonly good: Uint8Array;
  readonly altered: Uint8Array;
  /** What the verdict names as not intact. */
  readonly reference: RegExp;
};

const formats: Readonly<Record<string, Format>> = {
  CAdES: { good: cades, altered: turnedIn(cades, 'the prescription'), reference: /message-digest/ },
  XAdES: { good: xades, altered: turnedIn(xades, 'the prescription'), reference: /#data/ },
  PAdES: {
    good: pades,
    altered: turnedIn(pades, '(the prescription)'),
    reference: /message-digest/,
  },
  'ASiC-S': {
    good: buildZip(simple(encode('the prescription'))),
    altered: buildZip(simple(turned(encode('the prescription'), 0, 0))),
    reference: /rx\.txt/,
  },
  'ASiC-E': {
    good: buildZip(container()),
    altered: buildZip(
      container().map((entry) =>
        entry.name === 'note.txt' ? { ...entry, data: turned(encode('the note'), 3, 5) } : entry,
      ),
    ),
    reference: /note\.txt/,
  },
};

for (const [name, { good, altered, reference }] of Object.entries(formats)) {
  test(`${name}: the signer is named from the certificate`, (t) => {
    const tree = judge(good);
    t.is(tree.indication, 'TOTAL-PASSED', JSON.stringify(signatureIn(tree)?.findings));
    t.regex(String(signatureIn(tree)?.facts['signer']), /CN=/);
  });
  test(`${name}: one bit turned: TOTAL-FAILED, and what does not fit is named`, (t) => {
    const tree = judge(altered);
    t.is(tree.indication, 'TOTAL-FAILED');
    t.is(tree.subIndication, 'HASH_FAILURE');
    const found = signatureIn(tree)?.findings.map(({ check, message, facts }) =>
      JSON.stringify([check, message, facts]),
    );
    t.regex(found?.join(' ') ?? '', reference);
  });
}

const missing = buildZip(container().filter(({ name }) => name !== 'note.txt'));
const withoutDigest = buildZip(
  container().map((entry) =>
    entry.name === 'META-INF/ASiCManifest.xml' ? { ...entry, data: 'no manifest' } : entry,
  ),
);

test('ASiC-E: an entry that is gone leaves open what was signed', (t) => {
  const tree = judge(missing);
  t.deepEqual([tree.indication, tree.subIndication], ['INDETERMINATE', 'SIGNED_DATA_NOT_FOUND']);
  t.regex(JSON.stringify(signatureIn(tree)?.findings), /note\.txt/);
});

test('ASiC-E: a manifest that is none is not what was signed', (t) => {
  t.not(judge(withoutDigest).indication, 'TOTAL-PASSED');
});

test('ASiC-E: digests of the manifest are asked of the algorithm policy, too', (t) => {
  const policy = (digestName: string, end: string) =>
    selectProfile(bundledPolicies, 'jp-medical', [
      {
        algorithm: digestName,
        endExclusive: Temporal.Instant.from(end),
        source: 'test',
      },
    ]);
  const octets = buildZip(container('SHA-512'));
  const under = (digestName: string) =>
    judge(octets, policy(digestName, '2026-01-01T00:00:00Z')).subIndication;
  t.is(under('SHA-512'), 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE');
  t.is(under('SHA-384'), undefined);
});

/** ASiC-E without a signature: a timestamp over a manifest of one entry. */
function stamped(kind: string, octets: Uint8Array, name = 'rx.txt'): Uint8Array {
  const manifest = encode(
    `<a:ASiCManifest xmlns:a="http://uri.etsi.org/02918/v1.2.1#" xmlns:d="http://www.w3.org/2000/09/xmldsig#"><a:SigReference URI="META-INF/timestamp.tst"/><a:DataObjectReference URI="${name}"><d:DigestMethod Algorithm="${digestUri('SHA-256')}"/><d:DigestValue>${toBase64(digest('SHA-256', encode('the prescription')))}</d:DigestValue></a:DataObjectReference></a:ASiCManifest>`,
  );
  const messageImprint = buildMessageImprint('SHA-256', digest('SHA-256', manifest));
  return buildZip([
    { name: 'mimetype', data: 'application/vnd.etsi.asic-e+zip' },
    { name, data: octets },
    { name: `META-INF/${kind}.xml`, data: manifest },
    { name: 'META-INF/timestamp.tst', data: issueToken(tsu, { messageImprint }) },
  ]);
}

for (const kind of ['ASiCManifest', 'ASiCArchiveManifest'])
  test(`ASiC-E: what a timestamp over an ${kind} proves ends with a changed entry`, (t) => {
    const good = encode('the prescription');
    t.is(judge(stamped(kind, good)).indication, 'TOTAL-PASSED');
    const tree = judge(stamped(kind, turned(good, 0, 0)));
    t.deepEqual([tree.indication, tree.subIndication], ['TOTAL-FAILED', 'HASH_FAILURE']);
  });

test('ASiC-E: a signature file that was added to since its archive timestamp is said, and speaks for itself', (t) => {
  const later = encode('the prescription and more');
  const [timestamp] = judge(
    stamped('ASiCArchiveManifest', later, 'META-INF/signature001.p7s'),
  ).children.filter(({ subject }) => subject === 'timestamp');
  t.is(timestamp?.status, 'valid');
  t.like(
    timestamp?.findings.find(({ check }) => check === 'manifest-entries'),
    { level: 'warning' },
  );
});
