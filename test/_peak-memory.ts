// The most memory that this process has had.
import { existsSync, readFileSync } from 'node:fs';

const status = '/proc/self/status';

/**
 * Greatest resident memory in bytes. Linux lets a process begin with the maximum of the one that started it, which
 * getrusage(2) then tells; the high-water mark of proc(5) is its own.
 */
export function peakResidentBytes(): number {
  const own = existsSync(status)
    ? /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))?.[1]
    : undefined;
  return (own === undefined ? process.resourceUsage().maxRSS : Number(own)) * 1024;
}
