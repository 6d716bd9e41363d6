// The part of the configuration file about who is asked: TSAs behind URLs, and the local unit.
import { z } from 'zod';
import { bundledAccreditation } from '#shared/policy/bundled.ts';
import { signatureDigests } from '../adapters/signing-key.ts';
import { defaultBreaker } from '../providers/breaker.ts';
import { approvable, providerContact } from './config-approvals.ts';
import { defaultHashAlgorithms, defaultLocalProvider, localKeyKinds } from './config.ts';

const oid = z.string().regex(/^[0-2](\.(0|[1-9]\d{0,60})){1,30}$/, 'a dotted object identifier');
/** A list of object identifiers. */
export const oids = z.array(oid).max(100);
/** Imprint algorithms, one at least. */
export const hashAlgorithms = z.array(z.enum(defaultHashAlgorithms)).min(1);
/** Days from the least on. */
export const days = (least: number) => z.int().min(least).max(36_525);
/** A time-out. */
export const milliseconds = z.int().min(1).max(600_000);
/** A file or folder; relative ones count from the configuration file. */
export const filePath = z.string().min(1);
/** Money: what is below a millionth would be lost in sums. */
export const money = z
  .number()
  .min(0)
  .refine((amount) => /^\d+(\.\d{1,6})?$/.test(String(amount)), 'at most six decimals');

/** What one token costs. */
export const price = z.strictObject({
  amount: money
    .max(1_000_000)
    .describe('What one token costs; kept with each token in the journal.'),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'three capital letters, such as JPY (ISO 4217)')
    .describe('ISO 4217 code, such as `JPY`.'),
});

const day = z.iso.date('a date such as 2026-04-01');

/** Ids of the schemes that are known. */
export const accreditationScheme = z.enum(bundledAccreditation.schemes.map(({ id }) => id));

/** Nothing makes a provider accredited but what an operator read and confirmed. */
const accreditation = z.strictObject({
  scheme: accreditationScheme.describe('Under which it is accredited.'),
  from: day.describe('First day of its accreditation.'),
  until: day.optional().describe('First day on which it is no longer accredited.'),
  tsaPolicies: oids.min(1).describe('Policies of accredited tokens; others do not count.'),
  confirmedBy: z.string().min(1).describe('Who confirmed it.'),
  confirmedOn: day.describe('When.'),
  document: z.string().min(1).describe('By which document, such as the ministry’s list of a day.'),
});

/** A TSA behind a URL. */
export const httpProvider = z.strictObject({
  type: z.literal('http'),
  ...approvable,
  contact: providerContact,
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
      z.strictObject({
        type: z.literal('bearer'),
        tokenFile: filePath.describe('File whose content is the token; never over plain http.'),
      }),
      z.strictObject({
        type: z.literal('certificate'),
        certificate: filePath.describe('PEM file: our client certificate, then its chain.'),
        key: filePath.describe('PEM file of its private key, mode 600.'),
      }),
    ])
    .default({ type: 'none' }),
  tls: z
    .strictObject({
      authorities: z
        .array(filePath)
        .default([])
        .describe('Who issues its server’s certificate; none: those whom the system trusts.'),
      tls12: z.boolean().default(false).describe('It speaks no TLS 1.3: 1.2 will do.'),
    })
    .prefault({}),
  breaker: z
    .strictObject({
      failures: z
        .int()
        .min(1)
        .max(1000)
        .default(defaultBreaker.failures)
        .describe('So many failures in a row, and it is passed over for a while.'),
      openSeconds: z
        .int()
        .min(1)
        .max(3600)
        .default(defaultBreaker.openSeconds)
        .describe('That while; doubled after each trial that failed.'),
      maxOpenSeconds: z
        .int()
        .min(1)
        .max(86_400)
        .default(defaultBreaker.maxOpenSeconds)
        .describe('The longest while.'),
    })
    .prefault({}),
  limits: z
    .strictObject({
      rate: z
        .strictObject({
          requests: z.int().min(1).max(10_000).describe('So many requests that it takes …'),
          withinSeconds: z.int().min(1).max(86_400).describe('… in any stretch of this length.'),
        })
        .optional(),
      tokensPerDay: z.int().min(0).optional().describe('Tokens that it gives a day.'),
    })
    .prefault({}),
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
  accreditations: z.array(accreditation).max(100).default([]),
});

/** The unit inside of the proxy. */
export const localProvider = z.strictObject({
  type: z.literal('local'),
  ...approvable,
  key: z
    .enum(localKeyKinds)
    .default(defaultLocalProvider.key)
    .describe(
      'Key of CA and TSU; another one makes a new CA and TSU. Ed25519 goes with SHA-512. Certificates end where `algorithmPolicy` ends it; less than `tsuRenewBeforeDays` of that left is refused.',
    ),
  keyPasswordFile: filePath
    .optional()
    .describe('File whose content encrypts the key files that are made from now on.'),
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
