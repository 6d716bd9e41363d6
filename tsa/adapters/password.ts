// Keys and passwords of clients: made, and checked against what is kept of them. A key is 256 random bits, so that its
// SHA-256 says nothing of it; a password is weaker and kept by scrypt (RFC 7914).
import { createHmac, randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { sha256OfKey } from '../clients/clients.ts';

/** Cost for new passwords: 32 MiB and some 0.1 s each. */
const cost = { N: 2 ** 15, r: 8, p: 1 } as const;
const maxMemory = 256 * 1024 * 1024;
const hashLength = 32;

/** A new key: what the client is told, once, and the SHA-256 that is kept. */
export function createApiKey(): { readonly key: string; readonly sha256: string } {
  const key = `tokiwa_${randomBytes(32).toString('base64url')}`;
  return { key, sha256: sha256OfKey(key) };
}

function derive(password: string, salt: Uint8Array, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settings = { ...options, maxmem: maxMemory };
    scrypt(password.normalize('NFKC'), salt, hashLength, settings, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}

/** What is kept of a password: `scrypt$N$r$p$SALT$HASH`, the last two in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, cost);
  const { N, r, p } = cost;
  return ['scrypt', N, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** The shape of what is kept; costs are bounded, so that a file cannot ask for endless work. */
export const passwordHashPattern =
  /^scrypt\$(16384|32768|65536|131072)\$8\$([1-4])\$([\w-]{22,88})\$([\w-]{43})$/;

/**
 * Checks passwords; those that were right lately are known without the work. Where there is none to compare with, the
 * work of one is done all the same. `busy`: so many wait that it was not looked at.
 */
export type PasswordChecker = (
  password: string,
  hashes: readonly string[],
) => Promise<'right' | 'wrong' | 'busy'>;

/** Of no password: 32 octets of zero that no scrypt gives. It costs what a new one costs. */
const nobodysHash = ['scrypt', cost.N, cost.r, cost.p, 'A'.repeat(22), 'A'.repeat(43)].join('$');

/** Right passwords are known for this many checks of others, in memory and under a key of the process. */
const maxKnown = 1000;
/** Checks at a time: each takes 32 MiB, and anyone may send passwords. */
const maxRunning = 2;
const maxWaiting = 32;

export function createPasswordChecker(): PasswordChecker {
  const secret = randomBytes(32);
  const known = new Map<string, true>();
  const waiting: (() => void)[] = [];
  let running = 0;

  const inTurn = async <T>(work: () => Promise<T>): Promise<T | 'busy'> => {
    if (running >= maxRunning) {
      if (waiting.length >= maxWaiting) return 'busy';
      const { promise, resolve } = Promise.withResolvers<undefined>();
      waiting.push(() => {
        resolve(undefined);
      });
      await promise;
    }
    running++;
    try {
      return await work();
    } finally {
      running--;
      waiting.shift()?.();
    }
  };

  const check = async (password: string, hash: string): Promise<boolean> => {
    const match = passwordHashPattern.exec(hash);
    if (!match) return false;
    const [, N, p, salt = '', expected = ''] = match;
    const options = { N: Number(N), r: 8, p: Number(p) };
    const found = await derive(password, Buffer.from(salt, 'base64url'), options);
    return timingSafeEqual(found, Buffer.from(expected, 'base64url'));
  };

  return async (password, hashes) => {
    for (const hash of hashes.length > 0 ? hashes : [nobodysHash]) {
      const name = createHmac('sha256', secret).update(`${hash}\n${password}`).digest('base64');
      if (known.has(name)) return 'right';
      const found = await inTurn(() => check(password, hash));
      if (found === 'busy') return found;
      if (!found) continue;
      known.set(name, true);
      const oldest = known.keys().next();
      if (known.size > maxKnown && !oldest.done) known.delete(oldest.value);
      return 'right';
    }
    return 'wrong';
  };
}
