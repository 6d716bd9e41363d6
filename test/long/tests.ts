// The suite's own tests with their long settings: more runs of properties, larger files.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { ConformanceResult } from '../conformance/_report.ts';

const projectRoot = path.dirname(path.dirname(import.meta.dirname));

export async function runLongTests(): Promise<readonly ConformanceResult[]> {
  const ava = path.join(projectRoot, 'node_modules', 'ava', 'entrypoints', 'cli.js');
  const child = spawn(process.execPath, [ava, '--timeout=30m'], {
    cwd: projectRoot,
    stdio: 'inherit',
    env: { ...process.env, TEST_LONG: '1' },
  });
  const [status] = (await once(child, 'exit')) as [number | null];
  const got = `status ${status}`;
  return [{ case: 'ava', passed: status === 0, expected: 'status 0', got }];
}
