// What may stand in the proxy's configuration file, key by key. How keys relate to each other is for
// config-relations.ts; unknown keys are refused, so that a mistyped one is not silently without effect.
import { z } from 'zod';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { signatureDigests } from './adapters/signing-key.ts';
import { clientSchema, nameSchema, tlsListenerSchema } from './config-clients.ts';
import {
  defaultHashAlgorithms,
  defaultLimits,
  defaultLocalProvider,
  defaultProfile,
} from './config.ts';

const name = nameSchema;
const oid = z.string().regex(/^[0-2](\.(0|[1-9]\d{0,60})){1,30}$/, 'a dotted object identifier');
const oids = z.array(oid).max(100);
const hashAlgorithms = z.array(z.enum(defaultHashAlgorithms)).min(1);
const days = (least: number) => z.int().min(least).max(36_525);
const milliseconds = z.int().min(1).max(600_000);
const filePath = z.string().min(1);
const price = z.strictObject({
  amount: z
    .number()
    .min(0)
    .max(1_000_000)
    .describe('What one token costs; kept with each token in the journal.'),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'three capital letters, such as JPY (ISO 4217)')
    .describe('ISO 4217 code, such as `JPY`.'),
});

const httpProvider = z.strictObject({
  type: z.literal('http'),
  url: z
    .url({ protocol: /^https?$/, error: 'an http or https URL' })
    .describe('Where it answers RFC 3161 queries: https, or http to the loopback.'),
  allowHttp: z
    .boolean()
    .default(false)
    .describe('Plain http to another machine was chosen on purpose.'),
  auth: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('none') }),
      z.strictObject({
        type: z.literal('basic'),
        // RFC 7617 §2: the first colon ends the user.
        user: z
          .string()
          .regex(/^[^:\u0000-\u001f\u007f]+$/, 'no colon, no control character')
          .describe('User of HTTP Basic authentication; never over plain http.'),
        passwordFile: filePath.describe('File whose content is the password.'),
      }),
    ])
    .default({ type: 'none' }),
  anchors: z
    .array(filePath)
    .min(1)
    .describe('PEM or DER files, or folders of them: what its TSUs must lead to.'),
  crls: z
    .array(filePath)
    .default([])
    .describe('CRLs: files, folders or URLs; looked at again every hour.'),
  tsaPolicies: oids
    .default([])
    .describe('Policies it issues under; a query that names another is not sent to it.'),
  hashAlgorithms: hashAlgorithms
    .default([...defaultHashAlgorithms])
    .describe('Imprint algorithms that it accepts.'),
  timeouts: z
    .strictObject({
      connectMs: milliseconds
        .default(3000)
        .describe('From name look-up to the end of the TLS handshake.'),
      responseMs: milliseconds.default(8000).describe('Then the next provider is asked.'),
      lateMs: milliseconds
        .default(60_000)
        .describe('Until then a late token is still verified and journalled: it was paid for.'),
    })
    .prefault({}),
  price: price.optional(),
});

const localProvider = z.strictObject({
  type: z.literal('local'),
  key: z
    .enum(['P-256', 'RSA-3072'])
    .default(defaultLocalProvider.key)
    .describe('Key of CA and TSU; another one makes a new CA and TSU.'),
  signatureDigest: z
    .enum(signatureDigests)
    .default(defaultLocalProvider.signatureDigest)
    .describe('Digest of the signatures on tokens, certificates and CRLs.'),
  hashAlgorithms: hashAlgorithms
    .default([...defaultHashAlgorithms])
    .describe('Imprint algorithms that it accepts.'),
  tsaPolicies: oids
    .min(1)
    .default([...defaultLocalProvider.tsaPolicies])
    .describe('The first is what it writes when not asked for another.'),
  accuracyMilliseconds: z
    .int()
    .min(1)
    .max(60_000)
    .default(defaultLocalProvider.accuracyMilliseconds)
    .describe('Accuracy that its tokens claim.'),
  caLifeDays: days(2)
    .default(defaultLocalProvider.caLifeDays)
    .describe('Life of its CA’s certificate.'),
  tsuLifeDays: days(2)
    .default(defaultLocalProvider.tsuLifeDays)
    .describe('Life of a TSU’s certificate.'),
  tsuRenewBeforeDays: days(1)
    .default(defaultLocalProvider.tsuRenewBeforeDays)
    .describe('A new TSU key replaces the old one this long before its end.'),
  // Reissued daily: one that lives a day or less would leave gaps.
  crlLifeDays: days(2)
    .default(defaultLocalProvider.crlLifeDays)
    .describe('Life of a CRL; a new one is issued daily.'),
  price: price.optional(),
});

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
        amount: z.number().min(0).max(1_000_000_000).describe('Money in that time.'),
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
  })
  .prefault({});

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
  timeZone: z
    .string()
    .refine(isTimeZone, 'a time zone such as Asia/Tokyo')
    .default(defaultLimits.timeZone)
    .describe('Where months of budgets and days of quotas begin.'),
  budgets: z.array(budget).max(1000).default([]),
  algorithmPolicy: z
    .enum(['none', ...bundledPolicies.profiles.map((one) => one.id)])
    .default(bundledPolicies.defaultProfile)
    .describe('Which algorithms a token may use.'),
  defaultProfile: name
    .default(defaultProfile.name)
    .describe('The profile behind `POST /`; each one is behind `POST /tsa/NAME`.'),
  profiles: z.record(name, profile),
  providers: z.record(name, z.discriminatedUnion('type', [httpProvider, localProvider])),
});

export type TsaConfigFile = z.infer<typeof tsaConfigSchema>;
