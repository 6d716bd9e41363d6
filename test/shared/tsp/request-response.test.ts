// Queries and answers: round trips, what is admitted with which failure bit, what a client makes of an
// answer, and the HTTP around both. Each check has a case, and none without it.
import test from 'ava';
import fc from 'fast-check';
import { concatBytes, toHex } from '#shared/bytes.ts';
import { digest, digestOid } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derBitString,
  derBoolean,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import { FormatError, SourceError, type ErrorCode } from '#shared/errors.ts';
import {
  admitTimeStampReq,
  checkTimeStampReq,
  requestChecks,
  type AdmissionRules,
} from '#shared/tsp/check-request.ts';
import { checkTimeStampResp, responseChecks } from '#shared/tsp/check-response.ts';
import { queryHeaders, replyOctets, type HttpAnswer } from '#shared/tsp/http-exchange.ts';
import { buildTimeStampReq, parseTimeStampReq } from '#shared/tsp/request.ts';
import {
  buildTimeStampResp,
  parseTimeStampResp,
  printableText,
  type PKIFailureInfo,
} from '#shared/tsp/response.ts';
import { createTsu, issueToken, testData, testExtensions } from '../../_tsu.ts';

const shared = digest('SHA-256', testData);
const rules: AdmissionRules = {
  digestAlgorithms: ['SHA-256', 'SHA-512'],
  tsaPolicies: ['1.2.3'],
};

test('a query is read as it was built', (t) => {
  fc.assert(
    fc.property(
      fc.option(fc.bigInt({ min: -(1n << 200n), max: 1n << 200n }), { nil: undefined }),
      fc.boolean(),
      fc.option(fc.constantFrom('1.2.3', '2.999.1'), { nil: undefined }),
      (nonce, certReq, reqPolicy) => {
        const fields = { algorithm: 'SHA-256', digest: shared, nonce, certReq, reqPolicy } as const;
        const { messageImprint, ...read } = parseTimeStampReq(buildTimeStampReq(fields));
        t.like(read, { version: 1, nonce, certReq, reqPolicy, defaultEncoded: false });
        t.is(messageImprint.algorithm, 'SHA-256');
        t.is(toHex(messageImprint.hashedMessage), toHex(shared));
      },
    ),
    { numRuns: 50 },
  );
});

/** A query by its elements. */
function query(
  changes: {
    readonly version?: Uint8Array;
    readonly imprint?: Uint8Array;
    readonly rest?: readonly Uint8Array[];
  } = {},
): Uint8Array {
  return derSequence(
    changes.version ?? derInteger(1),
    changes.imprint ?? imprint(buildAlgorithmIdentifier(digestOid('SHA-256')).raw, shared),
    ...(changes.rest ?? []),
  );
}
function imprint(algorithm: Uint8Array, octets: Uint8Array): Uint8Array {
  return derSequence(algorithm, derOctetString(octets));
}
const sha256 = (parameters?: Uint8Array) =>
  buildAlgorithmIdentifier(digestOid('SHA-256'), parameters).raw;

const admitted = test.macro<[Uint8Array]>({
  exec: (t, octets) => {
    t.is(admitTimeStampReq(octets, rules).kind, 'admitted');
  },
  title: (name) => `admitted: ${name ?? ''}`,
});
test('least', admitted, query());
test('NULL parameters', admitted, query({ imprint: imprint(sha256(derNull()), shared) }));
test('nonce of 64 octets', admitted, query({ rest: [derInteger((1n << 511n) - 1n)] }));
test('its policy', admitted, query({ rest: [derObjectIdentifier('1.2.3'), derBoolean(true)] }));

const rejected = test.macro<[Uint8Array, string, PKIFailureInfo]>({
  exec: (t, octets, check, failInfo) => {
    const admission = admitTimeStampReq(octets, rules);
    if (admission.kind !== 'rejected') {
      t.fail('admitted');
      return;
    }
    t.deepEqual(
      admission.findings.map((finding) => [finding.check, finding.failInfo]),
      [[check, failInfo]],
    );
    if (check === 'request-format') return;
    // Left out, nobody else notices: the check is what refuses.
    const others = requestChecks.filter(({ name }) => name !== check);
    t.deepEqual(checkTimeStampReq(parseTimeStampReq(octets), rules, others), []);
  },
  title: (name) => `rejected: ${name ?? ''}`,
});
const trailing = concatBytes(query(), Uint8Array.of(0));
test('octets after it', rejected, trailing, 'request-format', 'badDataFormat');
test('nothing', rejected, new Uint8Array(), 'request-format', 'badDataFormat');
test('too large', rejected, new Uint8Array(70_000), 'request-format', 'badDataFormat');
test(
  'nonce before policy',
  rejected,
  query({ rest: [derInteger(1), derObjectIdentifier('1.2.3')] }),
  'request-format',
  'badDataFormat',
);
test(
  'certReq FALSE written out',
  rejected,
  query({ rest: [derBoolean(false)] }),
  'request-encoding',
  'badDataFormat',
);
test(
  'TRUE as 01',
  rejected,
  query({ rest: [Uint8Array.of(1, 1, 1)] }),
  'request-encoding',
  'badDataFormat',
);
test('version 2', rejected, query({ version: derInteger(2) }), 'request-version', 'badRequest');
test(
  'SHA-1',
  rejected,
  query({
    imprint: imprint(buildAlgorithmIdentifier(digestOid('SHA-1')).raw, shared.subarray(12)),
  }),
  'request-imprint-algorithm',
  'badAlg',
);
test(
  'no digest at all',
  rejected,
  query({ imprint: imprint(buildAlgorithmIdentifier('1.2.3.4').raw, shared) }),
  'request-imprint-algorithm',
  'badAlg',
);
test(
  'parameters',
  rejected,
  query({ imprint: imprint(sha256(derInteger(1)), shared) }),
  'request-imprint-parameters',
  'badAlg',
);
test(
  'a short imprint',
  rejected,
  query({ imprint: imprint(sha256(), shared.subarray(1)) }),
  'request-imprint-length',
  'badDataFormat',
);
test(
  'another policy',
  rejected,
  query({ rest: [derObjectIdentifier('1.2.3.4')] }),
  'request-policy',
  'unacceptedPolicy',
);
test(
  'a negative nonce',
  rejected,
  query({ rest: [derInteger(-1)] }),
  'request-nonce',
  'badDataFormat',
);
test(
  'a nonce of 65 octets',
  rejected,
  query({ rest: [derInteger(1n << 512n)] }),
  'request-nonce-length',
  'badRequest',
);
test(
  'an extension',
  rejected,
  query({ rest: [testExtensions(0, [{ oid: '1.2.3', critical: false }])] }),
  'request-extensions',
  'unacceptedExtension',
);

const token = issueToken(createTsu());

test('an answer is read as it was built', (t) => {
  const granted = parseTimeStampResp(buildTimeStampResp({ status: 'granted', token }));
  t.like(granted, { status: 0, statusName: 'granted', statusString: [], failInfo: [] });
  t.deepEqual(granted.token, token);
  const failInfo = ['badAlg', 'timeNotAvailable', 'systemFailure'] as const;
  const refused = parseTimeStampResp(
    buildTimeStampResp({ status: 'rejection', statusString: '時刻源', failInfo }),
  );
  t.deepEqual(refused.failInfo, failInfo);
  t.deepEqual(refused.statusString, ['時刻源']);
  t.is(refused.token, undefined);
});

test('a bit without a name keeps its number', (t) => {
  const bits = derBitString(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x08), 3);
  const answer = derSequence(derSequence(derInteger(2), bits));
  t.deepEqual(parseTimeStampResp(answer).failInfo, ['60']);
});

const answered = test.macro<[Uint8Array, string, string]>({
  exec: (t, octets, check, level) => {
    const response = parseTimeStampResp(octets);
    const findings = checkTimeStampResp(response);
    t.deepEqual(
      findings.map((finding) => [finding.check, finding.level]),
      [[check, level]],
    );
    const others = responseChecks.filter(({ name }) => name !== check);
    t.deepEqual(checkTimeStampResp(response, others), []);
  },
  title: (name) => `answer: ${name ?? ''}`,
});
const info = (...parts: readonly Uint8Array[]): Uint8Array =>
  derSequence(derSequence(...parts), token);
test('waiting, with a token', answered, info(derInteger(3)), 'response-status', 'error');
test('a status that wraps', answered, info(derInteger(2n ** 32n)), 'response-status', 'error');
test(
  'granted, with a failure',
  answered,
  info(derInteger(0), derBitString(Uint8Array.of(0x80), 7)),
  'response-fail-info',
  'error',
);
test(
  'granted, without a token',
  answered,
  buildTimeStampResp({ status: 'granted' }),
  'response-token',
  'error',
);
test(
  'a superfluous length octet',
  answered,
  concatBytes(Uint8Array.of(0x30, 0x83, 0), info(derInteger(0)).subarray(2)),
  'response-encoding',
  'warning',
);
test('a good answer has no findings', (t) => {
  t.deepEqual(checkTimeStampResp(parseTimeStampResp(info(derInteger(0)))), []);
  t.deepEqual(
    checkTimeStampResp(
      parseTimeStampResp(buildTimeStampResp({ status: 'grantedWithMods', token })),
    ),
    [],
  );
});

const malformed = test.macro<[Uint8Array]>({
  exec: (t, octets) => {
    t.throws(() => parseTimeStampResp(octets), { instanceOf: FormatError });
  },
  title: (name) => `no answer: ${name ?? ''}`,
});
test('a token', malformed, token);
test('HTML', malformed, new TextEncoder().encode('<html></html>'));
test('a third element', malformed, derSequence(derSequence(derInteger(0)), token, derNull()));
test('a status of 1,000 octets', malformed, info(derInteger(1n << 8000n)));
test('two answers', malformed, concatBytes(info(derInteger(0)), info(derInteger(0))));

test('text of a provider is made printable', (t) => {
  t.is(printableText('a\u0000b\u001b[31m\u202e\u2028c'), 'a\ufffdb\ufffd[31m\ufffd\ufffdc');
  t.is(printableText('あ'.repeat(501)), `${'あ'.repeat(500)}…`);
});

const now = Temporal.Instant.from('2026-01-01T00:00:00Z');
const ok: HttpAnswer = {
  status: 200,
  headers: { 'content-type': 'Application/Timestamp-Reply; charset=binary' },
  body: token,
};

test('HTTP 200 with the media type gives the octets', (t) => {
  t.is(replyOctets(ok, now), token);
  t.is(queryHeaders['Content-Type'], 'application/timestamp-query');
});

const overHttp = test.macro<[Partial<HttpAnswer>, ErrorCode, Partial<SourceError>]>({
  exec: (t, changes, code, facts) => {
    const error = t.throws(() => replyOctets({ ...ok, ...changes }, now), {
      instanceOf: SourceError,
      code,
    });
    t.like(error, facts);
  },
  title: (name) => `HTTP: ${name ?? ''}`,
});
test('forbidden', overHttp, { status: 403 }, 'ERR_SOURCE_REFUSED', {
  retryable: false,
  outcomeUnknown: false,
});
test(
  'busy, in seconds',
  overHttp,
  { status: 503, headers: { 'retry-after': '120' } },
  'ERR_SOURCE_REFUSED',
  { retryable: true, retryAfterSeconds: 120, outcomeUnknown: true },
);
test(
  'busy, until a date',
  overHttp,
  { status: 429, headers: { 'retry-after': 'Thu, 01 Jan 2026 00:01:00 GMT' } },
  'ERR_SOURCE_REFUSED',
  { retryable: true, retryAfterSeconds: 60 },
);
test('an HTML page', overHttp, { headers: { 'content-type': 'text/html' } }, 'ERR_SOURCE_ANSWER', {
  retryable: true,
  outcomeUnknown: true,
});
test('no media type', overHttp, { headers: {} }, 'ERR_SOURCE_ANSWER', { retryable: true });
test('nothing', overHttp, { body: new Uint8Array() }, 'ERR_SOURCE_ANSWER', { retryable: true });
