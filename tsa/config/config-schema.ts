// What may stand in the proxy's configuration file, key by key. How keys relate to each other is for
// config-relations.ts; unknown keys are refused, so that a mistyped one is not silently without effect.
import { z } from 'zod';
import { contactsSchema } from '#shared/contacts.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { algorithmSettings } from '#shared/yaml-config/algorithms.ts';
import { isNetwork } from '../clients/clients.ts';
import { clientSchema, nameSchema, tlsListenerSchema } from './config-clients.ts';
import {
  accreditationScheme,
  days,
  filePath,
  hashAlgorithms,
  httpProvider,
  localProvider,
  milliseconds,
  oids,
  money,
  price,
} from './config-providers.ts';
import { defaultEvidence, defaultHashAlgorithms, defaultLimits, defaultProfile } from './config.ts';

const name = nameSchema;
const profile = z.strictObject({
  providers: z.array(name).min(1).describe('Names of providers, first choice first.'),
  hashAlgorithms: hashAlgorithms
    .default([...defaultHashAlgorithms])
    .describe('Imprint algorithms that a query may use.'),
  tsaPolicies: oids
    .default([])
    .describe(
      'Policies that a query may ask for and a token may carry; none: those of the providers.',
    ),
  minimumRemainingDays: days(0)
    .default(defaultProfile.minimumRemainingDays)
    .describe('How long the TSU’s whole chain must still be valid.'),
  accuracyRequired: z
    .boolean()
    .default(defaultProfile.accuracyRequired)
    .describe('Refuse tokens without an accuracy.'),
  clockToleranceSeconds: z
    .number()
    .positive()
    .max(3600)
    .default(defaultProfile.clockToleranceSeconds)
    .describe('Largest distance between genTime and our clock.'),
  revocation: z
    .enum(['none', 'soft', 'require'])
    .default(defaultProfile.revocation)
    .describe(
      '`none`: not looked at; `soft`: revoked is refused, unknown passes; `require`: unknown is refused.',
    ),
  hedgesPerHour: z
    .int()
    .min(0)
    .max(100_000)
    .default(defaultProfile.hedgesPerHour)
    .describe(
      'Requests an hour that may also go to the next provider once the first takes longer than 95 in 100 of its answers; 0: none. Each may buy a second token.',
    ),
  dual: z
    .boolean()
    .default(defaultProfile.dual)
    .describe(
      'Ask two providers at once, answer with the first good token and keep both in the journal: each request buys two.',
    ),
  accredited: z
    .array(accreditationScheme)
    .default([...defaultProfile.accredited])
    .describe(
      'Schemes under one of which a provider has to be accredited when it stamps, as `providers.NAME.accreditations` says; none: it need not be.',
    ),
});

const budget = z
  .strictObject({
    client: z.string().min(1).optional().describe('Of this client alone.'),
    profile: name.optional().describe('Of this profile alone.'),
    provider: name
      .optional()
      .describe('At this provider alone: used up, the next one of the profile is asked.'),
    period: z
      .enum(['month', 'day'])
      .default('month')
      .describe('A calendar month or day of `timeZone`.'),
    tokens: z.int().min(0).optional().describe('Tokens in that time.'),
    cost: z
      .strictObject({
        amount: money.max(1_000_000_000).describe('Money in that time.'),
        currency: price.shape.currency,
      })
      .optional(),
    warnAtPercent: z
      .int()
      .min(1)
      .max(100)
      .default(80)
      .describe('Share at which an event `tsa.budget.warning` says so.'),
  })
  .describe('What may be bought; used up, 429 until the next month or day.');

const audit = z
  .strictObject({
    dir: filePath.optional().describe('Folder of the audit log; default: `stateDir/audit`.'),
    stamp: z
      .boolean()
      .default(true)
      .describe('Have the head of the log stamped once a day: one token of `stampProfile`.'),
    stampProfile: name.optional().describe('Whose providers do that; default: `defaultProfile`.'),
    maxFileBytes: z
      .int()
      .min(4096)
      .max(2 ** 40)
      .default(defaultLimits.auditFileBytes)
      .describe('A file that has grown to this is followed by a new one.'),
    keepDays: z
      .int()
      .min(0)
      .max(36_525)
      .default(0)
      .describe('Files of earlier days are removed; 0 keeps them for ever.'),
    seenFile: filePath
      .optional()
      .describe(
        'File on another disk, in no backup, with the last line that was seen: so that an older copy that is put back is noticed.',
      ),
  })
  .prefault({});

const evidence = z
  .strictObject({
    enabled: z
      .boolean()
      .optional()
      .describe(
        'Take digests; default: as long as there is no `database`. What is promised is in `stateDir`, which of a replica has to be a volume that comes back with it.',
      ),
    intervalSeconds: z
      .number()
      .min(0)
      .max(3600)
      .default(defaultEvidence.intervalSeconds)
      .describe(
        'Digests sent to `/evidence/NAME` are collected for this long; 0: each for itself.',
      ),
    maxGroups: z
      .int()
      .min(1)
      .max(50_000)
      .default(defaultEvidence.maxGroups)
      .describe(
        'Groups of digests at which a batch is stamped at once; a request has 1,000 at most.',
      ),
    maxWaiting: z
      .int()
      .min(1)
      .max(10_000_000)
      .default(defaultEvidence.maxWaiting)
      .describe('Groups of all clients that may wait for their records; above it 503.'),
    bodyLimitBytes: z
      .int()
      .min(1024)
      .max(4 * 1024 * 1024)
      .default(defaultEvidence.bodyLimitBytes)
      .describe('A longer request gets 413.'),
    keepDays: z
      .int()
      .min(1)
      .max(7)
      .default(defaultEvidence.keepDays)
      .describe('So long records can be fetched; no longer than the journal answers repeats.'),
    nextHashAlgorithm: z
      .enum(defaultHashAlgorithms)
      .default(defaultEvidence.nextHashAlgorithm)
      .describe('Under which owners are told to send digests when an algorithm ends.'),
    leadDays: days(0).default(defaultEvidence.leadDays).describe('How long before that end.'),
  })
  .prefault({});

const database = z
  .strictObject({
    host: z.string().min(1).describe('Host of the PostgreSQL server.'),
    port: z.int().min(1).max(65_535).default(5432).describe('Its port.'),
    database: z.string().min(1).describe('Name of the database.'),
    user: z.string().min(1).describe('Role that the tables belong to, or that may use them.'),
    passwordFile: filePath.optional().describe('File whose content is the password.'),
    schema: z
      .string()
      .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'small letters, digits and _')
      .default('tokiwa')
      .describe('Where the tables are; made at the first start.'),
    connections: z
      .int()
      .min(2)
      .max(100)
      .default(8)
      .describe('Connections of one replica at most, beside one for its locks.'),
    tls: z
      .strictObject({
        off: z
          .boolean()
          .default(false)
          .describe('Plain connections to another machine were chosen on purpose.'),
        authorities: z
          .array(filePath)
          .default([])
          .describe('Who issues the server’s certificate; none: those whom the system trusts.'),
        tls12: z.boolean().default(false).describe('It speaks no TLS 1.3: 1.2 will do.'),
      })
      .prefault({}),
  })
  .describe('Where several replicas share journal, audit log, budgets, quotas and rates.');

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

/** The whole file. Durations and sizes carry their unit in the key. */
export const tsaConfigSchema = z.strictObject({
  listen: z
    .strictObject({
      host: z.string().min(1).default(defaultLimits.host).describe('Address to listen on.'),
      port: z
        .int()
        .min(0)
        .max(65_535)
        .default(defaultLimits.port)
        .describe('Port to listen on; 0 takes a free one.'),
      anonymous: z
        .boolean()
        .optional()
        .describe(
          'Whoever asks there need not say who it is; default: as long as there are neither `listeners` nor `clients`.',
        ),
    })
    .prefault({}),
  trustedProxies: z
    .array(z.string().refine(isNetwork, 'a network such as 10.0.0.0/8'))
    .default([])
    .describe(
      'From where `X-Forwarded-For` is believed: reverse proxies that set it themselves; none: it is never looked at.',
    ),
  listeners: z.array(tlsListenerSchema).max(32).default([]),
  clients: z.record(name, clientSchema).default({}),
  credentialsFile: filePath
    .optional()
    .describe('What `tokiwa tsa client` writes; default: `stateDir/clients.json`.'),
  bodyLimitBytes: z
    .int()
    .min(256)
    .max(65_536)
    .default(defaultLimits.bodyLimitBytes)
    .describe('A longer query gets 413.'),
  deadlineMs: milliseconds
    .default(defaultLimits.deadlineMs)
    .describe('One request, all providers together.'),
  stateDir: filePath.describe('Keys, public files, journal.'),
  journalDir: filePath
    .optional()
    .describe('Journal on a disk of its own; default: `stateDir/journal`.'),
  audit,
  evidence,
  database: database.optional(),
  timeZone: z
    .string()
    .refine(isTimeZone, 'a time zone such as Asia/Tokyo')
    .default(defaultLimits.timeZone)
    .describe('Where months of budgets and days of quotas begin.'),
  budgets: z.array(budget).max(1000).default([]),
  algorithmPolicy: z
    .string()
    .default(bundledPolicies.defaultProfile)
    .describe(
      'Which algorithms a token may use: `none`, a bundled combination, or one of `algorithms.profiles`.',
    ),
  algorithms: algorithmSettings.prefault({}),
  defaultProfile: name
    .default(defaultProfile.name)
    .describe('The profile behind `POST /`; each one is behind `POST /tsa/NAME`.'),
  contacts: contactsSchema,
  approvalsRequired: z
    .boolean()
    .optional()
    .describe(
      'Providers and clients need `approved`; default: as soon as there are `listeners` or `clients`.',
    ),
  profiles: z.record(name, profile),
  providers: z.record(name, z.discriminatedUnion('type', [httpProvider, localProvider])),
});

export type TsaConfigFile = z.infer<typeof tsaConfigSchema>;
