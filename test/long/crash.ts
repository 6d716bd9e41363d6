// kill -9 of nights (`test/archiver/night/_kills.ts`): at every call to stores and TSA, before and after its
// effect; at drawn calls; at drawn moments, in a folder and on a real S3 server.
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import type { ConformanceResult } from '../conformance/_report.ts';
import { startS3Server, type S3Server } from '../interop/_s3-server.ts';
import {
  allUnbroken,
  drawKill,
  drawMoment,
  draws,
  killedNight,
  situations,
  unbroken,
  type AllUnbroken,
  type Kill,
  type Place,
  type Situation,
  type Unbroken,
} from '../archiver/night/_kills.ts';
import { killedProxyNight, type KilledProxyNight } from '../archiver/night/_killed-proxy.ts';

let counted: Promise<AllUnbroken> | undefined;
const nights = (): Promise<AllUnbroken> => (counted ??= allUnbroken());

function describe(kill: Kill): string {
  const at = 'call' in kill ? `${kill.when} call ${kill.call}` : `after ${kill.afterMs} ms`;
  return `${kill.situation} killed ${at}`;
}

async function resultOf(name: string, kill: Kill, place?: Place): Promise<ConformanceResult> {
  const wrong = await killedNight(kill, place);
  return {
    case: `${name}: ${describe(kill)}`,
    passed: wrong === '',
    expected: 'everything proved, one token bought, the catalogue as rebuilt',
    got: wrong,
  };
}

/** One night killed where the seed says, and what the next run makes of it. */
export async function killAtCalls(seed: number): Promise<readonly ConformanceResult[]> {
  return [await resultOf(`seed ${seed}`, drawKill(seed, await nights()))];
}

/** The proxy killed at a moment of a night that asks it for three tokens. */
export async function killProxy(seed: number): Promise<readonly ConformanceResult[]> {
  const whole = (longestProxyNight ??= killedProxyNight({ query: 0 }));
  const afterMs = draws(seed)(Math.ceil((await whole).milliseconds));
  const { lost, wrong } = await killedProxyNight({ afterMs });
  return [
    {
      case: `seed ${seed}: proxy killed after ${afterMs} ms`,
      passed: lost <= 1 && wrong.length === 0,
      expected: 'everything proved, at most the request in flight lost',
      got: [`${lost} lost`, ...wrong].join('; '),
    },
  ];
}

let longestProxyNight: Promise<KilledProxyNight> | undefined;

/** Shares of each situation's calls. */
const shares = 20;
export const everyCallParts = situations.length * shares;

/** Every call of one share of one situation, before and after its effect. */
export async function killAtEveryCall(part: number): Promise<readonly ConformanceResult[]> {
  const situation = situations[Math.floor(part / shares)] ?? 'protect';
  const { calls } = (await nights())[situation];
  const results: ConformanceResult[] = [];
  for (let call = 1 + (part % shares); call <= calls; call += shares)
    for (const when of ['before', 'after'] as const)
      results.push(await resultOf(`${calls} calls`, { situation, call, when }));
  return results;
}

/** One night killed at the moment that the seed says. */
export async function killAtMoments(seed: number): Promise<readonly ConformanceResult[]> {
  return [await resultOf(`seed ${seed}`, drawMoment(seed, await nights()))];
}

type Buckets = { readonly place: () => Promise<Place> } & AsyncDisposable;

/** Buckets of its own for each archive, on one server. */
function bucketsOn({ endpoint, region }: S3Server): Buckets {
  const client = new S3Client({ endpoint, region, forcePathStyle: true });
  let made = 0;
  return {
    place: async () => {
      made++;
      const [documents, evidence] = [`documents-${made}`, `evidence-${made}`];
      for (const Bucket of [documents, evidence])
        await client.send(new CreateBucketCommand({ Bucket }));
      return {
        settings: {
          stores: [{ kind: 's3', name: 'documents', bucket: documents, endpoint, region }],
          evidence: { kind: 's3', name: 'evidence', bucket: evidence, endpoint, region },
        },
        put: async (_, Key, Body) => {
          const ChecksumAlgorithm = 'SHA256';
          await client.send(
            new PutObjectCommand({ Bucket: documents, Key, Body, ChecksumAlgorithm }),
          );
        },
      };
    },
    [Symbol.asyncDispose]: () => {
      client.destroy();
      return Promise.resolve();
    },
  };
}

/** Nights with nothing in their way, and the server of all kills that this process proves. */
type OnS3 = {
  readonly server: S3Server;
  readonly buckets: Buckets;
  readonly nights: Readonly<Partial<Record<Situation, Unbroken>>>;
};

let onS3: Promise<OnS3> | undefined;

async function startOnS3(): Promise<OnS3> {
  const server = await startS3Server();
  const buckets = bucketsOn(server);
  const nights: Partial<Record<Situation, Unbroken>> = {};
  for (const situation of situations)
    // Between nights only what came in over HTTP is looked at, which a bucket is not asked for here.
    if (situation !== 'intake')
      nights[situation] = await unbroken(situation, await buckets.place());
  return { server, buckets, nights };
}

/** Ends what `killOnS3` started. */
export async function stopS3(): Promise<void> {
  const started = await onS3;
  await started?.buckets[Symbol.asyncDispose]();
  await started?.server.stop();
}

/** The same on the S3 server that the recipe under TOKIWA_SHARED starts. */
export async function killOnS3(seed: number): Promise<readonly ConformanceResult[]> {
  const { buckets, nights: unbrokenNights } = await (onS3 ??= startOnS3());
  const kill = drawMoment(seed, unbrokenNights);
  return [await resultOf(`seed ${seed}, S3`, kill, await buckets.place())];
}
