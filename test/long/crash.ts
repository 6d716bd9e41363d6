// kill -9 at drawn calls to evidence store and TSA (`test/archiver/night/_kills.ts`). A case is named by
// its seed, so that a long proof goes on where it was stopped with `--seed`.
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { countCalls, drawKill, killedNight } from '../archiver/night/_kills.ts';

export async function killAtCalls(options: {
  readonly kills: number;
  readonly firstSeed: number;
}): Promise<ConformanceReport> {
  const calls = {
    protect: await countCalls('protect'),
    'timestamp-renewal': await countCalls('timestamp-renewal'),
    'hash-tree-renewal': await countCalls('hash-tree-renewal'),
  };
  const results: ConformanceResult[] = [];
  for (let offset = 0; offset < options.kills; offset++) {
    const seed = options.firstSeed + offset;
    const kill = drawKill(seed, calls);
    const wrong = await killedNight(kill);
    results.push({
      case: `seed ${seed}: ${kill.situation} killed ${kill.when} call ${kill.call}`,
      passed: wrong === '',
      expected: 'everything proved, one token bought, the catalogue as rebuilt',
      got: wrong,
    });
  }
  return { results };
}
