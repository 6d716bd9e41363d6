// The certification authority behind the local TSU: makes its own CA and TSU certificates, replaces them ahead of
// their end (RFC 5280 §4), and has the CRLs reissued daily (authority-crls.ts). It signs no token; that is local-tsu.ts.
import { toHex } from '#shared/bytes.ts';
import { ConfigError, SourceError } from '#shared/errors.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { addCalendar, isBefore } from '#shared/time.ts';
import type { AuthorityFiles } from '../adapters/authority-files.ts';
import type { PublicFiles } from '../adapters/public-files.ts';
import type { SigningKey } from '../adapters/signing-key.ts';
import {
  planAuthority,
  type AuthorityPlan,
  type AuthorityState,
  type CaGeneration,
  type TsuGeneration,
} from './authority-plan.ts';
import { createAuthorityCrls } from './authority-crls.ts';
import { buildCertificate, buildName } from './certificate-builder.ts';
import type { LocalProviderConfig } from '../config/config.ts';
import { keyTerms, type KeyTerms } from './key-terms.ts';

/** What signs tokens. */
export type TsuCredential = {
  readonly generation: TsuGeneration;
  readonly issuerCertificate: Uint8Array;
  readonly key: SigningKey;
};

/** An authority that is ready: every call brings it up to date first. */
export type LocalAuthority = {
  /** @throws the system's error: nothing may be signed */
  readonly credential: (now: Temporal.Instant) => Promise<TsuCredential>;
  /** Renews what is due: CA, TSU, CRLs, public files. */
  readonly upkeep: (now: Temporal.Instant) => Promise<void>;
  /**
   * Another algorithm policy, which counts from when the result is called: certificates end no later than it allows.
   * @throws ConfigError ERR_CONFIG_INVALID: it does not accept the unit's key for long enough
   */
  readonly preparePolicy: (
    profile: AlgorithmProfile | undefined,
    now: Temporal.Instant,
  ) => () => void;
  /** CA certificates of all generations in DER, oldest first. */
  readonly anchors: () => readonly Uint8Array[];
  /** The newest CRL of each CA that is still valid, in DER, oldest CA first. */
  readonly certificateLists: () => readonly Uint8Array[];
};

function caName(id: string): Uint8Array {
  return buildName([
    ['2.5.4.10', 'Tokiwa'],
    ['2.5.4.3', `Tokiwa local CA ${id} - not accredited`],
  ]);
}

const tsuName = buildName([
  ['2.5.4.10', 'Tokiwa'],
  ['2.5.4.3', 'Tokiwa local TSU - not accredited'],
]);

type Renewal = Extract<AuthorityPlan, { readonly kind: 'renew' }>;
type OpenCa = { readonly generation: CaGeneration; readonly key: SigningKey };

/**
 * Opens the authority that lives in `files`; makes it on first use.
 * @throws ConfigError ERR_CONFIG_INVALID: damaged state, or a key file that others can read
 */
export async function openLocalAuthority(options: {
  readonly config: LocalProviderConfig;
  readonly files: AuthorityFiles;
  readonly publicFiles: PublicFiles;
  readonly random: RandomSource;
  readonly events: EventSink;
  /** How far the clock has jumped, in milliseconds, as long as it is not to be believed: nothing is renewed by it. */
  readonly clockJump?: ((now: Temporal.Instant) => number | undefined) | undefined;
}): Promise<LocalAuthority> {
  const { config, files, publicFiles, random, events, clockJump } = options;
  let state = await files.loadState();
  let terms: KeyTerms | undefined;
  const noteAnchors = (): void => {
    publicFiles.noteAnchors(
      config.name,
      state.cas.map((ca) => ca.certificate),
    );
  };
  noteAnchors();
  const cas = new Map<string, OpenCa>();
  let credential: TsuCredential | undefined;
  const crls = createAuthorityCrls({
    publicFiles,
    crlLifeDays: config.crlLifeDays,
    issuerName: caName,
  });
  let published = false;

  const newId = (): string => toHex(random(8));
  // At most 20 octets, positive, not zero (RFC 5280 §4.1.2.2).
  const newSerial = (): Uint8Array => {
    const serial = Uint8Array.from(random(16));
    serial[0] = (serial[0] ?? 0) & 0x7f || 1;
    return serial;
  };

  /** The signing half of a CA; `undefined` once it has ended, when its key is gone. */
  const openCa = async (
    generation: CaGeneration,
    now: Temporal.Instant,
  ): Promise<OpenCa | undefined> => {
    if (isBefore(generation.notAfter, now)) return undefined;
    const open = cas.get(generation.id) ?? {
      generation,
      key: await files.loadKey(`ca-${generation.id}`, generation),
    };
    cas.set(generation.id, open);
    return open;
  };

  const createCa = async (now: Temporal.Instant, notAfter: Temporal.Instant): Promise<OpenCa> => {
    const id = newId();
    const key = await files.createKey(`ca-${id}`, config.key, config.signatureDigest);
    const certificate = buildCertificate({
      role: 'ca',
      serialNumber: newSerial(),
      issuer: caName(id),
      subject: caName(id),
      notBefore: now,
      notAfter,
      publicKey: key.publicKey,
      issuerPublicKey: key.publicKey,
      signer: key,
    });
    const generation = {
      id,
      key: config.key,
      signatureDigest: config.signatureDigest,
      certificate,
      notBefore: now,
      notAfter,
    };
    return { generation, key };
  };

  const createTsu = async (
    ca: OpenCa,
    now: Temporal.Instant,
    notAfter: Temporal.Instant,
  ): Promise<TsuCredential> => {
    const id = newId();
    const key = await files.createKey(`tsu-${id}`, config.key, config.signatureDigest);
    const certificate = buildCertificate({
      role: 'tsu',
      serialNumber: newSerial(),
      issuer: caName(ca.generation.id),
      subject: tsuName,
      notBefore: now,
      notAfter,
      publicKey: key.publicKey,
      issuerPublicKey: ca.key.publicKey,
      signer: ca.key,
    });
    const generation = {
      id,
      caId: ca.generation.id,
      key: config.key,
      signatureDigest: config.signatureDigest,
      certificate,
      notBefore: now,
      notAfter,
    };
    return { generation, issuerCertificate: ca.generation.certificate, key };
  };

  const keyEnd = () => ({
    algorithm: terms?.algorithm,
    policy: terms?.policy,
    endExclusive: terms?.end?.toString(),
  });

  /** Why a certificate is shorter than `tsuLifeDays` says. */
  const sayCut = ({ tsuNotAfter }: Renewal): void => {
    events({
      level: 'info',
      name: 'tsa.local.life-cut',
      provider: config.name,
      tsuNotAfter: tsuNotAfter.toString(),
      source: terms?.source,
      ...keyEnd(),
    });
  };

  const renew = async (plan: Renewal, now: Temporal.Instant): Promise<void> => {
    const newest = state.cas.at(-1);
    const current = plan.newCa || !newest ? undefined : await openCa(newest, now);
    const ca = current ?? (await createCa(now, plan.caNotAfter));
    const created = await createTsu(ca, now, plan.tsuNotAfter);
    const replaced = state.tsu;
    // Keys are durable by now; this write makes them count. A crash before it leaves unused key files.
    const next: AuthorityState = {
      version: 1,
      cas: current ? state.cas : [...state.cas, ca.generation],
      tsu: created.generation,
    };
    await files.storeState(next);
    state = next;
    noteAnchors();
    cas.set(ca.generation.id, ca);
    credential = created;
    published = false;
    if (replaced) await files.removeKey(`tsu-${replaced.id}`);
    events({
      level: 'info',
      name: 'tsa.local.renewed',
      provider: config.name,
      newCa: current === undefined,
      tsuNotAfter: created.generation.notAfter.toString(),
    });
    if (isBefore(plan.tsuNotAfter, addCalendar(now, { days: config.tsuLifeDays }))) sayCut(plan);
  };

  const issueCrls = async (now: Temporal.Instant): Promise<void> => {
    for (const generation of state.cas) {
      const ca = await openCa(generation, now);
      if (ca) await crls.issue(generation, ca.key, now);
      else {
        if (cas.delete(generation.id)) await files.removeKey(`ca-${generation.id}`);
        crls.forget(generation.id);
      }
    }
  };

  const bringUpToDate = async (now: Temporal.Instant): Promise<void> => {
    // What is made by a wrong clock stays when it is put right: keys are replaced and destroyed, lists are of the future.
    const jumpMs = clockJump?.(now);
    if (jumpMs !== undefined) {
      const refused = { provider: config.name, now: now.toString(), jumpMs };
      events({ level: 'error', name: 'tsa.local.clock-refused', ...refused });
      return;
    }
    const plan = planAuthority(state, config, now, terms?.end);
    if (plan.kind === 'renew') await renew(plan, now);
    // It started when its key was good enough, and says so until somebody gives it another one.
    if (plan.kind === 'refuse')
      events({ level: 'error', name: 'tsa.local.key-ended', provider: config.name, ...keyEnd() });
    if (!published && state.tsu) {
      await publicFiles.publishAnchors();
      await publicFiles.publishTsu(config.name, state.tsu.certificate);
      published = true;
    }
    await issueCrls(now);
  };

  let working: Promise<void> = Promise.resolve();
  const upkeep = (now: Temporal.Instant): Promise<void> => {
    // One at a time; a failure is told to its own caller, and the next one tries again.
    const run = working.then(() => bringUpToDate(now));
    working = run.catch(() => undefined);
    return run;
  };

  const isDue = (now: Temporal.Instant): boolean =>
    !published ||
    planAuthority(state, config, now, terms?.end).kind === 'renew' ||
    crls.isDue(state.cas, now);

  const loadCredential = async (): Promise<TsuCredential | undefined> => {
    const { tsu } = state;
    const issuer = state.cas.find((ca) => ca.id === tsu?.caId);
    if (!tsu || !issuer) return undefined;
    const key = await files.loadKey(`tsu-${tsu.id}`, tsu);
    return { generation: tsu, issuerCertificate: issuer.certificate, key };
  };
  credential = await loadCredential();

  /** In this second of the epoch nothing was due any more: a thousand tokens do not ask the calendar a thousand times. */
  let settled: number | undefined;

  return {
    credential: async (now) => {
      const second = Math.floor(now.epochMilliseconds / 1000);
      if (second !== settled) {
        const wasDue = isDue(now);
        if (wasDue) await upkeep(now);
        // By a clock that jumped it still is.
        if (!wasDue || !isDue(now)) settled = second;
      }
      if (credential) return credential;
      const why = 'the local unit has no certificate yet, and its clock is not trusted';
      throw new SourceError('ERR_SOURCE_CLOCK', why, { retryable: true });
    },
    upkeep,
    preparePolicy: (profile, now) => {
      const next = profile && keyTerms(profile, config, now);
      if (planAuthority(state, config, now, next?.end).kind === 'refuse')
        throw new ConfigError(
          'ERR_CONFIG_INVALID',
          `provider "${config.name}" cannot sign with ${config.key}: ${next?.algorithm ?? ''} ends on ${next?.end?.toString() ?? ''} (${next?.policy ?? ''}), less than tsuRenewBeforeDays (${config.tsuRenewBeforeDays}) from now; choose another key`,
        );
      return () => {
        terms = next;
        settled = undefined;
      };
    },
    anchors: () => state.cas.map((ca) => ca.certificate),
    certificateLists: () => crls.lists(state.cas),
  };
}
