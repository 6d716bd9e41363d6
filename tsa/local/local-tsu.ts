// The embedded time-stamping unit: signs tokens with its own clock (RFC 3161 §2). It is a provider like any other
// and says of itself that nobody accredited it; keys and certificates are the authority's work.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { verifySignature } from '#shared/crypto/signature.ts';
import { parseAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { InvariantError } from '#shared/errors.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { isBefore } from '#shared/time.ts';
import { buildTimeStampToken, type TokenSigner } from '#shared/tsp/build-token.ts';
import { admitTimeStampReq } from '#shared/tsp/check-request.ts';
import type { TimeStampReq } from '#shared/tsp/request.ts';
import { buildTimeStampResp } from '#shared/tsp/response.ts';
import { type Certificate, parseCertificate } from '#shared/x509/certificate.ts';
import { type CertificateList, parseCertificateList } from '#shared/x509/crl.ts';
import type { LocalProviderConfig } from '../config/config.ts';
import type { LocalAuthority, TsuCredential } from './local-authority.ts';
import { createClockGuard } from './clock-guard.ts';
import { createProviderRecord } from '../providers/provider-record.ts';
import type { Provider, TrustMaterial } from '../providers/providers.ts';
import { buildRejection } from '../replies.ts';
import type { SerialSource } from './serials.ts';
import { createStandingVerdicts, type OwnAnswer } from './standing-verdict.ts';

/** Octets to parsed structures, parsed once each: certificates and CRLs change once in a while. */
function memoized<T>(parse: (octets: Uint8Array) => T): (octets: Uint8Array) => T {
  const known = new WeakMap<Uint8Array, { readonly value: T }>();
  return (octets) => {
    const entry = known.get(octets) ?? { value: parse(octets) };
    known.set(octets, entry);
    return entry.value;
  };
}

/** The key with its certificate; every signature is verified as it is made. */
function signerOf(credential: TsuCredential): TokenSigner {
  const certificate = parseCertificate(credential.generation.certificate);
  const algorithm = parseAlgorithmIdentifier(credential.key.algorithm);
  return {
    certificate,
    chain: [parseCertificate(credential.issuerCertificate)],
    digestAlgorithm: credential.generation.signatureDigest,
    signatureAlgorithm: credential.key.algorithm,
    sign: (data) => {
      const signature = credential.key.sign(data);
      const { publicKey } = certificate;
      const { ok } = verifySignature({ publicKey, algorithm, data, signature });
      // A bad chip, or a bad module under the key: this signature goes nowhere.
      if (!ok)
        throw new InvariantError('ERR_INVARIANT_READ_BACK', 'a signature that does not verify');
      return signature;
    },
  };
}

function accuracyOf(milliseconds: number) {
  const seconds = Math.floor(milliseconds / 1000);
  const millis = milliseconds % 1000;
  return {
    ...(seconds === 0 ? {} : { seconds }),
    ...(millis === 0 ? {} : { millis }),
  };
}

/**
 * The unit as a provider. `notBefore` is the newest genTime it ever gave, as the journal knows it: no
 * token is given before that, since a clock that went back may go anywhere.
 */
export function createLocalTsu(options: {
  readonly config: LocalProviderConfig;
  readonly authority: LocalAuthority;
  readonly serials: SerialSource;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly notBefore: Temporal.Instant | undefined;
  /** A clock that only ever runs forward, in milliseconds; without one, steps of the clock are not noticed. */
  readonly steadyClock?: (() => number) | undefined;
}): Provider {
  const { config, authority, serials, clock, events } = options;
  const accuracy = accuracyOf(config.accuracyMilliseconds);
  const [policy] = config.tsaPolicies;
  const digestAlgorithms: readonly DigestAlgorithm[] = config.hashAlgorithms;
  let last = options.notBefore;
  let signer: { readonly of: TsuCredential; readonly value: TokenSigner } | undefined;
  const certificateOf = memoized<Certificate>(parseCertificate);
  const crlOf = memoized<CertificateList>(parseCertificateList);
  const record = createProviderRecord();
  const guard = createClockGuard();

  /** The clock to the millisecond: tokens of one are given one instant. */
  const genTimeNow = (): Temporal.Instant => {
    const now = clock.now();
    if (now.epochMilliseconds === last?.epochMilliseconds && !isBefore(now, last)) return last;
    // A clock of milliseconds gives what can be used as it is.
    const isWhole = now.epochNanoseconds % 1_000_000n === 0n;
    return isWhole ? now : now.round({ smallestUnit: 'millisecond', roundingMode: 'floor' });
  };

  const answer = async (request: TimeStampReq): Promise<OwnAnswer> => {
    const credential = await authority.credential(clock.now());
    if (signer?.of !== credential) signer = { of: credential, value: signerOf(credential) };
    const serialNumber = await serials();
    // Read after every wait: the time that is signed is the time at which it is signed.
    const now = genTimeNow();
    const { notBefore, notAfter } = signer.value.certificate;
    const jumpMs = options.steadyClock && guard.check(now, options.steadyClock());
    const steppedBack = last !== undefined && isBefore(now, last);
    if (jumpMs !== undefined || steppedBack || isBefore(now, notBefore)) {
      events({
        level: 'error',
        name: 'tsa.local.clock-refused',
        provider: config.name,
        now: now.toString(),
        lastGenTime: last?.toString(),
        jumpMs,
      });
      const response = buildRejection({
        failureBit: 'timeNotAvailable',
        message: 'the clock of the local unit was set, or went back, and is not trusted',
      });
      return { response };
    }
    if (isBefore(notAfter, now)) {
      const ended = { provider: config.name, notAfter: notAfter.toString() };
      events({ level: 'error', name: 'tsa.local.certificate-ended', ...ended });
      const response = buildRejection({
        failureBit: 'systemFailure',
        message: 'the certificate of the local unit has ended, and the policy allows no other',
      });
      return { response };
    }
    last = now;
    const tsaPolicy = request.reqPolicy ?? policy ?? '';
    const token = buildTimeStampToken({
      tstInfo: {
        policy: tsaPolicy,
        messageImprint: request.messageImprint.raw,
        serialNumber,
        genTime: now,
        accuracy,
        nonce: request.nonce,
        tsa: true,
      },
      signer: signer.value,
      certReq: request.certReq,
    });
    const response = buildTimeStampResp({ status: 'granted', token });
    const { algorithm = '' } = request.messageImprint;
    const terms = `${tsaPolicy} ${algorithm} ${request.certReq}`;
    return { response, token: { serialNumber, genTime: now, signer: signer.value, terms } };
  };

  const trust = async (now: Temporal.Instant): Promise<TrustMaterial> => {
    const { generation } = await authority.credential(now);
    return {
      anchors: authority.anchors().map((octets) => ({ certificate: certificateOf(octets) })),
      certificates: [certificateOf(generation.certificate)],
      crls: authority.certificateLists().map(crlOf),
    };
  };

  return {
    kind: 'local',
    name: config.name,
    tsaPolicies: config.tsaPolicies,
    hashAlgorithms: config.hashAlgorithms,
    price: config.price,
    accreditations: [],
    responseMs: 10_000,
    lateMs: 10_000,
    exchange: async (octets) => {
      const admission = admitTimeStampReq(octets, {
        digestAlgorithms,
        tsaPolicies: config.tsaPolicies,
      });
      if (admission.kind === 'admitted') return (await answer(admission.request)).response;
      const [finding] = admission.findings;
      return buildTimeStampResp({
        status: 'rejection',
        statusString: finding.message,
        failInfo: [finding.failInfo],
      });
    },
    trust,
    record,
    own: { answer, verdicts: createStandingVerdicts() },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
