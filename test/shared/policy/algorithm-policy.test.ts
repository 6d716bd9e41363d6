import test from 'ava';
import fc from 'fast-check';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import {
  acceptableAt,
  askProfile,
  selectProfile,
  type AlgorithmQuestion,
} from '#shared/policy/algorithm-policy.ts';

const p256: AlgorithmQuestion = {
  kind: 'signature',
  scheme: 'ECDSA',
  keyBits: 256,
  digest: 'SHA-256',
};
const rsa = (keyBits: number): AlgorithmQuestion => ({
  kind: 'signature',
  scheme: 'RSASSA-PKCS1-v1_5',
  keyBits,
  digest: 'SHA-256',
});

const ends = test.macro({
  exec(t, profile: string, question: AlgorithmQuestion, expected: string) {
    const answer = askProfile(selectProfile(bundledPolicies, profile), question);
    const end = answer.kind === 'absent' ? 'absent' : (answer.endExclusive?.toString() ?? 'no end');
    t.is(end, expected);
  },
  title: (_, profile: string, question: AlgorithmQuestion, expected: string) =>
    `${profile}: ${question.kind === 'digest' ? question.digest : `${question.scheme}-${question.keyBits}`} → ${expected}`,
});

test(ends, 'jp-medical', { kind: 'digest', digest: 'SHA-256' }, '2051-01-01T00:00:00Z');
test(ends, 'jp-medical', { kind: 'digest', digest: 'SHA-512' }, '2071-01-01T00:00:00Z');
test(ends, 'jp-medical', { kind: 'digest', digest: 'MD5' }, 'absent');
test(ends, 'jp-medical', p256, '2036-01-01T00:00:00Z');
test(ends, 'jp-medical', rsa(2048), '2031-01-01T00:00:00Z');
test(ends, 'jp-medical', rsa(1024), 'absent');
test(ends, 'eu-validation', { kind: 'digest', digest: 'SHA-1' }, '2012-08-01T00:00:00Z');

test('an override ends an algorithm earlier, never later', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 2000, max: 2100 }), (year) => {
      const plain = selectProfile(bundledPolicies, 'jp-medical');
      const endExclusive = Temporal.Instant.from(`${year}-01-01T00:00:00Z`);
      const stricter = {
        ...plain,
        overrides: [{ algorithm: 'SHA-256', endExclusive, source: 'operator' }],
      };
      const question: AlgorithmQuestion = { kind: 'digest', digest: 'SHA-256' };
      const before = askProfile(plain, question);
      const after = askProfile(stricter, question);
      for (let probe = 2000; probe < 2100; probe += 5) {
        const at = Temporal.Instant.from(`${probe}-06-01T00:00:00Z`);
        if (acceptableAt(after, at)) t.true(acceptableAt(before, at));
      }
      t.is(acceptableAt(after, endExclusive), false);
    }),
    { numRuns: 50 },
  );
});

test('an override of RSA below a size leaves larger keys alone', (t) => {
  const profile = {
    ...selectProfile(bundledPolicies, 'jp-medical'),
    overrides: [
      {
        algorithm: 'RSA',
        minimumBits: 3072,
        endExclusive: Temporal.Instant.from('2028-01-01T00:00:00Z'),
        source: 'operator',
      },
    ],
  };
  const at = Temporal.Instant.from('2029-01-01T00:00:00Z');
  t.false(acceptableAt(askProfile(profile, rsa(2048)), at));
  t.true(acceptableAt(askProfile(profile, rsa(3072)), at));
});

test('an override ends the named algorithm on the day it names', (t) => {
  const profile = selectProfile(bundledPolicies, 'jp-medical', [
    {
      algorithm: 'SHA-256',
      endExclusive: Temporal.Instant.from('2041-01-01T00:00:00Z'),
      source: 'operator',
    },
  ]);
  t.false(
    acceptableAt(
      askProfile(profile, { kind: 'digest', digest: 'SHA-256' }),
      Temporal.Instant.from('2041-01-01T00:00:00Z'),
    ),
  );
  t.true(
    acceptableAt(
      askProfile(profile, { kind: 'digest', digest: 'SHA-256' }),
      Temporal.Instant.from('2040-12-31T23:59:59Z'),
    ),
  );
  t.false(acceptableAt(askProfile(profile, p256), Temporal.Instant.from('2041-01-01T00:00:00Z')));
});

test('curves are judged by their own length where a policy bounds both lengths', (t) => {
  const answer = askProfile(selectProfile(bundledPolicies, 'eu-validation'), p256);
  t.is(answer.kind, 'listed');
  if (answer.kind === 'listed') t.is(answer.endExclusive, undefined);
});

test('one more policy in a profile never makes anything acceptable that was not', (t) => {
  const ids = bundledPolicies.policies.map(({ id }) => id);
  const questions: readonly AlgorithmQuestion[] = [
    p256,
    rsa(2048),
    rsa(4096),
    ...(['SHA-1', 'SHA-256', 'SHA-512'] as const).map((digest): AlgorithmQuestion => ({
      kind: 'digest',
      digest,
    })),
  ];
  const at = fc
    .integer({ min: 2000, max: 2080 })
    .map((year) => Temporal.Instant.from(`${year}-06-01T00:00:00Z`));
  fc.assert(
    fc.property(
      fc.subarray(ids, { minLength: 1 }),
      fc.constantFrom(...ids),
      fc.constantFrom('new', 'verify'),
      at,
      (some, another, uses, instant) => {
        const profileOf = (policies: readonly string[]) =>
          selectProfile({ ...bundledPolicies, profiles: [{ id: 'x', uses, policies }] }, 'x');
        const [few, more] = [profileOf(some), profileOf([...some, another])];
        for (const question of questions)
          if (acceptableAt(askProfile(more, question), instant)) {
            const alone = askProfile(few, question);
            // A policy that is silent on digests or signatures altogether says nothing of them.
            if (alone.kind === 'listed') t.true(acceptableAt(alone, instant));
            else t.is(alone.policy, 'x');
          }
      },
    ),
    { numRuns: 200 },
  );
});
