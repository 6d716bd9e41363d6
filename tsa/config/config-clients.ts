// The part of the configuration file about who may ask: TLS listeners and clients.
import { z } from 'zod';
import { passwordHashPattern } from '../adapters/password.ts';
import { isNetwork, roles } from '../clients/clients.ts';
import { approvable } from './config-approvals.ts';

const filePath = z.string().min(1);
const digest = z.string().regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits in lower case');

/** Names of clients, profiles and providers. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'lower-case letters, digits and hyphens, at most 63');

export const tlsListenerSchema = z.strictObject({
  host: z.string().min(1).default('0.0.0.0').describe('Address to listen on.'),
  port: z.int().min(0).max(65_535).describe('Port to listen on; 0 takes a free one.'),
  certificate: filePath.describe('PEM file: its certificate, then the chain below the root.'),
  key: filePath.describe('PEM file of its private key, mode 600.'),
  authentication: z
    .enum(['certificate', 'credentials'])
    .default('certificate')
    .describe(
      '`certificate`: clients without a good one are refused in the handshake; `credentials`: a key or password in each request.',
    ),
  clientAuthorities: z
    .array(filePath)
    .default([])
    .describe('PEM or DER files, or folders of them: who issues clients’ certificates.'),
  clientCrls: z
    .array(filePath)
    .default([])
    .describe('CRLs of these authorities; with any, one of each is needed.'),
  tls12: z.boolean().default(false).describe('Speak TLS 1.2 beside 1.3.'),
  administration: z
    .boolean()
    .default(false)
    .describe('Clients with a role for it reach status page, metrics and `/admin` here, too.'),
});

const certificateRule = z
  .strictObject({
    subject: z
      .string()
      .min(1)
      .optional()
      .describe('Subject as RFC 4514 writes it, most specific first: `CN=…,O=…,C=…`.'),
    san: z
      .string()
      .regex(/^(dns|email|uri):./, 'dns:HOST, email:ADDRESS or uri:URI')
      .optional()
      .describe('One of its alternative names: `dns:HOST`, `email:ADDRESS`, `uri:URI`.'),
    fingerprint: digest.optional().describe('SHA-256 of the certificate.'),
    issuer: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Besides, its issuer, written as the subject is: for more than one of `clientAuthorities`.',
      ),
  })
  .refine(
    ({ subject, san, fingerprint }) =>
      [subject, san, fingerprint].filter((one) => one !== undefined).length === 1,
    { error: 'one of subject, san, fingerprint' },
  );

export const clientSchema = z.strictObject({
  ...approvable,
  roles: z
    .array(z.enum(roles))
    .default(['stamp'])
    .describe(
      '`stamp`: get timestamps; over a listener with `administration` also `read` (status page, metrics), `operate` (reload), `administer` (keys of clients).',
    ),
  profiles: z
    .array(nameSchema)
    .min(1)
    .optional()
    .describe('Profiles that it may use, the first behind `/`; default: `defaultProfile`.'),
  certificates: z.array(certificateRule).default([]),
  keys: z
    .array(digest)
    .default([])
    .describe('SHA-256 of its keys, beside those that `tokiwa tsa client` keeps.'),
  passwords: z
    .array(z.string().regex(passwordHashPattern, 'what `tokiwa tsa client add --password` keeps'))
    .default([])
    .describe('Its passwords by scrypt, beside those that `tokiwa tsa client` keeps.'),
  networks: z
    .array(z.string().refine(isNetwork, 'a network such as 10.0.0.0/8'))
    .default([])
    .describe('From where it may ask; none: from anywhere.'),
  requestsPerMinute: z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe('More get 429 until there is room again.'),
  tokensPerDay: z
    .int()
    .min(0)
    .optional()
    .describe('Then 429 until the next day; repeats are answered.'),
});
