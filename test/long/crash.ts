// kill -9 at drawn calls to evidence store and TSA (`test/archiver/night/_kills.ts`).
import type { ConformanceResult } from '../conformance/_report.ts';
import { countCalls, drawKill, killedNight } from '../archiver/night/_kills.ts';

let counted: Promise<Parameters<typeof drawKill>[1]> | undefined;

async function countAll(): Promise<Parameters<typeof drawKill>[1]> {
  return {
    protect: await countCalls('protect'),
    'timestamp-renewal': await countCalls('timestamp-renewal'),
    'hash-tree-renewal': await countCalls('hash-tree-renewal'),
    'two-tsas': await countCalls('two-tsas'),
    intake: await countCalls('intake'),
  };
}

/** One night killed where the seed says, and what the next run makes of it. */
export async function killAtCalls(seed: number): Promise<readonly ConformanceResult[]> {
  const kill = drawKill(seed, await (counted ??= countAll()));
  const wrong = await killedNight(kill);
  return [
    {
      case: `seed ${seed}: ${kill.situation} killed ${kill.when} call ${kill.call}`,
      passed: wrong === '',
      expected: 'everything proved, one token bought, the catalogue as rebuilt',
      got: wrong,
    },
  ];
}
