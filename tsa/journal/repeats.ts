// A request that may have come before, here or at another replica: its token, or the right to buy it. Two replicas that
// are sent the same octets buy one token between them.
import { deadlineIn, within, type Deadline } from '../deadline.ts';
import type { TokenRecord } from './journal-line.ts';
import type { Claim, Journal } from './journal.ts';

/** Between two looks at what another replica makes of the same request. */
const pollMs = 50;

/**
 * The token that is there for this request, or the claim to buy it; `undefined`: another replica is still at it when
 * the time is over.
 * @throws the system's error: the journal cannot be read
 */
export async function foundOrClaimed(
  repeatKey: string,
  options: {
    readonly journal: Pick<Journal, 'claim' | 'find'>;
    readonly deadlineMs: number;
    readonly shutdown: AbortSignal;
  },
): Promise<TokenRecord | Claim | undefined> {
  const { journal, shutdown } = options;
  let deadline: Deadline | undefined;
  for (;;) {
    const claim = await journal.claim(repeatKey);
    try {
      // Looked for once the request is ours: who had it before has written by then.
      const record = await journal.find(repeatKey);
      if (record) claim?.release();
      if (record ?? claim) return record ?? claim;
    } catch (error) {
      claim?.release();
      throw error;
    }
    // Most never come this far.
    deadline ??= deadlineIn(options.deadlineMs);
    if (shutdown.aborted || deadline.passed()) return undefined;
    await within(Promise.withResolvers<never>().promise, pollMs, deadline);
  }
}
