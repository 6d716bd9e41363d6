// The real S3 server of the interop tests, started by the recipe under TOKIWA_SHARED. A recipe that
// is absent is a failure: these tests prove nothing without the server.
import { execFile } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type S3Server = {
  readonly endpoint: string;
  readonly region: string;
  readonly stop: () => Promise<void>;
};

/** Starts the server and puts its credentials where the SDK's chain finds them. */
export async function startS3Server(): Promise<S3Server> {
  const shared = process.env['TOKIWA_SHARED'] ?? '../shared';
  const recipe = resolve(join(import.meta.dirname, '../..'), shared, 'recipes/s3-server.sh');
  await access(recipe);
  const folder = await mkdtemp(join(tmpdir(), 'tokiwa-s3-'));
  const { stdout } = await run('bash', [recipe, 'start', folder], { timeout: 600_000 });
  const settings = new Map(
    stdout
      .trim()
      .split('\n')
      .map((line) => {
        const [name = '', ...value] = line.split('=');
        return [name, value.join('=')] as const;
      }),
  );
  const setting = (name: string): string => {
    const value = settings.get(name);
    if (value === undefined) throw new Error(`the recipe gives no ${name}`);
    return value;
  };
  process.env['AWS_ACCESS_KEY_ID'] = setting('AWS_ACCESS_KEY_ID');
  process.env['AWS_SECRET_ACCESS_KEY'] = setting('AWS_SECRET_ACCESS_KEY');
  return {
    endpoint: setting('S3_ENDPOINT'),
    region: setting('S3_REGION'),
    stop: async () => {
      await run('bash', [recipe, 'stop', folder]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
