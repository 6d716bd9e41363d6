// The commands of the proxy, by groups; each file of commands/ is one of them.
import type { Command } from 'commander';
import { registerAudit } from './commands/audit.ts';
import { registerClient } from './commands/client.ts';
import { registerServe } from './commands/serve.ts';
import { registerStamp } from './commands/stamp.ts';
import { registerUsage } from './commands/usage.ts';

/** Adds `tsa …`, `stamp` and `audit …`. */
export function registerTsaCommands(program: Command): void {
  const tsa = program.command('tsa').description('the time-stamping proxy');
  registerServe(tsa);
  registerUsage(tsa);
  registerClient(tsa);
  registerStamp(program);
  registerAudit(program);
}
