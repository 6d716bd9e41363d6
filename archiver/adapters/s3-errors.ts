// What an S3 service or the way to it says, in the words of the store's contract. Codes:
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html and what other services add.
import { ConflictError, SourceError, TokiwaError } from '#shared/errors.ts';
import type { WriteCondition } from '#shared/ports/object-store.ts';

/** What was asked when the error came. */
export type S3Call = {
  readonly store: string;
  readonly key: string;
  readonly kind: 'read' | 'write';
  readonly condition?: WriteCondition | undefined;
  readonly signal: AbortSignal;
};

const notFoundCodes = new Set(['NoSuchKey', 'NotFound', 'NoSuchVersion']);
const clockCodes = new Set(['RequestTimeTooSkewed', 'RequestExpired']);
const throttleCodes = new Set(['SlowDown', 'TooManyRequests', 'RequestLimitExceeded']);
const fullCodes = new Set([
  'QuotaExceeded',
  'XMinioStorageFull',
  'XMinioAdminBucketQuotaExceeded',
  'InsufficientStorage',
  'ServiceQuotaExceededException',
]);
/** The octets that arrived are not those that were sent: the same request may succeed. */
const damagedCodes = new Set([
  'BadDigest',
  'XAmzContentChecksumMismatch',
  'XAmzContentSHA256Mismatch',
  'IncompleteBody',
  'RequestTimeout',
]);
/** Of a connection that was never made: nothing can have been acted upon. */
const unconnectedCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH']);

/** What is worth knowing of an error of the SDK; its classes differ by service and release. */
type S3Failure = {
  readonly code: string;
  readonly status: number | undefined;
  readonly attempts: number;
  readonly message: string;
};

function failureOf(error: Error): S3Failure | undefined {
  const metadata: unknown = '$metadata' in error ? error.$metadata : undefined;
  const isRecord = typeof metadata === 'object' && metadata !== null;
  const numberAt = (name: string): number | undefined => {
    const value: unknown = isRecord ? Reflect.get(metadata, name) : undefined;
    return typeof value === 'number' ? value : undefined;
  };
  const systemCode = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const known = isRecord || systemCode !== undefined || error.name === 'CredentialsProviderError';
  if (!known || error instanceof TypeError) return undefined;
  return {
    code:
      error.name === 'Error' || error.name === 'TimeoutError'
        ? (systemCode ?? error.name)
        : error.name,
    status: numberAt('httpStatusCode'),
    attempts: numberAt('attempts') ?? 1,
    message: error.message,
  };
}

/** The HTTP status of an error of the SDK; `undefined` where no answer came. */
export function statusOf(error: unknown): number | undefined {
  return error instanceof Error ? failureOf(error)?.status : undefined;
}

/**
 * Translates an error of the SDK. Errors of ours and faults in code pass unchanged; an aborted call
 * gives the signal's reason.
 */
export function translateS3Error(error: unknown, call: S3Call): unknown {
  if (call.signal.aborted) return call.signal.reason;
  if (error instanceof TokiwaError || !(error instanceof Error)) return error;
  const failure = failureOf(error);
  if (failure === undefined) return error;
  const conflict = conflictOf(failure, call, error);
  if (conflict !== undefined) return conflict;
  const { code, retryable } = judge(failure);
  const place = `${call.store}: ${JSON.stringify(call.key)}`;
  return new SourceError(code, `${place}: ${failure.code}: ${failure.message}`, {
    retryable,
    outcomeUnknown: call.kind === 'write' && mayHaveTakenEffect(failure),
    cause: error,
  });
}

function conflictOf(failure: S3Failure, call: S3Call, cause: Error): Error | undefined {
  const { condition } = call;
  if (condition === undefined) return undefined;
  const { status, code, attempts } = failure;
  const goneToo = condition.kind === 'match' && notFoundCodes.has(code);
  if (status !== 412 && code !== 'ConditionalRequestConflict' && !goneToo) return undefined;
  const place = `${call.store}: ${JSON.stringify(call.key)}`;
  // The SDK tried again after an answer was lost: what stands in the way may be its own first try.
  if (attempts > 1)
    return new SourceError(
      'ERR_SOURCE_UNREACHABLE',
      `${place}: an answer was lost, and whether the write took effect is not known`,
      { retryable: true, outcomeUnknown: true, cause },
    );
  return condition.kind === 'absent'
    ? new ConflictError('ERR_CONFLICT_EXISTS', `${place} exists already`, { cause })
    : new ConflictError('ERR_CONFLICT_CHANGED', `${place} is not the object that was read`, {
        expected: condition.etag,
        cause,
      });
}

function judge({ code, status }: S3Failure): {
  readonly code: SourceError['code'] & `ERR_SOURCE_${string}`;
  readonly retryable: boolean;
} {
  if (notFoundCodes.has(code) || status === 405)
    return { code: 'ERR_SOURCE_NOT_FOUND', retryable: false };
  if (fullCodes.has(code) || status === 507) return { code: 'ERR_SOURCE_FULL', retryable: true };
  if (clockCodes.has(code)) return { code: 'ERR_SOURCE_CLOCK', retryable: false };
  if (damagedCodes.has(code)) return { code: 'ERR_SOURCE_ANSWER', retryable: true };
  if (throttleCodes.has(code) || status === 429)
    return { code: 'ERR_SOURCE_UNREACHABLE', retryable: true };
  if (code === 'ETIMEDOUT') return { code: 'ERR_SOURCE_TIMEOUT', retryable: true };
  // A bucket that is not there is a wrong setting, never a missing document.
  const final = (status !== undefined && status < 500) || status === 501;
  if (final || code === 'CredentialsProviderError')
    return { code: 'ERR_SOURCE_REFUSED', retryable: false };
  return { code: 'ERR_SOURCE_UNREACHABLE', retryable: true };
}

function mayHaveTakenEffect({ code, status, attempts }: S3Failure): boolean {
  if (attempts > 1) return true;
  if (unconnectedCodes.has(code) || code === 'CredentialsProviderError') return false;
  return status === undefined || (status >= 500 && status !== 501);
}
