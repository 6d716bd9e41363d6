// Providers that work, are slow, fail, lie, hang and roll over, as chance will have it; and what each of them counts as
// given: the bill that the proxy's meter has to equal.
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import type { TimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { issueRoot, issueTsu, type Issued } from '../_authority.ts';
import { startUpstream, upstreamPolicy, type Answer, type Upstream } from '../tsa/_upstream.ts';

/** A token that a provider gave and would bill. */
export type Given = {
  readonly provider: string;
  readonly serialNumber: string;
  /** Which life of which replica asked, as its URL said. */
  readonly life: string;
  /** Milliseconds since 1970 when the query had come in. */
  readonly asked: number;
  /** And when the answer was handed to the connection. */
  readonly at: number;
};

export type ChaosProvider = {
  readonly name: string;
  readonly upstream: Upstream;
  readonly given: readonly Given[];
};

type Mood = (request: TimeStampReq, self: Upstream, tsu: Issued) => Answer | Promise<Answer>;

const html = { type: 'text/html', body: '<html><body>Please log in.</body></html>' } as const;

/** What is no acceptable answer; none of it may reach a client. */
const badMoods: readonly Mood[] = [
  () => 'cut',
  () => 'hang',
  () => ({ status: 503, body: 'overloaded', type: 'text/plain' }),
  () => html,
  () => ({ ...html, type: 'application/timestamp-reply' }),
  (request, self, tsu) => {
    const whole = self.grant(request, { tsu });
    return { body: whole.subarray(0, Math.floor(whole.length / 2)) };
  },
  (request, self, tsu) => ({ body: self.grant(request, { tsu, nonce: 99n }) }),
  (request, self, tsu) => ({
    body: self.grant(request, { tsu, imprint: new Uint8Array(32).fill(7) }),
  }),
  (request, self, tsu) => ({
    body: self.grant(request, { tsu, genTime: Temporal.Now.instant().subtract({ hours: 24 }) }),
  }),
  (request, self, tsu) => ({ body: self.grant(request, { tsu, policy: '1.2.3.4' }) }),
  (request, self) => ({ body: self.grant(request, { tsu: rogue }) }),
  (request, self) => ({ body: self.grant(request, { tsu: expired(self) }) }),
  () => ({ status: 302, headers: { location: 'http://169.254.169.254/latest' }, body: '' }),
];

const rogue = issueTsu(issueRoot({ subject: 'CN=Nobody' }), { subject: 'CN=Nobody' });
const expiredTsus = new WeakMap<Issued, Issued>();

function expired({ root }: Upstream): Issued {
  const spec = { subject: 'CN=Old TSU', notBefore: '2015-01-01T00:00:00Z' };
  const tsu =
    expiredTsus.get(root) ?? issueTsu(root, { ...spec, notAfter: '2020-01-01T00:00:00Z' });
  expiredTsus.set(root, tsu);
  return tsu;
}

/**
 * A provider whose mood is `chance`'s: mostly well, now and then slow, sometimes bad. It rolls over to another TSU
 * below the same root every few hundred answers. `calm` ends all that.
 */
export async function startChaosProvider(
  name: string,
  chance: () => number,
  calm: () => boolean,
): Promise<ChaosProvider> {
  const given: Given[] = [];
  let tsu: Issued | undefined;
  const good = (request: TimeStampReq, self: Upstream, life: string, asked: number): Answer => {
    if (!tsu || chance() < 0.004) tsu = issueTsu(self.root, { subject: `CN=TSU ${given.length}` });
    const body = self.grant(request, { tsu, policy: upstreamPolicy });
    const { token = new Uint8Array() } = parseTimeStampResp(body);
    const serialNumber = parseTimeStampToken(token).tstInfo.serialNumber.toString(16);
    given.push({ provider: name, serialNumber, life, asked, at: Date.now() });
    return { body };
  };
  // Bad for a while rather than once: so breakers open and close.
  let badUntil = 0;
  const upstream = await startUpstream({
    now: () => Temporal.Now.instant(),
    handler: async (request, self, _, address) => {
      const asked = Date.now();
      if (!calm()) {
        if (Date.now() > badUntil && chance() < 0.01) badUntil = Date.now() + chance() * 1500;
        if (Date.now() < badUntil || chance() < 0.05) {
          const mood = badMoods[Math.floor(chance() * badMoods.length)];
          if (mood) return mood(request, self, tsu ?? self.tsu);
        }
        // Slower than the proxy waits, now and then: those come late and are billed all the same.
        const wait = chance() < 0.03 ? 900 * chance() : 20 * chance();
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
      return good(request, self, address, asked);
    },
  });
  return { name, upstream, given };
}
