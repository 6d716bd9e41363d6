// The checks on TSTInfo by itself and against the query that it answers (RFC 3161 §2.4.1, §2.4.2,
// EN 319 422 §5). What the certificate of the TSU must be stands in tsu-checks.ts.
import { equalBytes, toHex } from '#shared/bytes.ts';
import { fail, pass, warn } from '#shared/cms/check.ts';
import { digestLength, digestOid } from '#shared/crypto/digest.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import { derNull } from '#shared/der/writer.ts';
import { oidName, oids } from '#shared/oid.ts';
import type { TokenCheck } from './token-context.ts';
import { accuracyMicroseconds } from './tst-info.ts';

/** An accuracy beyond a day cannot place anything on a date: such a token is useless as evidence. */
const maxAccuracyMicroseconds = 86_400n * 1_000_000n;

const tokenEncoding: TokenCheck = {
  name: 'token-encoding',
  clause: 'RFC 5652 §5',
  // CMS allows BER outside of the signed parts, and large public TSAs send SETs that are not sorted.
  run: ({ token }) => {
    const offence = findDerOffence(token.raw);
    return offence
      ? warn('The token is not in DER.', { offset: `${offence.offset}`, what: offence.what })
      : pass;
  },
};

const tstInfoEncoding: TokenCheck = {
  name: 'tst-info-encoding',
  clause: 'RFC 3161 §2.4.2',
  // eContent is the DER encoding of TSTInfo; another one could be read differently elsewhere.
  run: ({ token }) => {
    const offence = findDerOffence(token.tstInfo.raw);
    if (offence)
      return fail('FORMAT_FAILURE', 'TSTInfo is not in DER.', {
        offset: `${offence.offset}`,
        what: offence.what,
      });
    // Large public TSAs write `ordering FALSE` out; that can be read in one way only.
    return token.tstInfo.defaultEncoded
      ? warn('TSTInfo is not in DER: a default value is written out.')
      : pass;
  },
};

const tstInfoVersion: TokenCheck = {
  name: 'tst-info-version',
  clause: 'RFC 3161 §2.4.2',
  run: ({ token }) =>
    token.tstInfo.version === 1
      ? pass
      : fail('FORMAT_FAILURE', `TSTInfo has version ${token.tstInfo.version}; only 1 is defined.`, {
          version: `${token.tstInfo.version}`,
        }),
};

const imprintAlgorithm: TokenCheck = {
  name: 'imprint-algorithm',
  clause: 'RFC 3161 §2.4.1',
  run: ({ token, options }) => {
    const { algorithm, hashAlgorithm } = token.tstInfo.messageImprint;
    if (!algorithm) {
      return [
        {
          level: 'unknown',
          subIndication: 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
          message: `The digest algorithm ${oidName(hashAlgorithm.oid)} of the imprint is not supported.`,
          facts: { algorithm: hashAlgorithm.oid },
        },
      ];
    }
    const allowed = options.allowed?.digestAlgorithms;
    return !allowed || allowed.includes(algorithm)
      ? pass
      : fail('CRYPTO_CONSTRAINTS_FAILURE', `Imprints of ${algorithm} are not allowed here.`, {
          algorithm,
        });
  },
};

const imprintParameters: TokenCheck = {
  name: 'imprint-parameters',
  clause: 'RFC 5754 §2',
  // Absent and NULL mean the same; anything else is a digest that we do not compute.
  run: ({ token }) => {
    const { parameters } = token.tstInfo.messageImprint.hashAlgorithm;
    return parameters === undefined || equalBytes(parameters, derNull())
      ? pass
      : fail(
          'FORMAT_FAILURE',
          'The digest algorithm of the imprint has parameters other than NULL.',
          {
            parameters: toHex(parameters.subarray(0, 64)),
          },
        );
  },
};

const imprintLength: TokenCheck = {
  name: 'imprint-length',
  clause: 'RFC 3161 §2.4.1',
  run: ({ token }) => {
    const { algorithm, hashedMessage } = token.tstInfo.messageImprint;
    return !algorithm || hashedMessage.length === digestLength(algorithm)
      ? pass
      : fail('FORMAT_FAILURE', 'The imprint has not the length of its algorithm.', {
          algorithm,
          length: `${hashedMessage.length}`,
        });
  },
};

const imprintEqual: TokenCheck = {
  name: 'imprint',
  clause: 'RFC 3161 §2.4.2',
  run: ({ token, options }) => {
    const { hashAlgorithm, hashedMessage } = token.tstInfo.messageImprint;
    const asked = options.request?.messageImprint;
    const wanted = [
      ...(options.imprint
        ? [{ oid: digestOid(options.imprint.algorithm), digest: options.imprint.digest }]
        : []),
      ...(asked ? [{ oid: asked.hashAlgorithm.oid, digest: asked.hashedMessage }] : []),
    ];
    // The algorithm counts as well: the same octets under another identifier name other data.
    const wrong = wanted.find(
      ({ oid, digest }) => oid !== hashAlgorithm.oid || !equalBytes(digest, hashedMessage),
    );
    return wrong
      ? fail('HASH_FAILURE', 'The token is over another imprint.', {
          algorithm: oidName(hashAlgorithm.oid),
          imprint: toHex(hashedMessage.subarray(0, 64)),
          wantedAlgorithm: oidName(wrong.oid),
          wanted: toHex(wrong.digest),
        })
      : pass;
  },
};

const nonce: TokenCheck = {
  name: 'nonce',
  clause: 'RFC 3161 §2.4.2',
  run: ({ token, options }) => {
    const { request } = options;
    if (!request || request.nonce === token.tstInfo.nonce) return pass;
    if (request.nonce === undefined)
      return fail('SIG_CONSTRAINTS_FAILURE', 'The token has a nonce that nobody asked for.');
    return fail(
      'SIG_CONSTRAINTS_FAILURE',
      token.tstInfo.nonce === undefined
        ? 'The token lacks the nonce of the query.'
        : 'The token has another nonce than the query.',
      { asked: request.nonce.toString(16), got: token.tstInfo.nonce?.toString(16) ?? '' },
    );
  },
};

const tsaPolicy: TokenCheck = {
  name: 'tsa-policy',
  clause: 'RFC 3161 §2.4.2',
  run: ({ token, options }) => {
    const { policy } = token.tstInfo;
    const reqPolicy = options.request?.reqPolicy;
    if (reqPolicy !== undefined && reqPolicy !== policy) {
      return fail('SIG_CONSTRAINTS_FAILURE', 'The token is under another policy than asked for.', {
        policy,
        reqPolicy,
      });
    }
    const allowed = options.allowed?.tsaPolicies;
    return !allowed || allowed.includes(policy)
      ? pass
      : fail('SIG_CONSTRAINTS_FAILURE', 'The TSA policy is none of those allowed here.', {
          policy,
        });
  },
};

const serialNumber: TokenCheck = {
  name: 'serial-number',
  clause: 'RFC 3161 §2.4.2',
  // Users have to take up to 160 bits; more, or a sign, is no count of a TSA's tokens.
  run: ({ token }) => {
    const { serialNumber: serial } = token.tstInfo;
    return serial >= 0n && serial < 1n << 160n
      ? pass
      : fail('FORMAT_FAILURE', 'The serial number is negative or has more than 160 bits.');
  },
};

const accuracy: TokenCheck = {
  name: 'accuracy',
  clause: 'RFC 3161 §2.4.2',
  run: ({ token, options }) => {
    const stated = token.tstInfo.accuracy;
    if (!stated) {
      return options.requireAccuracy
        ? fail('SIG_CONSTRAINTS_FAILURE', 'The token states no accuracy.')
        : pass;
    }
    const { seconds = 0n, millis, micros } = stated;
    const inRange = (value: bigint | undefined): boolean =>
      value === undefined || (value >= 1n && value <= 999n);
    if (seconds < 0n || !inRange(millis) || !inRange(micros))
      return fail('FORMAT_FAILURE', 'Seconds, millis or micros of the accuracy are out of range.');
    return accuracyMicroseconds(stated) <= maxAccuracyMicroseconds
      ? pass
      : fail('SIG_CONSTRAINTS_FAILURE', 'The accuracy is worse than a day.');
  },
};

/** Extensions of TSTInfo that are understood. */
const knownExtensions: readonly string[] = [oids.qcStatements];

const extensions: TokenCheck = {
  name: 'tst-info-extensions',
  clause: 'RFC 3161 §2.4.2',
  run: ({ token }) => {
    const found = token.tstInfo.extensions.map(({ oid }) => oid);
    const repeated = found.find((oid, index) => found.indexOf(oid) !== index);
    if (repeated !== undefined) {
      return fail('FORMAT_FAILURE', 'An extension of TSTInfo is there twice.', {
        extension: oidName(repeated),
      });
    }
    // RFC 5280 §4.2: a critical extension that is not understood changes what the token means.
    const unknown = token.tstInfo.extensions.find(
      ({ oid, critical }) => critical && !knownExtensions.includes(oid),
    );
    return unknown
      ? fail('SIG_CONSTRAINTS_FAILURE', 'A critical extension of TSTInfo is not understood.', {
          extension: oidName(unknown.oid),
        })
      : pass;
  },
};

const clock: TokenCheck = {
  name: 'clock',
  clause: 'RFC 3161 §2.4.2',
  // The client checks the time against a trusted source: an old token answers a query without nonce
  // as well as a new one does.
  run: ({ token, options }) => {
    if (!options.clock) return pass;
    const { now, toleranceSeconds, stored = false } = options.clock;
    const ahead = token.tstInfo.genTime.epochMilliseconds - now.epochMilliseconds;
    const tolerance = toleranceSeconds * 1000;
    return ahead <= tolerance && (stored || ahead >= -tolerance)
      ? pass
      : fail('SIG_CONSTRAINTS_FAILURE', 'genTime is too far from our clock.', {
          genTime: token.tstInfo.genTime.toString(),
          now: now.toString(),
          toleranceSeconds: `${toleranceSeconds}`,
        });
  },
};

/** The checks on what the TSA says, in order. */
export const tstInfoChecks: readonly TokenCheck[] = [
  tokenEncoding,
  tstInfoEncoding,
  tstInfoVersion,
  imprintAlgorithm,
  imprintParameters,
  imprintLength,
  imprintEqual,
  nonce,
  tsaPolicy,
  serialNumber,
  accuracy,
  extensions,
  clock,
];
