// Settings that are right alone and wrong together: names that nobody has, time-outs that leave no time, lives
// that cannot be kept. Each check is a function from the whole file to problems.
import path from 'node:path';
import { bundledAccreditation } from '#shared/policy/bundled.ts';
import { isUrl } from '#shared/io/trust-files.ts';
import type { KeyPath } from '#shared/yaml-config.ts';
import { reservedNames } from '../clients/clients.ts';
import { everythingIsApproved, somebodyIsEnabled, withoutDisabled } from './config-approvals.ts';
import type { TsaConfigFile } from './config-schema.ts';

/** A problem at a key; the line is found by the caller. */
export type RelationProblem = { readonly path: KeyPath; readonly message: string };

type Check = (file: TsaConfigFile) => RelationProblem[];

const loopbackHosts = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

function namesExist(file: TsaConfigFile): RelationProblem[] {
  const problems: RelationProblem[] = [];
  if (!Object.hasOwn(file.profiles, file.defaultProfile))
    problems.push({ path: ['defaultProfile'], message: `no profile "${file.defaultProfile}"` });
  for (const [profileName, profile] of Object.entries(file.profiles)) {
    for (const [i, providerName] of profile.providers.entries()) {
      const path = ['profiles', profileName, 'providers', i];
      if (!Object.hasOwn(file.providers, providerName))
        problems.push({ path, message: `no provider "${providerName}"` });
      else if (profile.providers.indexOf(providerName) !== i)
        problems.push({ path, message: `"${providerName}" is named twice` });
    }
  }
  return problems;
}

/** What a profile allows must be had from one of its providers, or every such request would fail. */
function profilesCanBeServed(whole: TsaConfigFile): RelationProblem[] {
  const file = withoutDisabled(whole);
  return Object.entries(file.profiles).flatMap(([profileName, profile]) => {
    const providers = profile.providers.flatMap((name) => file.providers[name] ?? []);
    if (providers.length === 0) return [];
    const path = ['profiles', profileName];
    return [
      ...profile.hashAlgorithms
        .filter((one) => !providers.some((provider) => provider.hashAlgorithms.includes(one)))
        .map((one) => ({
          path: [...path, 'hashAlgorithms'],
          message: `none of the profile's providers takes ${one}`,
        })),
      ...profile.tsaPolicies
        .filter((one) => !providers.some((provider) => provider.tsaPolicies.includes(one)))
        .map((one) => ({
          path: [...path, 'tsaPolicies'],
          message: `none of the profile's providers lists the policy ${one}`,
        })),
    ];
  });
}

function timeOutsFit(file: TsaConfigFile): RelationProblem[] {
  const problems: RelationProblem[] = [];
  for (const [providerName, provider] of Object.entries(file.providers)) {
    if (provider.type !== 'http') continue;
    const { connectMs, responseMs, lateMs } = provider.timeouts;
    const path = ['providers', providerName, 'timeouts'];
    if (connectMs > responseMs)
      problems.push({ path: [...path, 'connectMs'], message: 'longer than responseMs' });
    if (lateMs < responseMs)
      problems.push({ path: [...path, 'lateMs'], message: 'shorter than responseMs' });
    if (responseMs >= file.deadlineMs)
      problems.push({
        path: [...path, 'responseMs'],
        message: `not below deadlineMs (${file.deadlineMs})`,
      });
  }
  for (const [profileName, profile] of Object.entries(file.profiles)) {
    // The last provider needs a beginning; else it would stand there and never be asked.
    const before = profile.providers.slice(0, -1).reduce((sum, name) => {
      const provider = file.providers[name];
      return sum + (provider?.type === 'http' ? provider.timeouts.responseMs : 0);
    }, 0);
    if (before >= file.deadlineMs)
      problems.push({
        path: ['profiles', profileName, 'providers'],
        message: `the providers before the last one may take ${before} ms, deadlineMs is ${file.deadlineMs}`,
      });
  }
  return problems;
}

function plainHttpIsMeant(file: TsaConfigFile): RelationProblem[] {
  return Object.entries(file.providers).flatMap(([name, provider]) => {
    if (provider.type !== 'http') return [];
    const url = new URL(provider.url);
    const path = ['providers', name, 'url'];
    const hasUserInfo = (one: URL | null): boolean =>
      one !== null && (one.username !== '' || one.password !== '');
    if (hasUserInfo(url)) return [{ path, message: 'no credentials in the address: use auth' }];
    const crl = provider.crls.findIndex((one) => isUrl(one) && hasUserInfo(URL.parse(one)));
    if (crl >= 0)
      return [{ path: ['providers', name, 'crls', crl], message: 'no credentials in an address' }];
    if (url.protocol === 'https:' || loopbackHosts.test(url.hostname)) return [];
    if (!provider.allowHttp)
      return [{ path, message: 'plain http to another machine needs allowHttp: true' }];
    // Tokens protect themselves; a password on the open wire is anyone's.
    return provider.auth.type === 'none'
      ? []
      : [{ path, message: 'no password, token or certificate goes over plain http' }];
  });
}

function livesCanBeKept(file: TsaConfigFile): RelationProblem[] {
  const problems: RelationProblem[] = [];
  for (const [name, provider] of Object.entries(file.providers)) {
    if (provider.type !== 'local') continue;
    const path = ['providers', name];
    // RFC 8419 §3.1.
    if (provider.key === 'Ed25519' && provider.signatureDigest !== 'SHA-512')
      problems.push({ path: [...path, 'signatureDigest'], message: 'Ed25519 goes with SHA-512' });
    if (provider.tsuLifeDays > provider.caLifeDays)
      problems.push({ path: [...path, 'tsuLifeDays'], message: 'longer than caLifeDays' });
    if (provider.tsuRenewBeforeDays >= provider.tsuLifeDays)
      problems.push({ path: [...path, 'tsuRenewBeforeDays'], message: 'not below tsuLifeDays' });
    for (const [profileName, profile] of Object.entries(file.profiles)) {
      // Just before its renewal the TSU has this long to live: its tokens would be refused.
      if (
        profile.providers.includes(name) &&
        profile.minimumRemainingDays > provider.tsuRenewBeforeDays
      )
        problems.push({
          path: ['profiles', profileName, 'minimumRemainingDays'],
          message: `more than tsuRenewBeforeDays (${provider.tsuRenewBeforeDays}) of provider "${name}"`,
        });
    }
  }
  return problems;
}

function auditCanBeStamped(file: TsaConfigFile): RelationProblem[] {
  const { stamp, stampProfile = file.defaultProfile } = file.audit;
  if (!stamp) return [];
  const profile = file.profiles[stampProfile];
  if (!profile)
    // A missing default profile is a problem of its own.
    return file.audit.stampProfile === undefined
      ? []
      : [{ path: ['audit', 'stampProfile'], message: `no profile "${stampProfile}"` }];
  if (profile.hashAlgorithms.includes('SHA-256')) return [];
  const message = `profile "${stampProfile}" has to take SHA-256, in which the audit log is chained`;
  return [{ path: ['audit', 'stampProfile'], message }];
}

/** A file that is put back together with what it is compared with would say nothing. */
function whatWasSeenIsApart(file: TsaConfigFile): RelationProblem[] {
  const { seenFile, dir } = file.audit;
  if (seenFile === undefined) return [];
  const problemOf = (message: string): RelationProblem[] => [
    { path: ['audit', 'seenFile'], message },
  ];
  if (file.database) return problemOf('with a database, stateDir holds what was seen of it');
  const isIn = (folder: string): boolean => {
    const way = path.relative(path.resolve(folder), path.resolve(seenFile));
    return way.split(path.sep)[0] !== '..' && !path.isAbsolute(way);
  };
  const folder = [file.stateDir, file.journalDir, dir].find(
    (one) => one !== undefined && isIn(one),
  );
  return folder === undefined ? [] : problemOf(`in ${folder} it would be put back with it`);
}

function budgetsAreOfSomebody(file: TsaConfigFile): RelationProblem[] {
  return file.budgets.flatMap((budget, i) => {
    const path = ['budgets', i];
    const problems: RelationProblem[] = [];
    const { profile, provider } = budget;
    if (budget.tokens === undefined && budget.cost === undefined)
      problems.push({ path, message: 'neither tokens nor cost: it would limit nothing' });
    if (profile !== undefined && !Object.hasOwn(file.profiles, profile))
      problems.push({ path: [...path, 'profile'], message: `no profile "${profile}"` });
    if (provider !== undefined && !Object.hasOwn(file.providers, provider))
      problems.push({ path: [...path, 'provider'], message: `no provider "${provider}"` });
    const { cost } = budget;
    const currencies = Object.values(file.providers).map(({ price }) => price?.currency);
    if (cost && !currencies.includes(cost.currency))
      problems.push({
        path: [...path, 'cost'],
        message: `no provider has a price in ${cost.currency}: it would limit nothing`,
      });
    return problems;
  });
}

/** Keys and passwords go over TLS, or over nothing but the machine's own loopback. */
function clientsAreToldApart(file: TsaConfigFile): RelationProblem[] {
  const problems: RelationProblem[] = [];
  const isOpen = file.listeners.length === 0 && Object.keys(file.clients).length === 0;
  if (!isOpen && !loopbackHosts.test(file.listen.host))
    problems.push({
      path: ['listen', 'host'],
      message: 'with clients, plain HTTP is for the loopback alone: others come over listeners',
    });
  for (const [i, listener] of file.listeners.entries()) {
    const path = ['listeners', i];
    const byCertificate = listener.authentication === 'certificate';
    if (byCertificate && listener.clientAuthorities.length === 0)
      problems.push({ path, message: 'nobody could come in: clientAuthorities is missing' });
    if (!byCertificate && listener.administration)
      problems.push({ path, message: 'administration needs authentication: certificate' });
    if (!byCertificate && listener.clientAuthorities.length + listener.clientCrls.length > 0)
      problems.push({ path, message: 'clientAuthorities is for authentication: certificate' });
  }
  for (const [name, { profiles = [] }] of Object.entries(file.clients))
    for (const [i, profile] of profiles.entries())
      if (!Object.hasOwn(file.profiles, profile))
        problems.push({
          path: ['clients', name, 'profiles', i],
          message: `no profile "${profile}"`,
        });
  return problems;
}

function evidenceCanWait(file: TsaConfigFile): RelationProblem[] {
  const { maxGroups, maxWaiting } = file.evidence;
  const path = ['evidence', 'maxWaiting'];
  return maxWaiting < maxGroups ? [{ path, message: 'less than maxGroups' }] : [];
}

/** What a database takes over, and what belongs to one process alone. */
function databaseIsShared(file: TsaConfigFile): RelationProblem[] {
  if (!file.database) return [];
  const problems: RelationProblem[] = [];
  for (const [name, provider] of Object.entries(file.providers))
    if (provider.type === 'local')
      problems.push({
        path: ['providers', name],
        message:
          'a local unit is one key in one process: run it as a proxy of its own, and name its URL',
      });
  if (file.journalDir !== undefined)
    problems.push({ path: ['journalDir'], message: 'the journal is in the database' });
  if (file.audit.dir !== undefined)
    problems.push({ path: ['audit', 'dir'], message: 'the audit log is in the database' });
  return problems;
}

function dualHasTwo(file: TsaConfigFile): RelationProblem[] {
  return Object.entries(withoutDisabled(file).profiles).flatMap(
    ([name, { dual, providers, hedgesPerHour }]) => {
      const path = ['profiles', name, 'dual'];
      if (!dual) return [];
      if (providers.length < 2) return [{ path, message: 'needs two providers' }];
      const message = 'both providers are asked anyway: hedgesPerHour would do nothing';
      return hedgesPerHour > 0 ? [{ path, message }] : [];
    },
  );
}

function accreditationHolds(file: TsaConfigFile): RelationProblem[] {
  const problems: RelationProblem[] = [];
  for (const [name, provider] of Object.entries(file.providers))
    for (const [i, { scheme, from, until }] of (provider.type === 'http'
      ? provider.accreditations
      : []
    ).entries()) {
      const path = ['providers', name, 'accreditations', i];
      const since = bundledAccreditation.schemes.find(({ id }) => id === scheme)?.since ?? from;
      if (from < since)
        problems.push({
          path: [...path, 'from'],
          message: `the scheme ${scheme} began on ${since}`,
        });
      if (until !== undefined && until <= from)
        problems.push({ path: [...path, 'until'], message: 'the period ends before it begins' });
    }
  for (const [profileName, { accredited, providers }] of Object.entries(file.profiles))
    for (const [i, name] of (accredited.length === 0 ? [] : providers).entries()) {
      const provider = file.providers[name];
      const entries = provider?.type === 'http' ? provider.accreditations : [];
      if (!provider || entries.some(({ scheme }) => accredited.includes(scheme))) continue;
      problems.push({
        path: ['profiles', profileName, 'providers', i],
        message: `"${name}" is not accredited under ${accredited.join(' or ')}: it would never be asked`,
      });
    }
  return problems;
}

function clientsAreNamedOnce(file: TsaConfigFile): RelationProblem[] {
  const problems: RelationProblem[] = [];
  const owners = new Map<string, string>();
  for (const [name, { certificates, keys }] of Object.entries(file.clients)) {
    const path = ['clients', name];
    if (reservedNames.includes(name))
      problems.push({ path, message: 'a name that the proxy keeps for itself' });
    for (const mark of [...certificates.map((rule) => JSON.stringify(rule)), ...keys]) {
      const owner = owners.get(mark);
      if (owner !== undefined && owner !== name)
        problems.push({ path, message: `the certificate or key of client "${owner}" as well` });
      owners.set(mark, name);
    }
  }
  return problems;
}

const checks: readonly Check[] = [
  clientsAreToldApart,
  clientsAreNamedOnce,
  databaseIsShared,
  everythingIsApproved,
  somebodyIsEnabled,
  auditCanBeStamped,
  whatWasSeenIsApart,
  budgetsAreOfSomebody,
  accreditationHolds,
  dualHasTwo,
  evidenceCanWait,
  namesExist,
  profilesCanBeServed,
  timeOutsFit,
  plainHttpIsMeant,
  livesCanBeKept,
];

/** Every problem between settings, in the order of the checks. */
export function checkRelations(file: TsaConfigFile): readonly RelationProblem[] {
  return checks.flatMap((check) => check(file));
}
