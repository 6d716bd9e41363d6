// Accredited or not: anchor, policy, period and the table of the guideline's edition, each alone.
import test from 'ava';
import {
  type AccreditationEntry,
  askAccreditation,
  type DocumentClass,
  type StampedBy,
} from '#shared/policy/accreditation.ts';
import { bundledAccreditation } from '#shared/policy/bundled.ts';

const instant = (day: string): Temporal.Instant => Temporal.Instant.from(`${day}T00:00:00Z`);
const today = instant('2030-01-01');
const state: AccreditationEntry = {
  name: 'State',
  scheme: 'mic-2021-146',
  from: instant('2023-02-16'),
  anchors: ['aa'],
  tsaPolicies: ['1.2.3'],
};
const ended: AccreditationEntry = { ...state, until: instant('2029-01-01') };
const privately: AccreditationEntry = { ...state, name: 'Private', scheme: 'jadac' };
const token: StampedBy = { genTime: instant('2026-01-01'), tsaPolicy: '1.2.3', anchor: 'aa' };

type Row = {
  readonly entries?: readonly AccreditationEntry[];
  readonly token?: Partial<StampedBy>;
  readonly guideline?: string;
  readonly documentClass?: DocumentClass;
  readonly expected: string;
};

const rows: Readonly<Record<string, Row>> = {
  'nothing confirmed': { entries: [], expected: 'not-shown no-entry' },
  'confirmed, in its period, under its policy': { expected: 'State' },
  'another anchor': { token: { anchor: 'bb' }, expected: 'not-shown no-entry' },
  'a token without a path': { token: { anchor: undefined }, expected: 'not-shown no-entry' },
  'another policy of the same TSU': {
    token: { tsaPolicy: '1.2.4' },
    expected: 'not-shown other-policy',
  },
  'the day before its period': {
    token: { genTime: instant('2023-02-15') },
    expected: 'not-shown other-period',
  },
  'its first instant': { token: { genTime: state.from }, expected: 'State' },
  'the first instant after its period': {
    entries: [ended],
    token: { genTime: instant('2029-01-01') },
    expected: 'not-shown other-period',
  },
  'accredited when it stamped, no longer today': {
    entries: [ended],
    expected: 'State, no longer',
  },
  'accredited again under a later entry': {
    entries: [ended, { ...state, from: instant('2029-06-01') }],
    expected: 'State',
  },
  'the private scheme under 5.2': { entries: [privately], expected: 'Private, transitional' },
  'both schemes: the one without tolerance': { entries: [privately, state], expected: 'State' },
  'the private scheme under 6.0, kept by law (J-1)': {
    entries: [privately],
    guideline: '6.0',
    expected: 'not-shown scheme-not-accepted',
  },
  'the private scheme under 6.0, not kept by law (J-1)': {
    entries: [privately],
    guideline: '6.0',
    documentClass: 'other',
    expected: 'Private',
  },
};

for (const [what, row] of Object.entries(rows))
  test(what, (t) => {
    const { entries = [state], guideline = '5.2', documentClass = 'statutory' } = row;
    const answer = askAccreditation(
      { file: bundledAccreditation, guideline, entries },
      { ...token, ...row.token },
      documentClass,
      today,
    );
    const got =
      answer.kind === 'not-shown'
        ? `not-shown ${answer.reason}`
        : `${answer.entry.name}${answer.transitional ? ', transitional' : ''}${answer.today ? '' : ', no longer'}`;
    t.is(got, row.expected);
  });
