// A secret that no output may have, in every shape in which one could slip out, and the place where all that a
// program says is kept to be searched.
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { inspect } from 'node:util';

/** Fit for a header, a file and an address. */
export function createCanary(): string {
  return `canary-${randomBytes(12).toString('hex')}`;
}

/** A file that nobody but its owner reads. */
export async function secretFile(folder: string, name: string, text: string): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

/** The octets as they are and as parts of longer base64 texts, where a third of a word may be shared. */
function shapesOf(secret: string): readonly string[] {
  const inBase64 = [0, 1, 2].map((shift) => {
    const text = Buffer.from(`${'x'.repeat(shift)}${secret}`).toString('base64');
    // The first and the last word may have octets of neighbours in them.
    return text.slice(shift === 0 ? 0 : 4, -4);
  });
  return [secret, encodeURIComponent(secret), Buffer.from(secret).toString('hex'), ...inBase64];
}

export type Ear = {
  /** Takes anything that was said: texts, octets, values, errors with all that they carry. */
  readonly hear: (what: unknown) => void;
  /** Takes every file of a folder, but where a folder or a file of these names is on its way. */
  readonly hearFolder: (folder: string, except?: readonly string[]) => Promise<void>;
  /** What was heard of the secret, a line around each; empty: nothing. */
  readonly heard: (secret: string) => readonly string[];
  /** How much was listened to. */
  readonly length: () => number;
};

export function createEar(): Ear {
  const texts: string[] = [];
  const hear = (what: unknown): void => {
    if (typeof what === 'string') texts.push(what);
    else if (what instanceof Uint8Array) texts.push(Buffer.from(what).toString('latin1'));
    else {
      texts.push(inspect(what, { depth: Infinity, maxStringLength: Infinity, showHidden: true }));
      texts.push(JSON.stringify(what) ?? '');
    }
  };
  return {
    hear,
    hearFolder: async (folder, except = []) => {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      for (const entry of entries) {
        const file = path.join(entry.parentPath, entry.name);
        const steps = path.relative(folder, file).split(path.sep);
        if (!entry.isFile() || steps.some((step) => except.includes(step))) continue;
        hear(file);
        hear(await readFile(file));
      }
    },
    heard: (secret) =>
      texts.flatMap((text) =>
        shapesOf(secret).flatMap((shape) => {
          const at = text.indexOf(shape);
          return at < 0 ? [] : [text.slice(Math.max(0, at - 120), at + 160)];
        }),
      ),
    length: () => texts.reduce((sum, { length }) => sum + length, 0),
  };
}
