// By when digests under the next algorithm are wanted.
import test from 'ava';
import { digestOnlyTerms } from '#shared/intake/digest-only-terms.ts';
import { selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';

const at = Temporal.Instant.from('2030-01-01T00:00:00Z');
const leadTime = Temporal.Duration.from({ days: 365 });
const profileWith = (endExclusive: string) =>
  selectProfile(bundledPolicies, bundledPolicies.defaultProfile, [
    { algorithm: 'SHA-256', endExclusive: Temporal.Instant.from(endExclusive), source: 'a test' },
  ]);
const next = 'SHA-512';

test('the lead time before the end', (t) => {
  const profile = profileWith('2036-01-01T00:00:00Z');
  const terms = digestOnlyTerms({ algorithm: 'SHA-256', next, profile, leadTime, at });
  t.is(terms?.sendDigestsBy.toString(), '2035-01-01T00:00:00Z');
  t.is(terms?.next, next);
});

test('an end that is nearer than the lead time: now', (t) => {
  const profile = profileWith('2030-06-01T00:00:00Z');
  const terms = digestOnlyTerms({ algorithm: 'SHA-256', next, profile, leadTime, at });
  t.is(terms?.sendDigestsBy.toString(), at.toString());
});

test('an algorithm that the policy does not list: now', (t) => {
  const profile = selectProfile(bundledPolicies, bundledPolicies.defaultProfile);
  const terms = digestOnlyTerms({ algorithm: 'MD5', next, profile, leadTime, at });
  t.is(terms?.sendDigestsBy.toString(), at.toString());
});
