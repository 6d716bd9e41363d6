// How the benchmarks measure and print: rates over a fixed time, each beside a named limit or peer of
// the same run, because a figure alone says more about the machine than about the code.
import { spawnSync } from 'node:child_process';

/** One line: so much a second, and what share of each limit that is. */
export type Figure = {
  readonly name: string;
  readonly perSecond: number;
  readonly unit: string;
  readonly limits: readonly Limit[];
};

/** What the same machine does in the same run with nothing around it. */
export type Limit = { readonly name: string; readonly perSecond: number };

const warmUpMs = 300;
const measureMs = 2000;
const turns = 100;

/** A function to be called again and again, which says how many units a call is worth (else 1). */
export type Work = () => number | undefined;

/** Units and milliseconds of calling `work` for about this long. */
function repeat(work: Work, milliseconds: number): readonly [units: number, milliseconds: number] {
  let units = 0;
  const start = performance.now();
  let now = start;
  while (now - start < milliseconds) {
    units += work() ?? 1;
    now = performance.now();
  }
  return [units, now - start];
}

/**
 * Units a second of each of `works`, in turns of a few milliseconds: what else the machine does meanwhile
 * slows all of them alike, so that their ratio holds.
 */
export function ratesOf<const T extends readonly Work[]>(...works: T): { [K in keyof T]: number } {
  const totals = works.map(() => ({ units: 0, milliseconds: 0 }));
  for (const work of works) repeat(work, warmUpMs);
  for (let turn = 0; turn < turns; turn++)
    for (const [index, work] of works.entries()) {
      const [units, milliseconds] = repeat(work, measureMs / turns);
      const total = totals[index];
      if (!total) continue;
      total.units += units;
      total.milliseconds += milliseconds;
    }
  return totals.map(({ units, milliseconds }) => (units / milliseconds) * 1000) as {
    [K in keyof T]: number;
  };
}

/** Calls a second of work that waits: `lanes` of it at once, each beginning again when it ends. */
export async function rateOfWaiting(work: () => Promise<unknown>, lanes = 1): Promise<number> {
  const run = async (milliseconds: number): Promise<number> => {
    let units = 0;
    const start = performance.now();
    const lane = async (): Promise<void> => {
      while (performance.now() - start < milliseconds) {
        await work();
        units++;
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return (units / (performance.now() - start)) * 1000;
  };
  await run(warmUpMs);
  return run(measureMs);
}

/** Seconds that one piece of work takes. */
async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

/** Both at once: what a machine with nothing else to do takes, and what it spends on all its processors. */
export async function timesOf(
  work: () => Promise<unknown>,
): Promise<{ readonly seconds: number; readonly cpuSeconds: number }> {
  let cpuSeconds = 0;
  const seconds = await secondsOf(async () => {
    cpuSeconds = await cpuSecondsOf(work);
  });
  return { seconds, cpuSeconds };
}

/** The same in CPU time of this process. */
export async function cpuSecondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

const openssl = (args: readonly string[]): string =>
  spawnSync('openssl', ['speed', '-mr', '-seconds', '1', ...args], { encoding: 'utf8' }).stdout ??
  '';

/** Digests a second of `octets` each that `openssl speed` reaches; nothing where there is no OpenSSL. */
export function opensslDigests(algorithm: string, octets: number): readonly Limit[] {
  const found = /^\+F:\d+:[^:]+:([\d.]+)/m.exec(
    openssl(['-bytes', String(octets), '-evp', algorithm]),
  );
  if (!found) return [];
  const perSecond = Number(found[1]) / octets;
  return [{ name: `openssl speed ${algorithm}, ${octets} octets`, perSecond }];
}

/** Signatures a second that `openssl speed` makes; nothing where there is no OpenSSL. */
export function opensslSignatures(algorithm: string): readonly Limit[] {
  const found = /^\+F\d:\d+:\d+:([\d.]+):/m.exec(openssl([algorithm]));
  if (!found) return [];
  return [{ name: `openssl speed ${algorithm}, sign`, perSecond: Number(found[1]) }];
}

/** Signatures a second that `openssl speed` verifies; nothing where there is no OpenSSL. */
export function opensslVerifications(algorithm: string): readonly Limit[] {
  const found = /^\+F\d:\d+:\d+:[\d.]+:([\d.]+)/m.exec(openssl([algorithm]));
  if (!found) return [];
  return [{ name: `openssl speed ${algorithm}, verify`, perSecond: Number(found[1]) }];
}

const grouped = (value: number): string =>
  value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 });

export function print(figure: Figure): void {
  process.stdout.write(`${figure.name}: ${grouped(figure.perSecond)} ${figure.unit}/s\n`);
  for (const { name, perSecond } of figure.limits)
    process.stdout.write(
      `  ${(figure.perSecond / perSecond).toFixed(3)} of ${name} (${grouped(perSecond)}/s)\n`,
    );
}

export function printFact(name: string, value: string): void {
  process.stdout.write(`${name}: ${value}\n`);
}
