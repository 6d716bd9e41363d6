import test from 'ava';
import { documentLine } from '#archiver/reports/document-line.ts';
import { DocumentJudge } from '#archiver/reports/document-outlook.ts';
import type { DocumentLine } from '#archiver/reports/report.ts';
import { bundledAccreditation } from '#shared/policy/bundled.ts';
import { oids } from '#shared/oid.ts';
import { licenceOf } from '#shared/policy/licences.ts';
import type {
  BatchRow,
  DocumentState,
  IntakeSignature,
  NewDocument,
} from '#shared/ports/catalogue.ts';
import type { AnchorClass } from '#shared/trust/anchors.ts';
import { at, batchRow, retention, rules, signature, signerFacts, storedRow } from './_archive.ts';

type Case = {
  readonly document?: Partial<NewDocument>;
  readonly batches?: readonly BatchRow[];
  readonly attached?: Partial<NewDocument>;
  readonly expected: Partial<DocumentLine>;
};

const line = test.macro({
  exec: (t, { document, batches = [batchRow('b1')], attached, expected }: Case) => {
    const found = documentLine(
      storedRow('a', document),
      { batches, attached: attached ? [storedRow('a.p7s', attached)] : [] },
      new DocumentJudge(at, rules),
    );
    const names = Object.keys(expected) as (keyof DocumentLine)[];
    t.deepEqual(Object.fromEntries(names.map((name) => [name, found[name]])), expected);
  },
  title: (name) => name ?? '',
});

const soon = Temporal.Instant.from('2030-03-01T00:00:00Z');
const past = Temporal.Instant.from('2029-12-31T23:59:59Z');
const far = Temporal.Instant.from('2040-01-01T00:00:00Z');
const before = Temporal.Instant.from('2029-12-01T00:00:00Z');

test('renewals carry it to the end', line, {
  expected: {
    standing: 'protected',
    outlook: 'by-renewal',
    verifiableNow: true,
    provableUntil: '2034-01-01T00:00:00Z',
    nextRenewal: '2033-10-03T00:00:00Z',
    renewalsLeft: 1,
    notMet: [],
    notShown: ['R-09'],
  },
});
test('covered to the end: no renewal (R-25)', line, {
  batches: [batchRow('b1', { horizon: far })],
  expected: { outlook: 'covered', nextRenewal: undefined, renewalsLeft: 0 },
});
test('the end is unknown: renewed without end (R-24)', line, {
  document: { retention: { ...retention, lastDay: undefined } },
  expected: { outlook: 'open-ended', renewalsLeft: undefined, notShown: ['R-09', 'R-24'] },
});
test('on hold beyond its last day', line, {
  document: { retention: { ...retention, lastDay: '2025-01-01', hold: true } },
  expected: { outlook: 'open-ended' },
});
test('its last day is past', line, {
  document: { retention: { ...retention, lastDay: '2029-12-31' } },
  expected: { outlook: 'ended' },
});
test('its last day is today, in the zone where it counts', line, {
  document: { retention: { ...retention, lastDay: '2030-01-01' } },
  expected: { outlook: 'covered' },
});
test('inside the lead time', line, {
  batches: [batchRow('b1', { horizon: soon })],
  expected: { standing: 'due', verifiableNow: true },
});
test('past its horizon', line, {
  batches: [batchRow('b1', { horizon: past })],
  expected: { standing: 'overdue', outlook: 'no', verifiableNow: false, notMet: ['R-12'] },
});
test('past its horizon, but not needed any longer', line, {
  document: { retention: { ...retention, lastDay: '2029-06-30' } },
  batches: [batchRow('b1', { horizon: past })],
  expected: { standing: 'protected', outlook: 'ended', verifiableNow: false },
});
test('waiting', line, {
  document: { state: 'waiting' },
  batches: [],
  expected: { standing: 'waiting', outlook: 'not-yet', verifiableNow: false, notMet: ['R-08'] },
});
test('waiting for longer than its rule allows', line, {
  document: { state: 'waiting', firstSeen: before },
  batches: [],
  expected: { standing: 'overdue' },
});
for (const state of ['broken', 'missing', 'changed'] as const) {
  test(`state ${state}`, line, {
    document: { state },
    expected: { standing: state, outlook: 'no', verifiableNow: false, nextRenewal: undefined },
  });
}
test('its only batch is broken', line, {
  batches: [batchRow('b1', { state: 'broken' })],
  expected: { standing: 'broken', outlook: 'no', verifiableNow: false },
});
test('one of two batches is broken: the other one proves it', line, {
  batches: [batchRow('b1', { state: 'broken', horizon: far }), batchRow('b2')],
  expected: { standing: 'protected', provableUntil: '2034-01-01T00:00:00Z' },
});
test('the later of two horizons counts', line, {
  batches: [batchRow('b1'), batchRow('b2', { horizon: far })],
  expected: { provableUntil: '2040-01-01T00:00:00Z' },
});
const confirmed = {
  name: 'A provider',
  scheme: 'jadac',
  from: Temporal.Instant.from('2020-01-01T00:00:00Z'),
  anchors: [batchRow('b1').newestToken.chain.at(-1)?.fingerprint ?? ''],
  tsaPolicies: [batchRow('b1').newestToken.tsaPolicy],
};
for (const [guideline, notShown] of [
  ['5.2', []],
  ['6.0', ['R-09']],
] as const)
  test(`a confirmed provider under the guideline ${guideline} (R-09, R-10)`, (t) => {
    const accreditation = { file: bundledAccreditation, guideline, entries: [confirmed] };
    const context = { batches: [batchRow('b1')], attached: [] };
    const got = documentLine(
      storedRow('a'),
      context,
      new DocumentJudge(at, { ...rules, accreditation }),
    );
    t.is(got.evidence[0]?.accreditation.status === 'accredited', notShown.length === 0);
    t.deepEqual(got.notShown, notShown);
    t.is(got.requirements.includes('R-10'), notShown.length === 0);
  });
test('nothing known ends its proof', line, {
  batches: [batchRow('b1', { horizon: undefined }), batchRow('b2')],
  expected: { provableUntil: undefined, outlook: 'covered', verifiableNow: true },
});
test('revocation behind its token is unknown', line, {
  batches: [batchRow('b1', { state: 'unknown' })],
  expected: { standing: 'unknown', verifiableNow: true },
});
test('its signature was not valid (R-14)', line, {
  document: { intake: { status: 'not-valid', at: '', signatures: [signature('invalid')] } },
  expected: { intake: 'not-valid', notMet: ['R-14'], notShown: ['R-09'] },
});
test('its signature could not be decided (R-14)', line, {
  document: { intake: { status: 'not-judged', at: '', signatures: [signature('not-judged')] } },
  expected: { notMet: [], notShown: ['R-09', 'R-14'] },
});
test('a detached signature speaks for its document', line, {
  attached: { intake: { status: 'not-valid', at: '', signatures: [signature('invalid')] } },
  expected: { intake: 'not-valid', notMet: ['R-14'] },
});
const missing = [{ fingerprint: '00', subject: 'CN=Signer', reason: 'no CRL at hand' }];
test('validation data not asked for yet (R-15)', line, {
  document: { validationPending: true },
  expected: {
    validationData: { status: 'waiting', object: undefined, missing: [], offences: [] },
    notShown: ['R-09', 'R-15', 'R-18'],
  },
});
test('validation data that is not to be had (R-15)', line, {
  attached: { validationPending: true },
  document: { validationMissing: missing },
  expected: {
    validationData: { status: 'missing', object: undefined, missing, offences: [] },
    notMet: ['R-15', 'R-18'],
  },
});
test('validation data that is kept (R-15)', line, {
  document: {
    validationData: { key: 'validation/1', size: 1, digests: { 'SHA-256': '00' }, offences: [] },
  },
  expected: {
    validationData: { status: 'complete', object: 'validation/1', missing: [], offences: [] },
    notMet: [],
    notShown: ['R-09'],
  },
});
test('a signature timestamp alone does not cover the whole document (R-08)', line, {
  document: { facts: signerFacts },
  expected: {
    timestamps: [
      {
        id: 'timestamp-1',
        type: 'signature',
        covers: 'signature',
        genTime: '2029-12-01T00:00:00Z',
        tsu: undefined,
        tsuNotAfter: undefined,
      },
    ],
  },
});

function signedBy(anchorClass: AnchorClass, licences: readonly string[] = []): IntakeSignature {
  return signature('valid', {
    qualification: {
      anchorClass,
      anchor: 'ee',
      licences: licences.map((name) => licenceOf({ name, codingScheme: oids.idJhpkiCdata })),
    },
  });
}

function intakeOf(one: IntakeSignature): NewDocument['intake'] {
  return { status: 'valid', at: at.toString(), signatures: [one] };
}

const prescriptions = { ...rules, rules: [{ name: 'jp-medical-record', requires: ['医師'] }] };

for (const [name, standing] of [
  ['Medical Doctor', 'compliant'],
  ['Pharmacist', 'wrong-qualification'],
] as const)
  test(`a class that demands a licence, signed by ${name} (R-02)`, (t) => {
    const document = storedRow('a', { intake: intakeOf(signedBy('hpki', [name])) });
    const context = { batches: [batchRow('b1')], attached: [] };
    const got = documentLine(document, context, new DocumentJudge(at, prescriptions));
    t.deepEqual(got.licence, { required: ['医師'], standing });
    t.is(got.notMet.includes('R-02'), standing !== 'compliant');
    // It says nothing of the evidence, which is renewed as before.
    t.is(got.nextRenewal, '2033-10-03T00:00:00Z');
  });

test('the licence of a detached signature counts for its document (R-02)', (t) => {
  const attached = storedRow('a.p7s', { intake: intakeOf(signedBy('hpki', ['Medical Doctor'])) });
  const context = { batches: [batchRow('b1')], attached: [attached] };
  const got = documentLine(storedRow('a'), context, new DocumentJudge(at, prescriptions));
  t.is(got.licence?.standing, 'compliant');
});

test('who signed a proof of the licence did not sign the document (R-02, R-06)', (t) => {
  const attached = storedRow('a.licence.txt', {
    intake: intakeOf(signedBy('hpki', ['Medical Doctor'])),
  });
  const context = { batches: [batchRow('b1')], attached: [attached] };
  const got = documentLine(storedRow('a'), context, new DocumentJudge(at, prescriptions));
  t.is(got.licence?.standing, 'qualification-not-shown');
  t.deepEqual(got.signatures, []);
  t.deepEqual(got.licenceProofs, ['a.licence.txt']);
});

test('of a witness the provider holds the key, and who instructed it is not shown (R-01, R-04)', (t) => {
  const document = storedRow('a', { intake: intakeOf(signedBy('witness-provider')) });
  const context = { batches: [batchRow('b1')], attached: [] };
  const [line] = documentLine(document, context, new DocumentJudge(at, rules)).signatures;
  t.deepEqual(line?.witness, {
    keyHolder: 'CN=見本 太郎,O=見本病院',
    instructedBy: 'not shown by the signature',
    evidence: [],
  });
  t.is(line?.assessment, 'not-assessed');
});

const beside = (key: string, state: DocumentState = 'protected') =>
  storedRow(key, { state, attachedTo: 1 });
const besides: readonly [
  string,
  ReturnType<typeof beside>,
  'evidence attached' | 'not shown by the signature',
  string,
][] = [
  ['evidence of who instructed it', beside('a.instruction.pdf'), 'evidence attached', ''],
  ['evidence that is waiting', beside('a.instruction.pdf', 'waiting'), 'evidence attached', ''],
  [
    'evidence that is gone',
    beside('a.instruction.pdf', 'missing'),
    'not shown by the signature',
    '',
  ],
  [
    'evidence that was changed',
    beside('a.instruction.pdf', 'changed'),
    'not shown by the signature',
    '',
  ],
  [
    'a proof of the licence',
    beside('a.licence.txt'),
    'not shown by the signature',
    'a.licence.txt',
  ],
  ['a signature', beside('a.p7s'), 'not shown by the signature', ''],
];
for (const [name, row, instructedBy, licenceProofs] of besides)
  test(`beside a witness’s signature: ${name} (R-01, R-06)`, (t) => {
    const document = storedRow('a', { intake: intakeOf(signedBy('witness-provider')) });
    const context = { batches: [batchRow('b1')], attached: [row] };
    const line = documentLine(document, context, new DocumentJudge(at, rules));
    const [{ witness } = { witness: undefined }] = line.signatures;
    t.is(witness?.instructedBy, instructedBy);
    t.deepEqual(witness?.evidence, instructedBy === 'evidence attached' ? [row.key] : []);
    t.is(line.licenceProofs.join(' '), licenceProofs);
  });
