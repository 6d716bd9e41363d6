// The proxy that runs beside its archiver: what a newcomer reads of its start.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { selectProfile } from '#shared/policy/algorithm-policy.ts';
import { startEmbeddedTsa } from '../embedded-tsa.ts';

test('nothing is asked of whom nobody calls', async (t) => {
  const state = await mkdtemp(join(tmpdir(), 'tokiwa-embedded-'));
  const warned: string[] = [];
  {
    await using _tsa = await startEmbeddedTsa(
      {
        tsa: {
          // Where nobody answers: a proxy that is there already would be taken instead.
          url: 'http://127.0.0.1:1/',
          local: { state, port: 0 },
          anchors: [],
          crls: [],
          auth: { kind: 'none' },
          revocation: 'soft',
          clockToleranceSeconds: 60,
          responseMs: 60_000,
        },
        profile: selectProfile(bundledPolicies, bundledPolicies.defaultProfile),
      },
      {
        clock: { now: () => Temporal.Now.instant() },
        events: ({ level, name }) => {
          if (level === 'warn' || level === 'error') warned.push(name);
        },
        signal: new AbortController().signal,
      },
    );
  }
  t.deepEqual(warned, []);
  await rm(state, { recursive: true, force: true });
});
