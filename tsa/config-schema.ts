// What may stand in the proxy's configuration file, key by key. How keys relate to each other is for
// config-relations.ts; unknown keys are refused, so that a mistyped one is not silently without effect.
import { z } from 'zod';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { signatureDigests } from './adapters/signing-key.ts';
import {
  defaultHashAlgorithms,
  defaultLimits,
  defaultLocalProvider,
  defaultProfile,
} from './config.ts';

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens, at most 63');
const oid = z.string().regex(/^[0-2](\.(0|[1-9]\d{0,60})){1,30}$/, 'a dotted object identifier');
const oids = z.array(oid).max(100);
const hashAlgorithms = z.array(z.enum(defaultHashAlgorithms)).min(1);
const days = (least: number) => z.int().min(least).max(36_525);
const milliseconds = z.int().min(1).max(600_000);
const filePath = z.string().min(1);
const price = z.strictObject({
  amount: z.number().min(0).max(1_000_000),
  currency: z.string().regex(/^[A-Z]{3}$/, 'three capital letters, such as JPY (ISO 4217)'),
});

const httpProvider = z.strictObject({
  type: z.literal('http'),
  url: z.url({ protocol: /^https?$/, error: 'an http or https URL' }),
  allowHttp: z.boolean().default(false),
  auth: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('none') }),
      z.strictObject({
        type: z.literal('basic'),
        // RFC 7617 §2: the first colon ends the user.
        user: z.string().regex(/^[^:\u0000-\u001f\u007f]+$/, 'no colon, no control character'),
        passwordFile: filePath,
      }),
    ])
    .default({ type: 'none' }),
  anchors: z.array(filePath).min(1),
  crls: z.array(filePath).default([]),
  tsaPolicies: oids.default([]),
  hashAlgorithms: hashAlgorithms.default([...defaultHashAlgorithms]),
  timeouts: z
    .strictObject({
      connectMs: milliseconds.default(3000),
      responseMs: milliseconds.default(8000),
      lateMs: milliseconds.default(60_000),
    })
    .prefault({}),
  price: price.optional(),
});

const localProvider = z.strictObject({
  type: z.literal('local'),
  key: z.enum(['P-256', 'RSA-3072']).default(defaultLocalProvider.key),
  signatureDigest: z.enum(signatureDigests).default(defaultLocalProvider.signatureDigest),
  hashAlgorithms: hashAlgorithms.default([...defaultHashAlgorithms]),
  tsaPolicies: oids.min(1).default([...defaultLocalProvider.tsaPolicies]),
  accuracyMilliseconds: z
    .int()
    .min(1)
    .max(60_000)
    .default(defaultLocalProvider.accuracyMilliseconds),
  caLifeDays: days(2).default(defaultLocalProvider.caLifeDays),
  tsuLifeDays: days(2).default(defaultLocalProvider.tsuLifeDays),
  tsuRenewBeforeDays: days(1).default(defaultLocalProvider.tsuRenewBeforeDays),
  // Reissued daily: one that lives a day or less would leave gaps.
  crlLifeDays: days(2).default(defaultLocalProvider.crlLifeDays),
  price: price.optional(),
});

const profile = z.strictObject({
  providers: z.array(name).min(1),
  hashAlgorithms: hashAlgorithms.default([...defaultHashAlgorithms]),
  tsaPolicies: oids.default([]),
  minimumRemainingDays: days(0).default(defaultProfile.minimumRemainingDays),
  accuracyRequired: z.boolean().default(defaultProfile.accuracyRequired),
  clockToleranceSeconds: z
    .number()
    .positive()
    .max(3600)
    .default(defaultProfile.clockToleranceSeconds),
  revocation: z.enum(['none', 'soft', 'require']).default(defaultProfile.revocation),
});

/** The whole file. Durations and sizes carry their unit in the key. */
export const tsaConfigSchema = z.strictObject({
  listen: z
    .strictObject({
      host: z.string().min(1).default(defaultLimits.host),
      port: z.int().min(0).max(65_535).default(defaultLimits.port),
    })
    .prefault({}),
  bodyLimitBytes: z.int().min(256).max(65_536).default(defaultLimits.bodyLimitBytes),
  deadlineMs: milliseconds.default(defaultLimits.deadlineMs),
  stateDir: filePath,
  journalDir: filePath.optional(),
  algorithmPolicy: z
    .enum(['none', ...bundledPolicies.profiles.map((one) => one.id)])
    .default(bundledPolicies.defaultProfile),
  defaultProfile: name.default(defaultProfile.name),
  profiles: z.record(name, profile),
  providers: z.record(name, z.discriminatedUnion('type', [httpProvider, localProvider])),
});

export type TsaConfigFile = z.infer<typeof tsaConfigSchema>;
