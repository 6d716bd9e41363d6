// What an archive timestamp of CAdES saves once signer and TSU have expired, and what it does not: each row
// differs from a neighbour in one thing.
import test from 'ava';
import { anchorOf } from '../../_authority.ts';
import {
  addArchiveTimestampV2,
  addArchiveTimestampV3,
  buildIndex,
  withParts,
} from '../../_archive-timestamp.ts';
import { tokenSignerOf } from '../../_tsu.ts';
import {
  ca,
  crlsElsewhere,
  crlsOf,
  elsewhere,
  judge,
  root,
  said,
  sign,
  signatureTimestamp,
  signer,
  tsuOf,
} from './_world.ts';

const archiver = tsuOf('second');
const genTime = '2029-06-01T00:00:00Z';
/** CRLs from after the signature timestamp, and from just before the archive timestamp. */
const crlsOn = ['2027-02-01', '2029-05-20'];
const withT = sign({ unsigned: signatureTimestamp('first', '2027-01-01'), crlsOn });
const withoutTimestamp = withParts(withT, { unsignedAttrs: [] });
const withoutCrls = withParts(withT, { crls: [] });
const onlySignerCertificate = [signer.certificate.raw];

type Row = readonly [
  what: string,
  bytes: Uint8Array,
  signature: string,
  archive: string,
  document: string,
];

const noPoe = 'indeterminate OUT_OF_BOUNDS_NO_POE';
const hash = 'invalid HASH_FAILURE';

const rows: readonly Row[] = [
  ['none', withT, noPoe, 'missing', noPoe],
  ['version 3', addArchiveTimestampV3(archiver, withT, { genTime }), 'valid', 'valid', 'valid'],
  ['version 2', addArchiveTimestampV2(archiver, withT, { genTime }), 'valid', 'valid', 'valid'],
  [
    'version 3 that does not list the signature timestamp',
    addArchiveTimestampV3(archiver, withT, {
      genTime,
      index: { value: buildIndex(withoutTimestamp) },
    }),
    noPoe,
    'valid',
    noPoe,
  ],
  [
    'version 3 that does not list the CRLs: they are there, and not proved',
    addArchiveTimestampV3(archiver, withT, { genTime, index: { value: buildIndex(withoutCrls) } }),
    'valid',
    'valid',
    'valid',
  ],
  [
    'version 3 that lists what is not there',
    addArchiveTimestampV3(archiver, withT, { genTime, index: { foreign: 'crls' } }),
    noPoe,
    hash,
    hash,
  ],
  [
    'version 3, a certificate taken away afterwards',
    withParts(addArchiveTimestampV3(archiver, withT, { genTime }), {
      certificates: onlySignerCertificate,
    }),
    noPoe,
    hash,
    hash,
  ],
  [
    'version 2, a certificate taken away afterwards',
    withParts(addArchiveTimestampV2(archiver, withT, { genTime }), {
      certificates: onlySignerCertificate,
    }),
    noPoe,
    hash,
    hash,
  ],
];

for (const [what, bytes, signature, archive, document] of rows)
  test(what, (t) => {
    const { tree } = judge({ bytes, at: '2032-01-01' });
    const [node] = tree.children;
    t.is(said(node), signature);
    t.is(said(node?.children.find(({ facts }) => facts['type'] === 'archive')), archive);
    t.is(said(tree), document);
  });

test('the CA is compromised: only CRLs that the index lists are proved', (t) => {
  const { root: otherRoot, tsu } = elsewhere;
  const anchors = [anchorOf(root), anchorOf(otherRoot)];
  const other = { root: otherRoot, ca: otherRoot, tsu, anchors, signer: tokenSignerOf(tsu, []) };
  const before = sign({
    unsigned: signatureTimestamp('first', '2027-01-01'),
    crlsOn: ['2027-02-01'],
  });
  const at = Temporal.Instant.from('2027-04-01T00:00:00Z');
  const crls = [
    ...crlsOf('2027-05-30', [], [{ certificate: ca, at, reason: 'cACompromise' }]),
    ...crlsElsewhere('2027-05-30'),
  ];
  const signatureOf = (indexed: Uint8Array): string => {
    const bytes = addArchiveTimestampV3(other, before, {
      genTime: '2027-03-01T00:00:00Z',
      index: { value: buildIndex(indexed) },
    });
    const material = { tsuAnchors: anchors };
    return said(judge({ bytes, at: '2027-06-01', crls, material }).tree.children[0]);
  };
  t.is(signatureOf(before), 'valid');
  t.is(signatureOf(withParts(before, { crls: [] })), 'indeterminate NO_POE');
});
