// Who signed, under the rules of a document class: licences demanded, providers assessed or not, and
// certificates that sign no documents.
import test from 'ava';
import {
  type AssessmentStatus,
  type LicenceStanding,
  type ProviderAssessment,
  assessmentOf,
  signerCompliance,
} from '#archiver/signers.ts';
import { licenceOf } from '#shared/policy/licences.ts';
import { oids } from '#shared/oid.ts';
import type { IntakeSignature } from '#shared/ports/catalogue.ts';
import type { AnchorClass } from '#shared/trust/anchors.ts';

const at = Temporal.Instant.from('2030-01-01T00:00:00Z');
const anchor = 'ab'.repeat(32);

function assessed(until: string): ProviderAssessment {
  return {
    anchor,
    provider: 'A provider',
    method: 2,
    evaluator: 'An evaluator',
    date: '2028-01-01',
    until: Temporal.Instant.from(until),
    document: 'evaluation.pdf',
  };
}

const hours = (count: number): string => at.add({ hours: count }).toString();

const statuses: Readonly<
  Record<string, readonly [readonly ProviderAssessment[], AssessmentStatus]>
> = {
  'none on file': [[], 'not-assessed'],
  'of another provider': [[{ ...assessed(hours(9999)), anchor: 'cd'.repeat(32) }], 'not-assessed'],
  'more than 90 days left': [[assessed(hours(90 * 24 + 1))], 'current'],
  '90 days left': [[assessed(hours(90 * 24))], 'lapsing'],
  'its last moment': [[assessed(hours(1))], 'lapsing'],
  lapsed: [[assessed(hours(0))], 'lapsed'],
  'renewed in time': [[assessed(hours(0)), assessed(hours(9999))], 'current'],
};

for (const [what, [assessments, expected]] of Object.entries(statuses))
  test(`an assessment: ${what}`, (t) => {
    t.is(assessmentOf(assessments, anchor, at).status, expected);
  });

type SignatureSpec = {
  readonly status?: IntakeSignature['status'];
  readonly anchorClass?: AnchorClass;
  readonly licences?: readonly string[];
  readonly codingScheme?: string;
  readonly refused?: boolean;
  readonly subIndication?: string;
};

function signature(spec: SignatureSpec = {}): IntakeSignature {
  const { status = 'valid', anchorClass = 'hpki', licences = [], refused = false } = spec;
  const { codingScheme = oids.idJhpkiCdata, subIndication } = spec;
  return {
    id: 'signature-1',
    status,
    subIndication,
    findings: refused
      ? [{ check: 'signer-policy-test', clause: '', level: 'error', message: '', facts: {} }]
      : [],
    qualification: {
      anchorClass,
      anchor,
      licences: licences.map((name) => licenceOf({ name, codingScheme })),
    },
  };
}

const doctor = ['Medical Doctor'];
const current = [assessed(hours(9999))];

const licences: Readonly<
  Record<
    string,
    readonly [readonly IntakeSignature[], readonly ProviderAssessment[], LicenceStanding]
  >
> = {
  'a doctor': [[signature({ licences: doctor })], [], 'compliant'],
  'a pharmacist': [[signature({ licences: ['Pharmacist'] })], [], 'wrong-qualification'],
  'a certificate without a role': [[signature()], [], 'qualification-not-shown'],
  'nobody signed': [[], [], 'qualification-not-shown'],
  'a doctor beside a pharmacist': [
    [signature({ licences: ['Pharmacist'] }), signature({ licences: doctor })],
    [],
    'compliant',
  ],
  'a signature that does not hold': [
    [signature({ licences: doctor, status: 'indeterminate' })],
    [],
    'qualification-not-shown',
  ],
  'the same words of another scheme': [
    [signature({ licences: doctor, codingScheme: '1.2.3' })],
    [],
    'wrong-qualification',
  ],
  'a provider that nobody assessed': [
    [signature({ licences: doctor, anchorClass: 'other' })],
    [],
    'qualification-not-shown',
  ],
  'a provider whose assessment lapsed': [
    [signature({ licences: doctor, anchorClass: 'other' })],
    [assessed(hours(-1))],
    'qualification-not-shown',
  ],
  'a provider that was assessed': [
    [signature({ licences: doctor, anchorClass: 'other' })],
    current,
    'compliant',
  ],
  'an accredited provider': [
    [signature({ licences: doctor, anchorClass: 'accredited' })],
    [],
    'compliant',
  ],
};

for (const [who, [signatures, assessments, expected]] of Object.entries(licences))
  for (const required of ['医師', 'Medical Doctor'])
    test(`${required} is demanded: ${who}`, (t) => {
      const found = signerCompliance(signatures, [required], { assessments, at });
      t.is(found.licence, expected);
      t.is(found.notMet.includes('R-02'), expected === 'wrong-qualification');
      t.is(found.notShown.includes('R-02'), expected === 'qualification-not-shown');
    });

test('where no licence is demanded nothing is said of one', (t) => {
  const { licence, requirements } = signerCompliance([signature({ licences: doctor })], [], {
    assessments: [],
    at,
  });
  t.is(licence, undefined);
  t.false(requirements.includes('R-02'));
});

type Row = readonly [
  who: string,
  one: IntakeSignature,
  assessments: readonly ProviderAssessment[],
  notMet: readonly string[],
  notShown: readonly string[],
];

const byAssessment = ['R-04', 'R-05'];
const lapsed = [assessed(hours(-1))];
const refusedNow = { refused: true, status: 'indeterminate' } as const;
const noStatus = { status: 'indeterminate', subIndication: 'TRY_LATER' } as const;

const compliance: readonly Row[] = [
  ['HPKI as it should be', signature(), [], [], []],
  ['an HPKI test certificate', signature(refusedNow), [], ['R-03'], []],
  ['JPKI with revocation data', signature({ anchorClass: 'jpki' }), [], [], []],
  ['JPKI without', signature({ anchorClass: 'jpki', ...noStatus }), [], [], ['R-07']],
  [
    'a JPKI authentication certificate',
    signature({ anchorClass: 'jpki', ...refusedNow }),
    [],
    ['R-07'],
    [],
  ],
  ['an accredited service', signature({ anchorClass: 'accredited' }), [], [], []],
  ...(['other', 'witness-provider'] as const).flatMap((anchorClass): Row[] => [
    [`${anchorClass}, not assessed`, signature({ anchorClass }), [], [], byAssessment],
    [`${anchorClass}, lapsed`, signature({ anchorClass }), lapsed, byAssessment, []],
    [`${anchorClass}, assessed`, signature({ anchorClass }), current, [], []],
  ]),
];

for (const [who, one, assessments, notMet, notShown] of compliance)
  test(`by requirement number: ${who}`, (t) => {
    const found = signerCompliance([one], [], { assessments, at });
    t.deepEqual([found.notMet, found.notShown], [notMet, notShown]);
  });

test('a signature of which no path was found says nothing', (t) => {
  const unknown = { ...signature(), qualification: undefined };
  const { requirements } = signerCompliance([unknown], [], { assessments: [], at });
  t.deepEqual(requirements, []);
});
