// Where a fault lies: the books of the proxy and the way to each provider, stage by stage, with the party that
// each stage belongs to. The first stage that fails is the answer; those behind it say nothing and are left out.
import { digest } from '#shared/crypto/digest.ts';
import { InvariantError, SourceError } from '#shared/errors.ts';
import {
  createStages,
  reasonOf,
  type ExaminedStage,
  type Stages as ExaminationStages,
} from '#shared/examination.ts';
import { checkWritable, reachHost } from '#shared/io/reach.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { isBefore } from '#shared/time.ts';
import type { RevocationMode } from '#shared/trust/path-query.ts';
import { buildTimeStampReq, parseTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp, printableText } from '#shared/tsp/response.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken, type TokenVerdict } from '#shared/tsp/verify-token.ts';
import { accreditationEnds, accreditationsOf, isAccredited } from './providers/accreditation.ts';
import { openHttpProvider, tlsOptions } from './adapters/http-provider.ts';
import { checkLocalUnit } from './adapters/local-unit-check.ts';
import { openKeptRecords, type KeptRecords } from './adapters/kept-records.ts';
import { seenHeadOf } from './adapters/seen-head.ts';
import { checkAuditLog, findingPlace } from './audit/audit-check.ts';
import type { TsuGeneration } from './local/authority-plan.ts';
import type { HttpProviderConfig, LocalProviderConfig, TsaConfig } from './config/config.ts';
import { contactOf } from './contacts.ts';
import type { Journal } from './journal/journal.ts';
import type { Provider } from './providers/providers.ts';

/** Who has to act when a stage fails; the terms of the responsibility matrix. */
const parties = {
  state: 'facility',
  database: 'facility',
  journal: 'facility',
  'audit log': 'facility',
  key: 'facility',
  name: 'network',
  connect: 'network',
  TLS: 'TSA, or the facility where its authorities or our certificate are wrong',
  accreditation: 'facility, which confirms a new period, or another TSA',
  HTTP: 'TSA, or the facility where our password or token is wrong',
  PKIStatus: 'TSA',
  token: 'TSA',
  clock: 'facility, or the TSA where our clock is right',
  chain: 'TSA, or the facility where the anchors are old',
  revocation: 'CA of the TSA, or the network to its CRLs',
} as const;

type DoctorStage = keyof typeof parties;

/** Of `proxy`, or of a provider by its name. */
export type DoctorLine = ExaminedStage<DoctorStage>;

export type DoctorOptions = {
  readonly config: TsaConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
  readonly signal: AbortSignal;
  /** Where the tokens that are bought to see are written down; `undefined`: none is bought. */
  readonly journal: Pick<Journal, 'append' | 'newId'> | undefined;
};

/** The name under which they stand there. */
export const doctorClient = 'doctor';

type Stages = ExaminationStages<DoctorStage>;

/** Opens what is written down; a database has a stage of its own. */
async function keptRecords(
  stage: Stages['stage'],
  { config, events }: DoctorOptions,
): Promise<KeptRecords> {
  if (!config.database) return openKeptRecords(config, events);
  let kept: KeptRecords | undefined;
  await stage('database', async () => {
    kept = await openKeptRecords(config, events);
    return kept.journalPlace;
  });
  if (kept) return kept;
  throw new InvariantError('ERR_INVARIANT_STATE', 'a stage that passed has opened the database');
}

async function examineBooks(options: DoctorOptions): Promise<readonly DoctorLine[]> {
  const { config } = options;
  const { stage, run } = createStages('proxy', parties);
  return run(async () => {
    await stage('state', async () => {
      await checkWritable(config.stateDir);
      return config.stateDir;
    });
    await using kept = await keptRecords(stage, options);
    await stage('journal', async () => {
      if (!config.database) await checkWritable(config.journalDir);
      await kept.journal.list();
      return kept.journalPlace;
    });
    await stage('audit log', async () => {
      if (!config.database) await checkWritable(config.audit.dir);
      // Read before the log, which may go on meanwhile.
      const seen = await seenHeadOf(config)?.load();
      const report = await checkAuditLog(kept.audit, { anchors: [], seen });
      const [worst] = report.findings.filter(({ level }) => level === 'error');
      if (worst) throw new Error(`${findingPlace(worst)}${worst.cause}`);
      const apart = seenHeadOf(config)
        ? `line ${seen?.seq ?? 0} was seen`
        : 'an older copy of journal and log together would not be noticed: audit.seenFile is not set';
      return `${report.lines} lines, stamped through line ${report.stampedThrough}; ${apart}`;
    });
  });
}

/** What the strictest profile that names the provider asks of revocation data. */
function revocationModeOf(config: TsaConfig, provider: string): RevocationMode {
  const modes = Object.values(config.profiles)
    .filter(({ providers }) => providers.includes(provider))
    .map(({ revocation }) => revocation);
  return modes.includes('require') ? 'require' : modes.includes('soft') ? 'soft' : 'none';
}

/** The stage to which a verdict that is not valid belongs. */
function stageOf({ subIndication }: TokenVerdict): DoctorStage {
  const why = subIndication ?? '';
  if (/REVOKED|TRY_LATER/.test(why)) return 'revocation';
  return /CHAIN|NO_SIGNING|EXPIRED|OUT_OF_BOUNDS/.test(why) ? 'chain' : 'token';
}

async function judge(
  token: TimeStampToken,
  request: Uint8Array,
  provider: Provider,
  { config, clock }: DoctorOptions,
  { say, fail }: Stages,
): Promise<void> {
  const now = clock.now();
  const { genTime, serialNumber } = token.tstInfo;
  const trust = await provider.trust(now);
  const verdict = verifyToken(token, {
    ...trust,
    request: parseTimeStampReq(request),
    at: now,
    algorithmPolicy: config.algorithmPolicy,
    revocationMode: revocationModeOf(config, provider.name),
  });
  const stage = verdict.status === 'valid' ? undefined : stageOf(verdict);
  const reasons = verdict.findings
    .filter(({ level }) => level === 'error' || level === 'unknown')
    .map(({ message }) => message)
    .join('; ');
  if (stage === 'token') fail('token', reasons);
  say('token', true, `serial number ${serialNumber.toString(16)}, ${genTime.toString()}`);
  const apart = Math.abs(genTime.epochMilliseconds - now.epochMilliseconds) / 1000;
  const { clockToleranceSeconds } = config.profiles[config.defaultProfile] ?? {
    clockToleranceSeconds: 60,
  };
  if (apart > clockToleranceSeconds) fail('clock', `genTime is ${apart} s from our clock`);
  say('clock', true, `genTime is ${apart} s from our clock`);
  if (stage === 'chain') fail('chain', reasons);
  say(
    'chain',
    true,
    `to ${verdict.path.at(-1)?.subject.text ?? 'an anchor'}, until ${verdict.notAfter?.toString() ?? ''}`,
  );
  if (stage === 'revocation') fail('revocation', reasons);
  const known = verdict.revocation.map(({ status }) => status).join(', ');
  say('revocation', true, known === '' ? 'not asked' : known);
}

/** Buys one token and looks at everything that comes with it. */
async function buyAndLook(
  provider: Provider,
  options: DoctorOptions & { readonly journal: NonNullable<DoctorOptions['journal']> },
  stages: Stages,
): Promise<void> {
  const { journal, random, clock, signal, config } = options;
  const { fail, say, isEnd } = stages;
  const [algorithm = 'SHA-256'] = provider.hashAlgorithms;
  const request = buildTimeStampReq({
    algorithm,
    digest: digest(algorithm, random(32)),
    nonce: BigInt(`0x${Buffer.from(random(8)).toString('hex')}`) >> 1n,
    certReq: true,
  });
  const common = { id: journal.newId(), client: doctorClient, profile: config.defaultProfile };
  await journal.append({ kind: 'request', ...common, at: clock.now(), request });
  let octets: Uint8Array;
  try {
    octets = await provider.exchange(request, { signal });
  } catch (error) {
    const reached = error instanceof SourceError && /ANSWER|REFUSED/.test(error.code);
    return fail(reached ? 'HTTP' : 'connect', reasonOf(error));
  }
  say('HTTP', true, `${octets.length} octets`);
  let token: TimeStampToken;
  try {
    const { status, statusName, failInfo, statusString, token: found } = parseTimeStampResp(octets);
    const said = [...failInfo, ...statusString].join('; ');
    const text = printableText(provider.conceal?.(said) ?? said, 300);
    if (!found) return fail('PKIStatus', `${statusName ?? status} ${text}`);
    say('PKIStatus', true, statusName ?? String(status));
    token = parseTimeStampToken(found);
  } catch (error) {
    if (isEnd(error)) throw error;
    return fail('token', reasonOf(error));
  }
  const { serialNumber, genTime } = token.tstInfo;
  await journal.append({
    kind: 'token',
    ...common,
    at: clock.now(),
    provider: provider.name,
    serialNumber: serialNumber.toString(16),
    genTime,
    late: false,
    price: provider.price,
    response: octets,
  });
  await judge(token, request, provider, options, stages);
}

/** Whether a provider is accredited today, where that was confirmed once or a profile asks for it. */
async function examineAccreditation(
  { name, accreditations }: HttpProviderConfig,
  { config: { profiles, timeZone }, clock }: DoctorOptions,
  { stage }: Stages,
): Promise<void> {
  const asked = Object.values(profiles)
    .filter(({ providers }) => providers.includes(name))
    .flatMap(({ accredited }) => accredited);
  if (accreditations.length + asked.length === 0) return;
  const known = accreditationsOf(accreditations, timeZone);
  const schemes = asked.length > 0 ? asked : known.map(({ scheme }) => scheme);
  await stage('accreditation', () => {
    const what = schemes.join(' or ');
    if (!isAccredited(known, schemes, clock.now()))
      return Promise.reject(new Error(`not accredited today under ${what}`));
    const ends = accreditationEnds(known).map(
      ({ scheme, until }) => `${scheme} until ${until.toString()}`,
    );
    return Promise.resolve(ends.length > 0 ? ends.join(', ') : `${what}, without an end`);
  });
}

async function examineProvider(
  config: HttpProviderConfig,
  options: DoctorOptions,
): Promise<readonly DoctorLine[]> {
  const stages = createStages(config.name, parties);
  const { stage, run } = stages;
  const { connectMs } = config.timeouts;
  return run(async () => {
    await reachHost(config.url, { stage, connectMs, tls: () => tlsOptions(config) });
    await examineAccreditation(config, options, stages);
    if (!options.journal) return;
    const { timeZone } = options.config;
    await using provider = await openHttpProvider({ ...options, config, timeZone });
    await buyAndLook(provider, { ...options, journal: options.journal }, stages);
  });
}

/** A unit of ours: what it signs with, and until when. */
function examineLocalUnit(
  provider: LocalProviderConfig,
  { config, clock }: DoctorOptions,
): Promise<readonly DoctorLine[]> {
  const { stage, say, fail, run } = createStages(provider.name, parties);
  return run(async () => {
    const now = clock.now();
    let tsu: TsuGeneration | undefined;
    await stage('key', async () => {
      tsu = await checkLocalUnit(provider, config.stateDir, now);
      return tsu ? `${tsu.key}, of the certificate` : 'made at the first start';
    });
    if (!tsu) return;
    const { notBefore, notAfter } = tsu;
    if (isBefore(now, notBefore))
      fail('clock', `our clock is before the certificate, which begins ${notBefore.toString()}`);
    // A proxy that runs renews it long before.
    if (isBefore(notAfter, now)) fail('key', `its certificate ended ${notAfter.toString()}`);
    say('chain', true, `until ${notAfter.toString()}`);
  });
}

/** Adds whom to call: the first that its party names. */
function withContact(line: DoctorLine, { oversight }: TsaConfig): DoctorLine {
  if (line.party === undefined) return line;
  const ours = (['facility', 'network'] as const).find((party) => line.party?.startsWith(party));
  const contact = contactOf(ours ?? `provider ${line.subject}`, oversight);
  return contact === undefined ? line : { ...line, contact };
}

/** Examines the books, then each provider. Resolves always; lines come in the order of the stages. */
export async function examine(options: DoctorOptions): Promise<readonly DoctorLine[]> {
  const lines = [...(await examineBooks(options))];
  for (const provider of Object.values(options.config.providers)) {
    const isOurs = provider.kind === 'local';
    lines.push(
      ...(isOurs
        ? await examineLocalUnit(provider, options)
        : await examineProvider(provider, options)),
    );
  }
  return lines.map((line) => withContact(line, options.config));
}
