// One writer at a time in a folder, over all processes that use it. The lock is SQLite's on an
// empty database: Node offers no other lock that the kernel lets go when its holder is killed, so
// there is no stale lock to judge. It lasts for a check and a rename, never for a transfer.
import { setTimeout as delay } from 'node:timers/promises';
import { DatabaseSync } from 'node:sqlite';
import { SourceError } from '#shared/errors.ts';

const sqliteBusy = 5;
const patienceMs = 10_000;

export type FolderLock = {
  /**
   * Runs `work` while no other holder of the same lock file does.
   * @throws SourceError ERR_SOURCE_TIMEOUT, retryable: another process held it for ten seconds
   */
  readonly hold: <T>(work: () => Promise<T>) => Promise<T>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export function openFolderLock(path: string): FolderLock {
  const database = new DatabaseSync(path, { timeout: 0 });
  // SQLite excludes other connections; calls on this one wait for each other here.
  let last: Promise<unknown> = Promise.resolve();

  const tryLock = (): boolean => {
    try {
      database.exec('BEGIN EXCLUSIVE');
      return true;
    } catch (error) {
      if (error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy)
        return false;
      throw error;
    }
  };

  const locked = async <T>(work: () => Promise<T>): Promise<T> => {
    let waited = 0;
    for (let pause = 1; !tryLock(); pause = Math.min(pause * 2, 50)) {
      if (waited > patienceMs)
        throw new SourceError('ERR_SOURCE_TIMEOUT', `another process holds ${path}`, {
          retryable: true,
        });
      await delay(pause);
      waited += pause;
    }
    try {
      return await work();
    } finally {
      database.exec('ROLLBACK');
    }
  };

  return {
    hold: (work) => {
      const turn = last.then(() => locked(work));
      last = turn.catch(() => undefined);
      return turn;
    },
    [Symbol.asyncDispose]: async () => {
      await last;
      database.close();
    },
  };
}
