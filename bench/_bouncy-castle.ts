// Bouncy Castle's ERS classes as a peer of the benchmarks of evidence records, where they are at hand.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { printFact, type Limit } from './measure.ts';

const peer = path.join(
  process.env['TOKIWA_SHARED'] ?? path.join(import.meta.dirname, '..', '..', 'shared'),
  'oracle/bc-ers/ers',
);

/** What Bouncy Castle says of its own speed; nothing where it is not here. */
export function peerFigure(args: readonly string[], field: string, name: string): readonly Limit[] {
  if (!existsSync(peer)) {
    printFact('Bouncy Castle', 'not here');
    return [];
  }
  const { stdout } = spawnSync(peer, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const line = stdout.split('\n').find((each) => each.startsWith('{'));
  const perSecond = Number((JSON.parse(line ?? '{}') as Record<string, unknown>)[field]);
  return Number.isFinite(perSecond) ? [{ name, perSecond }] : [];
}
