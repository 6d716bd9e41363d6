// The process in which hostile inputs are read: one message, one case. It answers with the outcome, the
// processor time and the most memory that the process ever had.
import { readFile } from 'node:fs/promises';
import { type HostileCase, type Outcome, giveToReaders } from './_hostile-readers.ts';

export type WorkerRequest = HostileCase & { readonly path: string };

export type WorkerAnswer = {
  readonly outcome: Outcome | { readonly kind: 'crashed'; readonly error: string };
  readonly milliseconds: number;
  readonly megabytes: number;
};

process.on('message', (request: WorkerRequest) => {
  void answer(request);
});

async function answer(request: WorkerRequest): Promise<void> {
  const octets = new Uint8Array(await readFile(request.path));
  const start = process.cpuUsage();
  let outcome: WorkerAnswer['outcome'];
  try {
    outcome = giveToReaders(request, octets);
  } catch (error) {
    outcome = { kind: 'crashed', error: error instanceof Error ? (error.stack ?? '') : 'unknown' };
  }
  const { user, system } = process.cpuUsage(start);
  const sent: WorkerAnswer = {
    outcome,
    milliseconds: (user + system) / 1000,
    megabytes: process.resourceUsage().maxRSS / 1024,
  };
  process.send?.(sent);
}
