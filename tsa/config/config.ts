// Settings of the proxy: profiles, providers and the local unit, as plain values with their defaults. Reading
// them from a file is for config-file.ts.
import path from 'node:path';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { RevocationMode } from '#shared/trust/path-query.ts';
import { defaultBreaker, type BreakerConfig } from '../providers/breaker.ts';
import type { ClientConfig } from '../clients/clients.ts';
import type { Approval } from './config-approvals.ts';
import type { TsaContacts } from '../contacts.ts';
import type { RateLimit } from '../providers/provider-record.ts';

/** Who may get tokens of which kind from which providers, in order. */
export type Profile = {
  readonly name: string;
  /** Names of providers, first choice first. */
  readonly providers: readonly string[];
  /** Imprint algorithms that a request may use. */
  readonly hashAlgorithms: readonly DigestAlgorithm[];
  /** TSA policies that a request may ask for and a token may carry; none listed: those of the providers. */
  readonly tsaPolicies: readonly string[];
  /** Days that the TSU's whole chain must still be valid; 0 asks for nothing beyond now. */
  readonly minimumRemainingDays: number;
  /** Refuse tokens without an accuracy. */
  readonly accuracyRequired: boolean;
  /** Largest distance between genTime and our clock. */
  readonly clockToleranceSeconds: number;
  /** What is demanded of revocation data before a token is handed on. */
  readonly revocation: RevocationMode;
  /** Requests an hour that may go to a second provider because the first is slow; 0: none. */
  readonly hedgesPerHour: number;
  /** Two providers are asked at once: the first good token is the answer, both are in the journal. */
  readonly dual: boolean;
  /** Schemes under one of which a provider has to be accredited when it stamps; none: it need not be. */
  readonly accredited: readonly string[];
};

export type ProviderAuth =
  | { readonly kind: 'none' }
  /** The password is the content of the file, without a final line break. */
  | { readonly kind: 'basic'; readonly user: string; readonly passwordFile: string }
  /** RFC 6750; the token is the content of the file, without a final line break. */
  | { readonly kind: 'bearer'; readonly tokenFile: string }
  /** A client certificate: PEM files of the chain and of its key. */
  | { readonly kind: 'certificate'; readonly certificate: string; readonly key: string };

/** What one token costs. */
export type Price = { readonly amount: number; readonly currency: string };

/** What an operator confirmed of a provider, and by which document. Days of `timeZone`. */
export type AccreditationConfig = {
  readonly scheme: string;
  readonly from: string;
  /** First day on which it is over. */
  readonly until?: string | undefined;
  readonly tsaPolicies: readonly string[];
  readonly confirmedBy: string;
  readonly confirmedOn: string;
  readonly document: string;
};

/** A TSA behind a URL. */
export type HttpProviderConfig = {
  readonly kind: 'http';
  readonly name: string;
  readonly url: string;
  /** Plain http to another host than the loopback was chosen on purpose. */
  readonly allowHttp: boolean;
  readonly auth: ProviderAuth;
  /** PEM or DER files, or folders of them. */
  readonly anchors: readonly string[];
  /** CRLs: files, folders or URLs. */
  readonly crls: readonly string[];
  /** Policies that the provider issues under; a request naming another one is not sent to it. */
  readonly tsaPolicies: readonly string[];
  readonly hashAlgorithms: readonly DigestAlgorithm[];
  readonly timeouts: {
    readonly connectMs: number;
    /** After this long the next provider is asked. */
    readonly responseMs: number;
    /** Until then a late answer is still taken into the journal: it was paid for. */
    readonly lateMs: number;
  };
  readonly price: Price | undefined;
  readonly accreditations: readonly AccreditationConfig[];
  readonly tls: {
    /** Who issues its server's certificate; none: those whom the system trusts. */
    readonly authorities: readonly string[];
    /** TLS 1.2 will do. */
    readonly tls12: boolean;
  };
  readonly breaker: BreakerConfig;
  /** What it takes of us, as its contract or its manners say. */
  readonly limits: {
    readonly rate: RateLimit | undefined;
    readonly tokensPerDay: number | undefined;
  };
};

/** Keys of the local unit. Ed25519 and ML-DSA are for verifiers that know them. */
export const localKeyKinds = [
  'P-256',
  'P-384',
  'RSA-3072',
  'RSA-4096',
  'Ed25519',
  'ML-DSA-44',
  'ML-DSA-65',
  'ML-DSA-87',
] as const;
export type LocalKeyKind = (typeof localKeyKinds)[number];

/** The embedded time-stamping unit, with a certification authority of its own. */
export type LocalProviderConfig = {
  readonly kind: 'local';
  readonly name: string;
  readonly key: LocalKeyKind;
  /** File whose content encrypts the key files; `undefined`: they are kept as they are. */
  readonly keyPasswordFile: string | undefined;
  /** Digest of the signatures on tokens, certificates and CRLs. */
  readonly signatureDigest: DigestAlgorithm;
  readonly hashAlgorithms: readonly DigestAlgorithm[];
  readonly tsaPolicies: readonly string[];
  readonly accuracyMilliseconds: number;
  readonly caLifeDays: number;
  readonly tsuLifeDays: number;
  /** A new TSU key and certificate replace the old ones this long before its end. */
  readonly tsuRenewBeforeDays: number;
  readonly crlLifeDays: number;
  readonly price: Price | undefined;
};

export type ProviderConfig = HttpProviderConfig | LocalProviderConfig;

/** What may be bought in a calendar month or day, by those whom it names; nobody named: by all together. */
export type Budget = {
  readonly client?: string | undefined;
  readonly profile?: string | undefined;
  readonly provider?: string | undefined;
  readonly period: 'month' | 'day';
  /** At least one of the two limits is there. */
  readonly tokens?: number | undefined;
  readonly cost?: Price | undefined;
  /** An event says so when this share is used. */
  readonly warnAtPercent: number;
};

/** The log of who got what when. */
export type AuditConfig = {
  readonly dir: string;
  /** The profile by which its head is stamped daily; `undefined`: it is not stamped. */
  readonly stampProfile: string | undefined;
  readonly maxFileBytes: number;
  /** Files of earlier days are removed; 0: kept for ever. */
  readonly keepDays: number;
  /** Where the last line that was seen is kept, apart from the folders. */
  readonly seenFile?: string | undefined;
};

/** Digests that are collected, stamped together and answered with evidence records. */
export type EvidenceConfig = {
  /** Whether digests are taken at all. */
  readonly enabled: boolean;
  readonly intervalSeconds: number;
  /** Groups in one batch. */
  readonly maxGroups: number;
  /** Groups of all clients that may wait for their records. */
  readonly maxWaiting: number;
  readonly bodyLimitBytes: number;
  /** So long records can be fetched, and what is sent again gets them. */
  readonly keepDays: number;
  /** Under which owners are to send digests when the present algorithm ends. */
  readonly nextHashAlgorithm: DigestAlgorithm;
  /** How long before that end. */
  readonly leadDays: number;
};

/** A socket that speaks TLS. Paths are of PEM files. */
export type TlsListenerConfig = {
  readonly host: string;
  readonly port: number;
  /** Its certificate with the chain below the root. */
  readonly certificate: string;
  readonly key: string;
  /** By what its clients say who they are: a certificate in the handshake, or a key or password in each request. */
  readonly authentication: 'certificate' | 'credentials';
  /** Who issues clients' certificates. */
  readonly clientAuthorities: readonly string[];
  /** Their CRLs; with any, there has to be one of every authority. */
  readonly clientCrls: readonly string[];
  /** TLS 1.2 is spoken beside 1.3. */
  readonly tls12: boolean;
  /** Clients with a role for it read status and metrics here, operate and administer. */
  readonly administration?: boolean;
};

/** A PostgreSQL database that replicas share. */
export type DatabaseConfig = {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** The password is the content of the file, without a final line break. */
  readonly passwordFile: string | undefined;
  /** Where the tables are: an identifier. */
  readonly schema: string;
  /** Connections of one replica at most, beside one for its locks. */
  readonly connections: number;
  readonly tls: {
    /** Plain connections to another machine were chosen on purpose. */
    readonly off: boolean;
    /** Who issues the server's certificate; none: those whom the system trusts. */
    readonly authorities: readonly string[];
    readonly tls12: boolean;
  };
};

/** Who answers for what: whom to call, and by whom and when what is used was approved. */
export type Oversight = {
  readonly contacts: TsaContacts;
  readonly approvals: {
    /** What nobody approved is not used: neither are clients that stand in the credentials file alone. */
    readonly required: boolean;
    readonly providers: Readonly<Record<string, Approval>>;
    readonly clients: Readonly<Record<string, Approval>>;
  };
  /** Clients that are listed and not enabled: their keys open nothing. */
  readonly disabledClients: readonly string[];
};

/** Everything the proxy is told. Paths are as given; `parseTsaConfig` made them relative to the file. */
export type TsaConfig = {
  /** Plain HTTP; port 0 takes any free one. `anonymous`: who asks there need not say who it is. */
  readonly listen: { readonly host: string; readonly port: number; readonly anonymous: boolean };
  /** Networks of reverse proxies whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly string[];
  readonly listeners: readonly TlsListenerConfig[];
  readonly clients: readonly ClientConfig[];
  /** Keys and passwords as `tokiwa tsa client` keeps them. */
  readonly credentialsFile: string;
  readonly bodyLimitBytes: number;
  /** From receiving a request to answering it, all providers together. */
  readonly deadlineMs: number;
  readonly stateDir: string;
  readonly journalDir: string;
  readonly audit: AuditConfig;
  readonly evidence: EvidenceConfig;
  /** Where journal, audit log and counts are that several replicas share; `undefined`: in folders of this one. */
  readonly database: DatabaseConfig | undefined;
  /** Where days of quotas and months of budgets begin. */
  readonly timeZone: string;
  readonly budgets: readonly Budget[];
  /** Algorithms that a token may use when it is handed on; `undefined`: any that verifies. */
  readonly algorithmPolicy: AlgorithmProfile | undefined;
  /** The profile behind `POST /`. */
  readonly defaultProfile: string;
  readonly profiles: Readonly<Record<string, Profile>>;
  readonly providers: Readonly<Record<string, ProviderConfig>>;
  readonly oversight: Oversight;
};

/** Policy of the local TSU: a UUID as an arc, so that nobody else can have it (X.667). It promises nothing but the clock. */
export const localTsaPolicy = '2.25.44598827136587759081003827837286159858';

/** Algorithms that a new imprint may use unless the file says otherwise. */
export const defaultHashAlgorithms = [
  'SHA-256',
  'SHA-384',
  'SHA-512',
  'SHA3-256',
  'SHA3-384',
  'SHA3-512',
] as const satisfies readonly DigestAlgorithm[];

export const defaultLocalProvider = {
  kind: 'local',
  name: 'local',
  key: 'P-256',
  keyPasswordFile: undefined,
  signatureDigest: 'SHA-256',
  hashAlgorithms: defaultHashAlgorithms,
  tsaPolicies: [localTsaPolicy],
  accuracyMilliseconds: 1000,
  caLifeDays: 25 * 365,
  tsuLifeDays: 10 * 365,
  tsuRenewBeforeDays: 365,
  crlLifeDays: 7,
  price: undefined,
} as const satisfies LocalProviderConfig;

/** What a provider behind a URL need not say. */
export const defaultHttpProvider = {
  allowHttp: false,
  auth: { kind: 'none' },
  crls: [],
  tsaPolicies: [],
  hashAlgorithms: defaultHashAlgorithms,
  timeouts: { connectMs: 3000, responseMs: 8000, lateMs: 60_000 },
  price: undefined,
  accreditations: [],
  tls: { authorities: [], tls12: false },
  breaker: defaultBreaker,
  limits: { rate: undefined, tokensPerDay: undefined },
} as const satisfies Partial<HttpProviderConfig>;

export const defaultProfile = {
  name: 'default',
  providers: ['local'],
  hashAlgorithms: defaultHashAlgorithms,
  tsaPolicies: [],
  minimumRemainingDays: 0,
  accuracyRequired: false,
  clockToleranceSeconds: 60,
  revocation: 'soft',
  hedgesPerHour: 0,
  dual: false,
  accredited: [],
} as const satisfies Profile;

export const defaultEvidence = {
  enabled: true,
  intervalSeconds: 60,
  maxGroups: 10_000,
  maxWaiting: 100_000,
  bodyLimitBytes: 1024 * 1024,
  keepDays: 7,
  nextHashAlgorithm: 'SHA-512',
  leadDays: 365,
} as const satisfies EvidenceConfig;

/** Nobody is named, nothing needs to be approved. */
export const noOversight: Oversight = {
  contacts: { providers: {} },
  approvals: { required: false, providers: {}, clients: {} },
  disabledClients: [],
};

export const defaultLimits = {
  host: '127.0.0.1',
  port: 3161,
  bodyLimitBytes: 8 * 1024,
  deadlineMs: 30_000,
  timeZone: 'Asia/Tokyo',
  auditFileBytes: 64 * 1024 * 1024,
} as const;

/**
 * The smallest proxy: one profile over one local TSU, on the loopback. For `npm start`, tests and the simulation.
 * `local` overrides single settings of the unit, such as short lives or another key.
 */
export function localTsaConfig(options: {
  readonly stateDir: string;
  readonly port?: number;
  readonly local?: Partial<Omit<LocalProviderConfig, 'kind' | 'name'>>;
  readonly algorithmPolicy?: AlgorithmProfile;
  /** False: the head of the audit log is not stamped, as in a simulation that counts tokens. */
  readonly stampAudit?: boolean;
}): TsaConfig {
  return {
    listen: { host: defaultLimits.host, port: options.port ?? 0, anonymous: true },
    trustedProxies: [],
    listeners: [],
    clients: [],
    credentialsFile: path.join(options.stateDir, 'clients.json'),
    bodyLimitBytes: defaultLimits.bodyLimitBytes,
    deadlineMs: defaultLimits.deadlineMs,
    stateDir: options.stateDir,
    journalDir: path.join(options.stateDir, 'journal'),
    audit: {
      dir: path.join(options.stateDir, 'audit'),
      stampProfile: options.stampAudit === false ? undefined : defaultProfile.name,
      maxFileBytes: defaultLimits.auditFileBytes,
      keepDays: 0,
    },
    evidence: defaultEvidence,
    database: undefined,
    timeZone: defaultLimits.timeZone,
    budgets: [],
    algorithmPolicy: options.algorithmPolicy,
    defaultProfile: defaultProfile.name,
    profiles: { [defaultProfile.name]: defaultProfile },
    providers: { local: { ...defaultLocalProvider, ...options.local } },
    oversight: noOversight,
  };
}
