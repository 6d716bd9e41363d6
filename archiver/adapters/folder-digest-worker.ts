// A thread that digests files of one folder store, a message of tasks at a time (digest-pool.ts).
import { parentPort, workerData } from 'node:worker_threads';
import { chunkBytes, digestFile, type DigestResult, type DigestTask } from './folder-digest.ts';

/** Used again from file to file. */
const buffer = Buffer.allocUnsafeSlow(chunkBytes);

const root = Buffer.from((workerData as { readonly root: Uint8Array }).root);

parentPort?.on('message', (tasks: readonly DigestTask[]) => {
  const results: readonly (DigestResult | undefined)[] = tasks.map((task) =>
    digestFile(root, task, buffer),
  );
  const heads = results.flatMap((result) => (result?.head.length ? [result.head.buffer] : []));
  parentPort?.postMessage(results, heads);
});
