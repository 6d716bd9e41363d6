// EN 319 102-1 §5.6: what a proof of existence saves, and what it does not, each by one row that differs from
// a neighbour in one thing.
import test from 'ava';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { oids } from '#shared/oid.ts';
import { anchorOf } from '../../_authority.ts';
import { testContent } from '../../_cms.ts';
import { appendRevision, plainPdf, signPdf } from '../../_pdf.ts';
import { testAttribute } from '../../_tsu.ts';
import {
  ca,
  crlsElsewhere,
  crlsOf,
  elsewhere,
  judge,
  nodesOf,
  profileWith,
  recordOver,
  root,
  type Row,
  said,
  sign,
  signatureTimestamp,
  signer,
  stamp,
  stampElsewhere,
} from './_world.ts';

const instant = (text: string): Temporal.Instant => Temporal.Instant.from(`${text}T00:00:00Z`);
const stamped = signatureTimestamp('first', '2027-01-01');
/** With CRLs issued after the timestamp and before the signer’s certificate ended. */
const withT = sign({ unsigned: stamped, crlsOn: ['2027-02-01'] });
const plain = sign({ crlsOn: ['2027-02-01'] });
const valid = 'valid';
/** The root as a list has it: trusted within these periods alone. */
const listed = (...periods: readonly (readonly [string, string | undefined])[]) => [
  {
    ...anchorOf(root),
    periods: periods.map(([since, until]) => ({
      since: instant(since),
      until: until === undefined ? undefined : instant(until),
    })),
  },
];
const revoking = (
  at: string,
  more: { readonly invalidityDate?: string; readonly reason?: 'keyCompromise' | 'superseded' } = {},
): NonNullable<Row['crls']> =>
  crlsOf('2027-06-01', [
    {
      certificate: signer,
      at: instant(at),
      reason: more.reason ?? 'keyCompromise',
      ...(more.invalidityDate && { invalidityDate: instant(more.invalidityDate) }),
    },
  ]);

const rows: Readonly<Record<string, readonly [Row, signature: string, document?: string]>> = {
  'in force, nothing else': [{ bytes: sign(), at: '2027-06-01' }, valid],
  'revocation unknown': [{ bytes: sign(), at: '2027-06-01', crls: [] }, 'indeterminate TRY_LATER'],
  'revocation unknown, and not asked': [
    { bytes: sign(), at: '2027-06-01', crls: [], material: { revocationMode: 'none' } },
    valid,
  ],
  'expired without a proof': [
    { bytes: plain, at: '2029-01-01' },
    'indeterminate OUT_OF_BOUNDS_NO_POE',
  ],
  'expired, proved by its timestamp': [{ bytes: withT, at: '2029-01-01' }, valid],
  'expired, timestamp after the end': [
    {
      bytes: sign({ unsigned: signatureTimestamp('first', '2028-06-01'), crlsOn: ['2027-02-01'] }),
      at: '2029-01-01',
    },
    'indeterminate OUT_OF_BOUNDS_NO_POE',
  ],
  'expired, proved, the newest CRL older than the proof': [
    { bytes: sign({ unsigned: stamped, crlsOn: ['2026-12-01'] }), at: '2029-01-01' },
    'indeterminate TRY_LATER',
  ],
  'revoked later than the proof': [
    { bytes: withT, at: '2027-06-02', crls: revoking('2027-04-01') },
    valid,
  ],
  'revoked at the instant of the proof': [
    { bytes: withT, at: '2027-06-02', crls: revoking('2027-01-01') },
    'indeterminate REVOKED_NO_POE',
  ],
  'revoked earlier than the proof': [
    { bytes: withT, at: '2027-06-02', crls: revoking('2026-12-01') },
    'indeterminate REVOKED_NO_POE',
  ],
  'revoked without a proof': [
    { bytes: plain, at: '2027-06-02', crls: revoking('2027-04-01') },
    'indeterminate REVOKED_NO_POE',
  ],
  'compromised before the proof, revoked later': [
    {
      bytes: withT,
      at: '2027-06-02',
      crls: revoking('2027-04-01', { invalidityDate: '2026-12-01' }),
    },
    'indeterminate REVOKED_NO_POE',
  ],
  'superseded since before the proof: only a compromise reaches back': [
    {
      bytes: withT,
      at: '2027-06-02',
      crls: revoking('2027-04-01', { invalidityDate: '2026-12-01', reason: 'superseded' }),
    },
    valid,
  ],
  'TSU expired, nothing covers it': [
    { bytes: withT, at: '2032-01-01' },
    'indeterminate OUT_OF_BOUNDS_NO_POE',
  ],
  'TSU expired, covered by a record': [
    { bytes: sign({ unsigned: stamped, crlsOn: ['2027-02-01', '2029-05-20'] }), at: '2032-01-01' },
    valid,
  ],
  'TSU expired, covered, its newest CRL stale by then': [
    { bytes: sign({ unsigned: stamped, crlsOn: ['2027-02-01', '2029-01-01'] }), at: '2032-01-01' },
    'indeterminate OUT_OF_BOUNDS_NO_POE',
  ],
  'proved by a record alone': [
    {
      bytes: plain,
      at: '2032-01-01',
      crls: ['2029-05-20', '2032-01-01'].flatMap((on) => crlsOf(on)),
    },
    valid,
  ],
  'proved by a token beside it': [
    {
      bytes: plain,
      at: '2029-06-01',
      tokens: [stamp('first', '2027-01-20', digest('SHA-256', plain))],
    },
    valid,
  ],
  'a token beside it over something else': [
    {
      bytes: plain,
      at: '2029-06-01',
      tokens: [stamp('first', '2027-01-20', digest('SHA-256', testContent))],
    },
    'indeterminate OUT_OF_BOUNDS_NO_POE',
    'invalid HASH_FAILURE',
  ],
  'RSA ended, proved before': [
    {
      bytes: withT,
      at: '2029-06-01',
      material: {
        algorithmPolicy: profileWith({
          algorithm: 'RSA',
          endExclusive: instant('2029-01-01'),
          source: 'test',
        }),
      },
    },
    valid,
  ],
  'RSA ended before the proof': [
    {
      bytes: withT,
      at: '2029-06-01',
      material: {
        algorithmPolicy: profileWith({
          algorithm: 'RSA',
          endExclusive: instant('2026-12-01'),
          source: 'test',
        }),
      },
    },
    'indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
  ],
  'all that signs certificates ended, proved before, by nothing that lasts': [
    {
      bytes: withT,
      at: '2027-06-01',
      material: {
        algorithmPolicy: profileWith({
          algorithm: 'ECDSA',
          endExclusive: instant('2027-05-01'),
          source: 'test',
        }),
      },
    },
    'indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
  ],
  'anchor no longer trusted, nothing older': [
    {
      bytes: sign(),
      at: '2027-06-01',
      material: { signerAnchors: [anchorOf(root, instant('2027-05-01'))] },
    },
    'indeterminate OUT_OF_BOUNDS_NO_POE',
  ],
  'anchor no longer trusted, proved before': [
    {
      bytes: withT,
      at: '2027-06-01',
      tokens: [stamp('first', '2027-02-20', digest('SHA-256', withT))],
      material: { signerAnchors: [anchorOf(root, instant('2027-05-01'))] },
    },
    valid,
  ],
  'anchor no longer trusted, revocation data only known later': [
    {
      bytes: withT,
      at: '2027-06-01',
      tokens: [stamp('first', '2027-05-02', digest('SHA-256', withT))],
      material: { signerAnchors: [anchorOf(root, instant('2027-05-01'))] },
    },
    'indeterminate NO_POE',
  ],
  'signer expired, proved while its service was withdrawn for a time': [
    {
      bytes: withT,
      at: '2029-06-01',
      material: {
        signerAnchors: listed(['2018-01-01', '2026-12-01'], ['2027-06-01', undefined]),
      },
    },
    'indeterminate OUT_OF_BOUNDS_NO_POE',
  ],
  'signer expired, proved before its service was granted': [
    {
      bytes: withT,
      at: '2029-06-01',
      material: { signerAnchors: listed(['2027-06-01', undefined]) },
    },
    'indeterminate OUT_OF_BOUNDS_NO_POE',
  ],
  'signer expired, proved within one of the periods of its service': [
    {
      bytes: withT,
      at: '2029-06-01',
      material: {
        signerAnchors: listed(['2018-01-01', '2026-12-01'], ['2026-12-15', '2027-06-01']),
      },
    },
    valid,
  ],
  'in force, proved': [{ bytes: withT, at: '2027-06-01' }, valid],
  'authority unknown': [
    { bytes: withT, at: '2027-06-01', material: { signerAnchors: [] } },
    'indeterminate NO_CERTIFICATE_CHAIN_FOUND',
  ],
  'timestamp older than the signer’s certificate': [
    { bytes: sign({ unsigned: signatureTimestamp('first', '2025-06-01') }), at: '2027-06-01' },
    'invalid NOT_YET_VALID',
  ],
  'content stamped later than the signature over it': [
    {
      bytes: sign({
        unsigned: stamped,
        extraSigned: [
          testAttribute(
            oids.idAaEtsContentTimestamp,
            stamp('first', '2027-01-02', digest('SHA-256', testContent)),
          ),
        ],
      }),
      at: '2027-06-01',
    },
    'indeterminate TIMESTAMP_ORDER_FAILURE',
  ],
  'content stamped before the signature over it': [
    {
      bytes: sign({
        unsigned: stamped,
        extraSigned: [
          testAttribute(
            oids.idAaEtsContentTimestamp,
            stamp('first', '2026-12-31', digest('SHA-256', testContent)),
          ),
        ],
      }),
      at: '2027-06-01',
    },
    valid,
  ],
  'a timestamp over another signature beside one that holds': [
    {
      bytes: sign({
        unsigned: () => [
          testAttribute(
            oids.idAaSignatureTimeStampToken,
            stamp('first', '2027-01-01', digest('SHA-256', testContent)),
          ),
        ],
      }),
      at: '2027-06-01',
    },
    valid,
    'invalid HASH_FAILURE',
  ],
};

/** Rows whose proof is a record over the finished document. */
const recorded: Readonly<Record<string, readonly (readonly ['first' | 'second', string])[]>> = {
  'TSU expired, covered by a record': [['second', '2029-06-01']],
  'TSU expired, covered, its newest CRL stale by then': [['second', '2029-06-01']],
  'proved by a record alone': [
    ['first', '2027-01-20'],
    ['second', '2029-06-01'],
  ],
};

for (const [what, [row, signature, document = signature]] of Object.entries(rows))
  test(`${what}: ${signature}`, (t) => {
    const steps = recorded[what];
    const { tree } = judge(steps ? { ...row, records: [recordOver(row.bytes, steps)] } : row);
    const node = nodesOf(tree).find(({ subject }) => subject === 'signature');
    t.deepEqual([said(node), said(tree)], [signature, document]);
  });

test('the CA is compromised: only revocation data that was proved before counts', (t) => {
  const crls = crlsOf(
    '2027-05-30',
    [],
    [{ certificate: ca, at: instant('2027-04-01'), reason: 'cACompromise' }],
  );
  const row = { at: '2027-06-01', crls };
  // The TSU's path falls with the same CA, so that nothing is proved.
  t.is(said(judge({ ...row, bytes: withT }).tree), 'indeterminate REVOKED_CA_NO_POE');
  const signatureOf = (bytes: Uint8Array, more: NonNullable<Row['crls']>): string => {
    const tokens = [stampElsewhere('2027-03-01', digest('SHA-256', bytes))];
    const { tree } = judge({
      ...row,
      bytes,
      tokens,
      crls: [...crls, ...more, ...crlsElsewhere('2027-05-30')],
      material: { tsuAnchors: [anchorOf(root), anchorOf(elsewhere.root)] },
    });
    return said(nodesOf(tree).find(({ subject }) => subject === 'signature'));
  };
  t.is(signatureOf(withT, []), 'valid', 'an authority elsewhere proves all of it');
  const without = sign({ unsigned: stamped });
  t.is(
    signatureOf(without, crlsOf('2027-02-01')),
    'indeterminate NO_POE',
    'a list from who knows when',
  );
});

test('three renewals: each token holds as of the next, the last as of now', (t) => {
  const document = new TextEncoder().encode('plain data');
  const steps = [
    ['first', '2027-01-01'],
    ['first', '2029-01-01'],
    ['second', '2029-06-01'],
    ['third', '2039-01-01'],
  ] as const;
  const crls = ['2028-12-20', '2029-05-20', '2038-12-20', '2050-01-01'].flatMap((on) => crlsOf(on));
  const row = { bytes: document, at: '2050-01-02', crls };
  const whole = judge({ ...row, records: [recordOver(document, steps)] });
  t.is(said(whole.tree), 'valid');
  t.deepEqual(
    whole.tokens.map(({ outermost }) => outermost),
    [false, false, false, true],
  );
  t.is(
    nodesOf(whole.tree).filter(({ subject }) => subject === 'archive-timestamp').length,
    steps.length,
  );
  const lapsed = judge({ ...row, records: [recordOver(document, steps.slice(0, 3))] });
  t.is(said(lapsed.tree), 'indeterminate OUT_OF_BOUNDS_NO_POE');
  const late = judge({
    ...row,
    records: [recordOver(document, [...steps.slice(0, 2), ['third', '2039-01-01']])],
  });
  t.not(late.tree.status, 'valid', 'renewed after the unit before had ended');
  const changed = Uint8Array.from(document);
  changed[0] = 0;
  const other = judge({ ...row, bytes: changed, records: [recordOver(document, steps)] });
  t.is(said(other.tree), 'invalid HASH_FAILURE');
});

const cms = (covered: Uint8Array): Uint8Array =>
  sign({
    content: covered,
    detached: true,
    unsigned: stamped,
    crlsOn: ['2027-02-01', '2029-05-20'],
  });
const documentTimestamp = {
  subFilter: 'ETSI.RFC3161',
  number: 20,
  name: 'Timestamp',
  otherFields: [11],
};

const inHex = `${toHex(ca.certificate.raw)}>`;
const certificateStream = `<< /Filter /ASCIIHexDecode /Length ${inHex.length} >>\nstream\n${inHex}\nendstream`;

test('a document timestamp covers the TSU that expired', (t) => {
  const signed = signPdf(plainPdf(), { sign: cms });
  const covered = signPdf(signed, {
    ...documentTimestamp,
    sign: (octets) => stamp('second', '2029-06-01', digest('SHA-256', octets)),
  });
  const at = '2032-01-01';
  t.is(said(judge({ bytes: signed, at }).tree), 'indeterminate OUT_OF_BOUNDS_NO_POE');
  t.is(said(judge({ bytes: covered, at }).tree), 'valid');
  const signature = nodesOf(judge({ bytes: covered, at }).tree).find(
    ({ subject }) => subject === 'signature',
  );
  t.is(signature?.facts['existsSince'], '2027-01-01T00:00:00Z');
  t.true(signature?.sentence.ja.includes('2027-01-01'));
});

test('a broken document timestamp over a signature that holds spoils the document', (t) => {
  const signed = signPdf(plainPdf(), { sign: cms });
  const bytes = signPdf(signed, {
    ...documentTimestamp,
    sign: () => stamp('first', '2027-03-01', digest('SHA-256', testContent)),
  });
  const { tree } = judge({ bytes, at: '2027-06-01' });
  t.is(said(tree), 'invalid HASH_FAILURE');
  t.is(said(nodesOf(tree).find(({ subject }) => subject === 'signature')), 'valid');
});

test('a page that is another one since a document timestamp is not what was stamped', (t) => {
  const stamped = signPdf(plainPdf(), {
    subFilter: 'ETSI.RFC3161',
    sign: (octets) => stamp('first', '2027-03-01', digest('SHA-256', octets)),
  });
  const says = (bytes: Uint8Array): string => said(judge({ bytes, at: '2027-06-01' }).tree);
  t.is(says(stamped), 'valid');
  const page = '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 20 20] >>';
  t.is(says(appendRevision(stamped, { 3: page })), 'indeterminate SIG_CONSTRAINTS_FAILURE');
});

test('validation data taken out of a PDF after a document timestamp over it spoils the document', (t) => {
  const signed = signPdf(plainPdf(), { sign: cms });
  const stamped = signPdf(signed, {
    ...documentTimestamp,
    extraCatalog: '/DSS 40 0 R',
    extraObjects: { 40: '<< /Certs [41 0 R] >>', 41: certificateStream },
    sign: (octets) => stamp('first', '2027-03-01', digest('SHA-256', octets)),
  });
  const says = (bytes: Uint8Array): string => said(judge({ bytes, at: '2027-06-01' }).tree);
  t.is(says(stamped), 'valid');
  t.is(
    says(appendRevision(stamped, { 40: '<< /Certs [] >>' })),
    'indeterminate SIG_CONSTRAINTS_FAILURE',
  );
});

test('plain data without evidence is not proved', (t) => {
  t.is(said(judge({ bytes: testContent, at: '2027-06-01' }).tree), 'indeterminate NO_POE');
});

test('evidence beside it that is none is a verdict', (t) => {
  const row = { bytes: testContent, at: '2027-06-01' };
  t.is(said(judge({ ...row, records: [testContent] }).tree), 'invalid FORMAT_FAILURE');
  t.is(said(judge({ ...row, tokens: [testContent] }).tree), 'invalid FORMAT_FAILURE');
});

test('every verdict has a sentence in both languages without gaps', (t) => {
  for (const [row] of Object.values(rows))
    for (const { sentence } of nodesOf(judge(row).tree)) {
      t.false(/\{\w+\}|–/.test(sentence.en), sentence.en);
      t.false(/\{\w+\}|–/.test(sentence.ja), sentence.ja);
    }
});
