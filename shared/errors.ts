// Error classes and the list of codes: one class per who must act, one code per reason.
// Verdicts are values (shared/validation/verdict.ts); an exception means that the question could
// not be answered.

/** Stable codes: tests and logs rely on them, messages may improve freely. */
export type ErrorCode =
  // FormatError: bytes are not what they claim to be
  | 'ERR_FORMAT_DER'
  | 'ERR_FORMAT_LIMIT'
  | 'ERR_FORMAT_TIME'
  | 'ERR_FORMAT_CERTIFICATE'
  | 'ERR_FORMAT_CRL'
  | 'ERR_FORMAT_OCSP'
  | 'ERR_FORMAT_CMS'
  | 'ERR_FORMAT_TSP_REQUEST'
  | 'ERR_FORMAT_TSP_RESPONSE'
  | 'ERR_FORMAT_TSP_TOKEN'
  | 'ERR_FORMAT_EVIDENCE_RECORD'
  | 'ERR_FORMAT_DIGEST_LENGTH'
  | 'ERR_FORMAT_DIGESTS'
  | 'ERR_FORMAT_XML'
  | 'ERR_FORMAT_PDF'
  | 'ERR_FORMAT_ZIP'
  | 'ERR_FORMAT_PEM'
  | 'ERR_FORMAT_STORED'
  | 'ERR_FORMAT_KEY'
  // UnsupportedError: well formed, not handled
  | 'ERR_UNSUPPORTED_ALGORITHM'
  | 'ERR_UNSUPPORTED_VERSION'
  | 'ERR_UNSUPPORTED_FEATURE'
  // SourceError: a TSA, responder or store failed or refused
  | 'ERR_SOURCE_UNREACHABLE'
  | 'ERR_SOURCE_TIMEOUT'
  | 'ERR_SOURCE_REFUSED'
  | 'ERR_SOURCE_ANSWER'
  | 'ERR_SOURCE_NOT_FOUND'
  | 'ERR_SOURCE_FULL'
  | 'ERR_SOURCE_FORBIDDEN_ADDRESS'
  | 'ERR_SOURCE_CLOCK'
  // ConflictError: the object changed under us
  | 'ERR_CONFLICT_CHANGED'
  | 'ERR_CONFLICT_EXISTS'
  | 'ERR_CONFLICT_LEASE'
  // ConfigError: settings cannot work
  | 'ERR_CONFIG_INVALID'
  | 'ERR_CONFIG_ARCHIVE_ID'
  | 'ERR_CONFIG_ARCHIVE_RESTORED'
  | 'ERR_CONFIG_USAGE'
  // InvariantError: our own promise broke
  | 'ERR_INVARIANT_STATE'
  | 'ERR_INVARIANT_READ_BACK'
  | 'ERR_INVARIANT_CEILING';

/** Base of every error that Tokiwa throws on purpose. */
export abstract class TokiwaError extends Error {
  abstract override readonly name: string;
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Where in the input a format error stands. */
export type FormatPlace = {
  /** Octet offset from the start of the input, where known. */
  readonly offset?: number | undefined;
  /** The clause that the input breaks, such as `RFC 4998 §3.1`. */
  readonly clause?: string | undefined;
};

/** Bytes are not what they claim to be. */
export class FormatError extends TokiwaError {
  override readonly name = 'FormatError';
  readonly offset: number | undefined;
  readonly clause: string | undefined;

  constructor(
    code: ErrorCode & `ERR_FORMAT_${string}`,
    message: string,
    options: FormatPlace & ErrorOptions = {},
  ) {
    super(code, message, options);
    this.offset = options.offset;
    this.clause = options.clause;
  }
}

/** Well formed, but not handled. `feature` is the OID or the name of what is missing. */
export class UnsupportedError extends TokiwaError {
  override readonly name = 'UnsupportedError';
  readonly feature: string;

  constructor(
    code: ErrorCode & `ERR_UNSUPPORTED_${string}`,
    message: string,
    options: { readonly feature: string } & ErrorOptions,
  ) {
    super(code, message, options);
    this.feature = options.feature;
  }
}

/** A TSA, responder or store failed or refused. */
export class SourceError extends TokiwaError {
  override readonly name = 'SourceError';
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** Whether the other side may have acted on the request although no answer came. */
  readonly outcomeUnknown: boolean;
  /** Seconds after which the source asks to be tried again. */
  readonly retryAfterSeconds: number | undefined;
  /** PKIStatus of an RFC 3161 answer, if there was one. */
  readonly pkiStatus: number | undefined;
  /** Names of the PKIFailureInfo bits that were set. */
  readonly failInfo: readonly string[];

  constructor(
    code: ErrorCode & `ERR_SOURCE_${string}`,
    message: string,
    options: {
      readonly retryable: boolean;
      readonly outcomeUnknown?: boolean;
      readonly retryAfterSeconds?: number | undefined;
      readonly pkiStatus?: number | undefined;
      readonly failInfo?: readonly string[];
    } & ErrorOptions,
  ) {
    super(code, message, options);
    this.retryable = options.retryable;
    this.outcomeUnknown = options.outcomeUnknown ?? false;
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.pkiStatus = options.pkiStatus;
    this.failInfo = options.failInfo ?? [];
  }
}

/** The object changed under us. */
export class ConflictError extends TokiwaError {
  override readonly name = 'ConflictError';
  readonly expected: string | undefined;
  readonly found: string | undefined;

  constructor(
    code: ErrorCode & `ERR_CONFLICT_${string}`,
    message: string,
    options: {
      readonly expected?: string | undefined;
      readonly found?: string | undefined;
    } & ErrorOptions = {},
  ) {
    super(code, message, options);
    this.expected = options.expected;
    this.found = options.found;
  }
}

/** One thing wrong with a configuration. */
export type ConfigProblem = {
  /** Path of the key, such as `profiles.default.providers[0].url`. */
  readonly key: string;
  /** Line in the file, from 1, where known. */
  readonly line?: number | undefined;
  readonly message: string;
};

/** Settings cannot work; carries every problem found, not only the first. */
export class ConfigError extends TokiwaError {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(
    code: ErrorCode & `ERR_CONFIG_${string}`,
    message: string,
    options: { readonly problems?: readonly ConfigProblem[] } & ErrorOptions = {},
  ) {
    super(code, message, options);
    this.problems = options.problems ?? [];
  }
}

/** Our own promise broke; the run stops. */
export class InvariantError extends TokiwaError {
  override readonly name = 'InvariantError';

  // It narrows the code to this class's own.
  // eslint-disable-next-line @typescript-eslint/no-useless-constructor
  constructor(
    code: ErrorCode & `ERR_INVARIANT_${string}`,
    message: string,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
  }
}
