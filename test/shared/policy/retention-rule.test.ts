import test from 'ava';
import { bundledPresets } from '#shared/policy/bundled.ts';
import { combineRetentionEnds, retentionEnd, selectPreset } from '#shared/policy/retention-rule.ts';
import { ConfigError } from '#shared/errors.ts';

const date = (text: string): Temporal.PlainDate => Temporal.PlainDate.from(text);

const lastDay = test.macro({
  exec(t, preset: string, start: string, expected: string) {
    const end = retentionEnd(selectPreset(bundledPresets, preset), { start: date(start) });
    t.is(end.kind === 'known' ? end.lastDay.toString() : 'unknown', expected);
  },
  title: (_, preset: string, start: string, expected: string) =>
    `${preset} from ${start} ends with ${expected}`,
});

test(lastDay, 'jp-medical-record', '2026-04-01', '2031-04-01');
test(lastDay, 'jp-medical-record', '2024-02-29', '2029-02-28');
test(lastDay, 'jp-medical-record', '2023-02-28', '2028-02-29');
test(lastDay, 'jp-specified-biological-product-use', '2026-12-31', '2046-12-31');
test(lastDay, 'jp-corporate-tax-loss', '2018-03-31', '2027-03-31');
test(lastDay, 'jp-corporate-tax-loss', '2018-04-01', '2028-04-01');

test('a missing start event is unknown, never ended', (t) => {
  t.deepEqual(retentionEnd(selectPreset(bundledPresets, 'jp-medical-record'), {}), {
    kind: 'unknown',
    missing: ['completion'],
  });
});

test('a later-of rule stays open while an event is missing', (t) => {
  const preset = selectPreset(bundledPresets, 'jp-gcp-site');
  t.is(retentionEnd(preset, { 'trial-end-or-stop': date('2026-01-01') }).kind, 'unknown');
  const end = retentionEnd(preset, {
    'trial-end-or-stop': date('2026-01-01'),
    'marketing-approval': date('2031-05-01'),
  });
  t.is(end.kind === 'known' && end.lastDay.toString(), '2031-05-01');
});

test('a notice of discontinuation replaces the approval', (t) => {
  const end = retentionEnd(selectPreset(bundledPresets, 'jp-gcp-site'), {
    'trial-end-or-stop': date('2026-01-01'),
    'notice-of-discontinuation': date('2027-01-01'),
  });
  t.is(end.kind === 'known' && end.lastDay.toString(), '2030-01-01');
});

test('a placeholder date is refused until the operator sets it', (t) => {
  t.throws(() => selectPreset(bundledPresets, 'jp-prescription-dispensed'), {
    instanceOf: ConfigError,
  });
  const preset = selectPreset(bundledPresets, 'jp-prescription-dispensed', {
    dates: { 'AMENDMENT-EFFECTIVE-DATE': '2027-04-01' },
  });
  const end = retentionEnd(preset, { start: date('2027-04-01') });
  t.is(end.kind === 'known' && end.lastDay.toString(), '2032-04-01');
});

test('an operator-defined period is refused until its years are set', (t) => {
  t.throws(() => selectPreset(bundledPresets, 'jp-qualification-evidence'), {
    instanceOf: ConfigError,
  });
  t.is(
    selectPreset(bundledPresets, 'jp-qualification-evidence', { years: 10 }).period.kind,
    'fixed',
  );
});

test('the latest end wins and an unknown one keeps everything', (t) => {
  const known = (day: string) => ({ kind: 'known', lastDay: date(day), estimated: false }) as const;
  const latest = combineRetentionEnds([known('2030-01-01'), known('2031-01-01')]);
  t.is(latest.kind === 'known' && latest.lastDay.toString(), '2031-01-01');
  t.is(
    combineRetentionEnds([known('2030-01-01'), { kind: 'unknown', missing: ['x'] }]).kind,
    'unknown',
  );
});
