// Who this process is on its machine, and whether another one that said so has ended: after a kill
// the next run need not wait for the lease to run out.
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import type { LeaseHolder } from '../lease.ts';

/** This process as lease holder. */
export function thisProcess(): LeaseHolder {
  return { host: hostname(), pid: process.pid, instance: instanceOf(process.pid) };
}

/**
 * Whether `holder` is surely a process of this machine and container that has ended. Processes
 * elsewhere cannot be judged: `false`.
 */
export function isProcessGone(holder: LeaseHolder): boolean {
  if (holder.host !== hostname()) return false;
  const [machine] = holder.instance.split('#');
  if (machine !== machineOf()) return false;
  try {
    process.kill(holder.pid, 0);
    // The number may have been given to another process since.
    return instanceOf(holder.pid) !== holder.instance;
  } catch (error) {
    // EPERM: it lives, under another user. ENOENT: it ended between the two questions.
    const code = systemErrorCode(error);
    return code === 'ESRCH' || code === 'ENOENT';
  }
}

function instanceOf(pid: number): string {
  return `${machineOf()}#${startOf(pid)}`;
}

/** Process numbers mean the same only within one boot and one container. */
function machineOf(): string {
  if (process.platform !== 'linux') return process.platform;
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
}

/**
 * When the process started, in ticks since boot (proc(5): field 22); empty where the system does not
 * tell, `ended` for one that only waits for its parent to notice.
 */
function startOf(pid: number): string {
  if (process.platform !== 'linux') return '';
  const line = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field, a name in brackets, may itself hold blanks and brackets.
  const [state, ...fields] = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? 'ended' : (fields[18] ?? '');
}
