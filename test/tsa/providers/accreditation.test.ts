// Accreditation: a profile that asks for it gets tokens of accredited periods and policies alone.
import test from 'ava';
import { accreditationEnds, accreditationsOf, isAccredited } from '#tsa/providers/accreditation.ts';
import type { AccreditationConfig } from '#tsa/config/config.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  startTestTsa,
  temporaryFolder,
} from '../_proxy.ts';
import { startUpstream, upstreamPolicy } from '../_upstream.ts';

const entry: AccreditationConfig = {
  scheme: 'mic-2021-146',
  from: '2029-04-01',
  until: '2031-04-01',
  tsaPolicies: [upstreamPolicy],
  confirmedBy: 'the facility',
  confirmedOn: '2029-04-02',
  document: 'the list of that day',
};
const schemes = ['mic-2021-146'];

const rows: readonly (readonly [what: string, at: string, expected: boolean, policy?: string])[] = [
  ['before its first day', '2029-03-31T14:59:59Z', false],
  ['on its first day, which begins in Tokyo', '2029-03-31T15:00:00Z', true],
  ['on its last day', '2031-03-31T14:59:59Z', true],
  ['after it', '2031-03-31T15:00:00Z', false],
  ['under its policy', '2030-01-01T00:00:00Z', true, upstreamPolicy],
  ['under another policy', '2030-01-01T00:00:00Z', false, '1.2.3'],
];
for (const [what, at, expected, policy] of rows)
  test(`${what}: ${expected}`, (t) => {
    const accreditations = accreditationsOf([entry], 'Asia/Tokyo');
    t.is(isAccredited(accreditations, schemes, Temporal.Instant.from(at), policy), expected);
  });

test('another scheme does not count', (t) => {
  const accreditations = accreditationsOf([entry], 'UTC');
  t.false(isAccredited(accreditations, ['jadac'], Temporal.Instant.from('2030-01-01T00:00:00Z')));
});

test('a scheme ends with the last of its periods, or not at all', (t) => {
  const ends = (...entries: readonly AccreditationConfig[]) =>
    accreditationEnds(accreditationsOf(entries, 'UTC')).map(({ until }) => until.toString());
  const next = { ...entry, from: '2031-04-01', until: '2033-04-01' };
  t.deepEqual(ends(entry), ['2031-04-01T00:00:00Z']);
  t.deepEqual(ends(entry, next), ['2033-04-01T00:00:00Z']);
  t.deepEqual(ends(entry, { ...next, until: undefined }), []);
});

/** A proxy whose profile asks for accredited providers, at an instant. */
async function startAccredited(folder: string, at: string, change: Partial<AccreditationConfig>) {
  const clock = createTestClock(at);
  const upstream = await startUpstream(clock);
  const accreditations = [{ ...entry, ...change }];
  const provider = await upstream.provider(folder, { accreditations });
  const tsa = await startTestTsa(configWith(folder, [provider], { accredited: schemes }), clock);
  return {
    upstream,
    tsa,
    [Symbol.asyncDispose]: async () => {
      await tsa.close();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

test('within the period and under the policy, the token is handed on', async (t) => {
  await using folder = await temporaryFolder();
  await using started = await startAccredited(folder.path, '2030-01-01T00:00:00Z', {});
  t.is((await ask(started.tsa.url, queryFor('a'))).response.statusName, 'granted');
});

test('a token under another policy is not, though it is good otherwise', async (t) => {
  await using folder = await temporaryFolder();
  const change = { tsaPolicies: ['1.2.3'] };
  await using started = await startAccredited(folder.path, '2030-01-01T00:00:00Z', change);
  const { response } = await ask(started.tsa.url, queryFor('a'));
  t.is(response.statusName, 'rejection');
  const failed = started.tsa.events.find(({ name }) => name === 'tsa.provider.failed');
  t.regex(String(failed?.['reason']), /no accreditation under mic-2021-146/);
});

test('after its end nobody is asked, and an event says so', async (t) => {
  await using folder = await temporaryFolder();
  await using started = await startAccredited(folder.path, '2031-04-02T00:00:00Z', {});
  const { response } = await ask(started.tsa.url, queryFor('a'));
  t.deepEqual(response.failInfo, ['timeNotAvailable']);
  t.is(started.upstream.queries.length, 0);
  t.true(started.tsa.events.some(({ name }) => name === 'tsa.provider.not-accredited'));
});

test('an end that is near is told like that of a certificate', async (t) => {
  await using folder = await temporaryFolder();
  await using started = await startAccredited(folder.path, '2031-03-01T00:00:00Z', {});
  const ending = started.tsa.events.filter(({ name }) => name === 'tsa.certificate.ending');
  t.true(ending.some(({ use }) => /^accreditation of .+ \(mic-2021-146\)$/.test(String(use))));
});
