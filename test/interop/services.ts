// The tests of this folder that need real services, run by ava: an S3 server, a disk that is really full.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { z } from 'zod';
import type { ConformanceReport } from '../conformance/_report.ts';

const projectRoot = path.dirname(path.dirname(import.meta.dirname));
const testPoint = /^(not ok|ok) \d+ - (.+)$/;

/** One result a test; what ava prints beside its test points goes to standard error. */
export async function runServiceTests(): Promise<ConformanceReport> {
  const ava = path.join(projectRoot, 'node_modules', 'ava', 'entrypoints', 'cli.js');
  const child = spawn(process.execPath, [ava, '--config', 'ava.interop.config.mjs', '--tap'], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk as Buffer);
  const [status] = z
    .tuple([z.number().nullable()])
    .rest(z.unknown())
    .parse(await ended);
  const lines = Buffer.concat(chunks).toString('utf8').split('\n');
  const results = lines.flatMap((line) => {
    const [, word, name = ''] = testPoint.exec(line) ?? [];
    if (word === undefined) return [];
    const passed = word === 'ok';
    return [{ case: name, passed, expected: 'passed', got: passed ? 'passed' : 'failed' }];
  });
  if (results.some(({ passed }) => !passed)) process.stderr.write(`${lines.join('\n')}\n`);
  // A worker that dies between tests leaves no test point.
  const end = { case: 'ava', passed: status === 0, expected: 'status 0', got: `status ${status}` };
  return { results: [...results, end] };
}
