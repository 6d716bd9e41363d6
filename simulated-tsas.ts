// Wiring of the simulation's TSAs: each provider a real proxy with a local TSU, and one proxy in
// front that fails over between them, all over loopback on the simulated clock.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { SimulatedProvider } from '#archiver/simulation/scenario.ts';
import type { SimulatedTsas, StartSimulatedTsas } from '#archiver/simulation/tsas.ts';
import { InvariantError } from '#shared/errors.ts';
import type { EventSink, RandomSource } from '#shared/ports/runtime.ts';
import {
  defaultHttpProvider,
  localTsaConfig,
  type HttpProviderConfig,
  type TsaConfig,
} from '#tsa/config/config.ts';
import { startTsa, type RunningTsa } from '#tsa/main.ts';

const random: RandomSource = (length) => new Uint8Array(randomBytes(length));

type Options = Parameters<StartSimulatedTsas>[0];

function providerConfig(name: string, tsa: RunningTsa): HttpProviderConfig {
  return {
    ...defaultHttpProvider,
    kind: 'http',
    name,
    url: tsa.url,
    allowHttp: true,
    anchors: [tsa.anchorsPath],
    crls: [tsa.crlPath],
    timeouts: { connectMs: 1000, responseMs: 5000, lateMs: 5000 },
  };
}

class Tsas implements SimulatedTsas {
  readonly #options: Options;
  readonly #running = new Map<string, RunningTsa>();
  readonly #anchors = new Set<string>();
  readonly #crls = new Set<string>();
  #order: readonly string[] = [];
  #proxy: RunningTsa | undefined;
  #proxyPort = 0;
  #proxyAnchors = '';
  #tokens = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  get url(): string {
    if (this.#proxyPort === 0)
      throw new InvariantError('ERR_INVARIANT_STATE', 'no provider was ever in use');
    return `http://127.0.0.1:${this.#proxyPort}/`;
  }

  anchors(): readonly string[] {
    return [...this.#anchors];
  }

  crls(): readonly string[] {
    return [...this.#crls];
  }

  tokensMade(): number {
    return this.#tokens;
  }

  async use(providers: readonly SimulatedProvider[]): Promise<void> {
    for (const provider of providers)
      if (!this.#running.has(provider.name)) await this.#startProvider(provider);
    this.#order = providers.map((provider) => provider.name);
    await this.#restartProxy();
  }

  async #startProvider({ name, key, signatureDigest }: SimulatedProvider): Promise<void> {
    const { stateDir, clock, signal, tsuLifeDays, caLifeDays } = this.#options;
    const counting: EventSink = (event) => {
      if (event.name === 'tsa.token.journalled') this.#tokens++;
      this.#options.events(event);
    };
    const config = localTsaConfig({
      stateDir: path.join(stateDir, name),
      stampAudit: false,
      local: {
        key,
        signatureDigest,
        tsuLifeDays,
        caLifeDays,
        tsuRenewBeforeDays: Math.round(tsuLifeDays / 5),
      },
    });
    const tsa = await startTsa({ config, clock, random, events: counting, signal });
    this.#running.set(name, tsa);
    this.#anchors.add(tsa.anchorsPath);
    this.#crls.add(tsa.crlPath);
  }

  #anchorTexts(): string {
    return [...this.#running.values()].map((tsa) => tsa.anchorsPem).join('');
  }

  async #restartProxy(): Promise<void> {
    const { stateDir, clock, events, signal } = this.#options;
    await this.#proxy?.close();
    const proxyDir = path.join(stateDir, 'proxy');
    const base = localTsaConfig({
      stateDir: proxyDir,
      port: this.#proxyPort,
      stampAudit: false,
    });
    const providers: Record<string, HttpProviderConfig> = {};
    for (const name of this.#order) {
      const tsa = this.#running.get(name);
      if (tsa) providers[name] = providerConfig(name, tsa);
    }
    const [profile] = Object.values(base.profiles);
    const config: TsaConfig = {
      ...base,
      providers,
      profiles: profile ? { [profile.name]: { ...profile, providers: this.#order } } : {},
    };
    this.#proxy = await startTsa({ config, clock, random, events, signal });
    this.#proxyPort = Number(new URL(this.#proxy.url).port);
    this.#proxyAnchors = this.#anchorTexts();
  }

  async lose(name: string): Promise<void> {
    // The provider is closed and stays in the proxy's list: failover is the proxy's work.
    await this.#running.get(name)?.close();
  }

  async setDown(down: boolean): Promise<void> {
    if (down) {
      await this.#proxy?.close();
      this.#proxy = undefined;
    } else if (!this.#proxy) await this.#restartProxy();
  }

  async upkeep(): Promise<void> {
    for (const tsa of this.#running.values()) await tsa.upkeep();
    // A CA that was replaced: its new anchor is brought to the proxy, as an operator would.
    if (this.#proxy && this.#proxyAnchors !== this.#anchorTexts()) await this.#restartProxy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy?.close();
    for (const tsa of this.#running.values()) await tsa.close();
  }
}

export const startSimulatedTsas: StartSimulatedTsas = (options) =>
  Promise.resolve(new Tsas(options));
