// Many records of one batch share their tokens: each is read once and judged once (RFC 4998 §5.3 says what of
// a token is asked, and it is the same for each of them). What is remembered is found by its octets.
import { equalBytes } from '#shared/bytes.ts';
import type { TokenParser } from '#shared/ers/evidence-record.ts';
import type { ArchiveTokenVerdict, ArchiveTokenVerifier } from '#shared/ers/verdict.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';

/** Tokens of a chain of renewals; older ones are forgotten. */
const maxRemembered = 64;

/** Reads a token anew unless one of the same octets is remembered; throws as `parseTimeStampToken`. */
export function rememberTokens(parse: TokenParser = parseTimeStampToken): TokenParser {
  const known: TimeStampToken[] = [];
  return (octets) => {
    const found = known.find(({ raw }) => equalBytes(raw, octets));
    if (found) return found;
    // A copy (of a Buffer, slice would be a view): the record that brought it may be gone when the next comes.
    const token = parse(new Uint8Array(octets));
    known.unshift(token);
    known.length = Math.min(known.length, maxRemembered);
    return token;
  };
}

/**
 * Asks `verify` once for each token, instant and imprint; to be used with tokens that `rememberTokens`
 * gave, and for one state of trust and validation data.
 */
export function rememberVerdicts<V extends ArchiveTokenVerdict>(
  verify: ArchiveTokenVerifier<V>,
): ArchiveTokenVerifier<V> {
  type Asked = {
    readonly at: Temporal.Instant;
    readonly imprint: Parameters<ArchiveTokenVerifier<V>>[2];
    readonly verdict: V;
  };
  const known = new WeakMap<TimeStampToken, Asked[]>();
  return (token, at, imprint) => {
    const asked = known.get(token) ?? [];
    const found = asked.find(
      (each) =>
        (each.at === at || each.at.equals(at)) &&
        each.imprint.algorithm === imprint.algorithm &&
        equalBytes(each.imprint.digest, imprint.digest),
    );
    if (found) return found.verdict;
    const verdict = verify(token, at, imprint);
    // One wrong imprint after another must not grow it without end.
    if (asked.length >= maxRemembered) asked.length = 0;
    asked.push({ at, imprint, verdict });
    known.set(token, asked);
    return verdict;
  };
}
