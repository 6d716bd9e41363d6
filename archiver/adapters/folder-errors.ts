// What the operating system says, in the words of the store's contract. Pure.
import { SourceError, TokiwaError } from '#shared/errors.ts';
import { systemErrorCode } from '#shared/io/durable-file.ts';

const full = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const refused = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EISDIR', 'ELOOP', 'EXDEV']);

/** The error for an object that is not there. */
export function notFound(store: string, key: string): SourceError {
  return new SourceError('ERR_SOURCE_NOT_FOUND', `${store} has no object ${JSON.stringify(key)}`, {
    retryable: false,
  });
}

/** Translates a system error met at `place`; errors of ours and faults in code pass unchanged. */
export function translateSystemError(
  error: unknown,
  store: string,
  place: string,
  outcome: { readonly outcomeUnknown?: boolean } = {},
): unknown {
  const code = systemErrorCode(error);
  if (code === undefined || error instanceof TokiwaError || !(error instanceof Error)) return error;
  const what = `${store}: ${JSON.stringify(place)}: ${error.message}`;
  if (full.has(code))
    return new SourceError('ERR_SOURCE_FULL', what, { retryable: true, cause: error, ...outcome });
  if (refused.has(code))
    return new SourceError('ERR_SOURCE_REFUSED', what, { retryable: false, cause: error });
  // The rest are faults of disks and networks under the folder (EIO, ESTALE, EMFILE, …).
  return new SourceError('ERR_SOURCE_UNREACHABLE', what, {
    retryable: true,
    cause: error,
    ...outcome,
  });
}
