// Validation data from the addresses inside certificates: issuers (AIA), OCSP, CRLs (RFC 5280
// §4.2.1.13, §4.2.2.1; RFC 6960 App. A). Those addresses are chosen by whoever made the certificate:
// sizes, times, redirects, schemes and private addresses are limited, and only what verifies is kept.
import { parseIssuerAnswer } from '#shared/cms/validation-data.ts';
import { SourceError, TokiwaError } from '#shared/errors.ts';
import type { HttpLimits, HttpSender } from '#shared/io/http-sender.ts';
import type { EventSink, RandomSource } from '#shared/ports/runtime.ts';
import type { StatusSource, ValidationData } from '#shared/ports/status-source.ts';
import { type StatusMaterial, issuedAfter } from '#shared/trust/chain-status.ts';
import {
  type Answer,
  type StatusQuestion,
  buildOcspRequest,
  findIssuer,
  judgeCrlAnswer,
  judgeOcspAnswer,
  statusAddresses,
  statusOffence,
} from '#shared/trust/status-exchange.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { namesMatch } from '#shared/x509/name.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';
import type { StatusCache } from './status-cache.ts';

export type StatusFetching = {
  /** What is at hand without asking anyone; it is asked first. */
  readonly base: StatusSource;
  readonly sender: HttpSender;
  readonly cache: StatusCache;
  /** `name` or `name:port` that may be asked although its address is not public. */
  readonly allowedHosts: readonly string[];
  readonly random: RandomSource;
  readonly events: EventSink;
};

const limitsOf = (maxAnswerBytes: number, totalMs: number): HttpLimits => ({
  connectMs: 5000,
  firstByteMs: 10_000,
  totalMs,
  maxAnswerBytes,
});
const smallAnswer = limitsOf(256 * 1024, 15_000);
const crlAnswer = limitsOf(32 * 1024 * 1024, 60_000);

/** A host that failed so often is left alone for the rest of the night. */
const maxFailures = 2;
/** Issuers looked for above one chain: real ones have five certificates at most. */
const maxChain = 10;
/** Whatever the documents name, a night asks no more often. */
const maxRequests = 10_000;

type Request = {
  readonly url: string;
  /** What is asked of the address: with the address the name in the cache. */
  readonly about: string;
  readonly body?: (() => Uint8Array) | undefined;
  readonly limits: HttpLimits;
};

class FetchingSource implements StatusSource {
  readonly #options: StatusFetching;
  readonly #failures = new Map<string, number>();
  /** Addresses asked tonight, with what came: none is asked twice. */
  readonly #asked = new Map<string, Promise<Answer<Uint8Array>>>();

  constructor(options: StatusFetching) {
    this.#options = options;
  }

  async #send(request: Request, signal: AbortSignal): Promise<Answer<Uint8Array>> {
    const { sender, allowedHosts, events } = this.#options;
    const url = URL.parse(request.url);
    const host = url?.host ?? '';
    if ((this.#failures.get(host) ?? 0) >= maxFailures)
      return { kind: 'refused', reason: `${host} did not answer before` };
    if (this.#asked.size > maxRequests)
      return { kind: 'refused', reason: `more than ${maxRequests} addresses in one night` };
    const allowed =
      url !== null && allowedHosts.some((one) => one === host || one === url.hostname);
    try {
      const body = request.body?.();
      const answer = await sender.send({
        url: request.url,
        method: body ? 'POST' : 'GET',
        headers: body ? { 'content-type': 'application/ocsp-request' } : {},
        body,
        addresses: allowed ? 'any' : 'public',
        // Where private addresses are allowed, a redirect could lead to another of them.
        maxRedirects: allowed ? 0 : 3,
        limits: request.limits,
        signal,
      });
      return answer.status === 200
        ? { kind: 'counts', value: answer.body }
        : { kind: 'refused', reason: `${request.url} answers with HTTP status ${answer.status}` };
    } catch (error) {
      if (signal.aborted || !(error instanceof SourceError)) throw error;
      if (error.code !== 'ERR_SOURCE_FORBIDDEN_ADDRESS')
        this.#failures.set(host, (this.#failures.get(host) ?? 0) + 1);
      const { code, message } = error;
      events({
        level: 'warn',
        name: 'archiver.status.unavailable',
        url: request.url,
        code,
        message,
      });
      return { kind: 'refused', reason: message };
    }
  }

  /** What was kept, while it still counts; or else what the address says, once a night. */
  async #obtain<T>(
    request: Request,
    judge: (octets: Uint8Array) => Answer<T>,
    signal: AbortSignal,
  ): Promise<Answer<T>> {
    const { cache } = this.#options;
    const name = `${request.url} ${request.about}`;
    const kept = await cache.load(name);
    const judged = kept && judge(kept);
    if (judged?.kind === 'counts') return judged;
    const asked = this.#asked.get(name) ?? this.#send(request, signal);
    this.#asked.set(name, asked);
    const sent = await asked;
    if (sent.kind === 'refused') return sent;
    const answer = judge(sent.value);
    if (answer.kind === 'counts') await cache.keep(name, sent.value);
    return answer.kind === 'counts'
      ? answer
      : { kind: 'refused', reason: `${request.url}: ${answer.reason}` };
  }

  /** The first address whose answer counts, or every reason against them. */
  async #firstOf<T>(
    requests: readonly Request[],
    judge: (octets: Uint8Array) => Answer<T>,
    signal: AbortSignal,
  ): Promise<Answer<T>> {
    const reasons: string[] = [];
    for (const request of requests) {
      const answer = await this.#obtain(request, judge, signal);
      if (answer.kind === 'counts') return answer;
      reasons.push(answer.reason);
    }
    return { kind: 'refused', reason: reasons.join('; ') };
  }

  async #issuerOf(
    certificate: Certificate,
    pool: readonly Certificate[],
    signal: AbortSignal,
  ): Promise<Certificate | undefined> {
    const known = findIssuer(pool, certificate);
    if (known) return known;
    const requests = statusAddresses(certificate).issuers.map((url) => ({
      url,
      about: 'issuer',
      limits: smallAnswer,
    }));
    const answer = await this.#firstOf(
      requests,
      (octets) => judgeIssuer(octets, certificate),
      signal,
    );
    return answer.kind === 'counts' ? answer.value : undefined;
  }

  async #fetchOcsp(question: StatusQuestion, signal: AbortSignal): Promise<Answer<OcspResponse>> {
    const { certificate, issuer } = question;
    const nonce = this.#options.random(16);
    let sent = false;
    const requests = statusAddresses(certificate).ocsp.map((url) => ({
      url,
      about: `${issuer.fingerprint} ${certificate.fingerprint}`,
      body: () => {
        sent = true;
        return buildOcspRequest(certificate, issuer, nonce);
      },
      limits: smallAnswer,
    }));
    // What was kept answered an earlier nonce.
    return this.#firstOf(
      requests,
      (octets) => judgeOcspAnswer(octets, question, sent ? nonce : undefined),
      signal,
    );
  }

  /** Every distribution point's list: reasons of revocation may be divided among them. */
  async #fetchCrls(
    question: StatusQuestion,
    signal: AbortSignal,
  ): Promise<Answer<readonly CertificateList[]>> {
    const crls: CertificateList[] = [];
    const reasons: string[] = [];
    for (const urls of statusAddresses(question.certificate).crls) {
      const requests = urls.map((url) => ({ url, about: 'crl', limits: crlAnswer }));
      const answer = await this.#firstOf(
        requests,
        (octets) => judgeCrlAnswer(octets, question),
        signal,
      );
      if (answer.kind === 'refused') reasons.push(answer.reason);
      else crls.push(answer.value);
    }
    if (crls.length === 0) return { kind: 'refused', reason: reasons.join('; ') };
    const offence = statusOffence(question, { crls, ocspResponses: [] });
    return offence === undefined
      ? { kind: 'counts', value: crls }
      : { kind: 'refused', reason: [...reasons, offence].join('; ') };
  }

  /** OCSP first: it is small. What neither tells is refused with every reason. */
  async #fetchStatus(
    question: StatusQuestion,
    signal: AbortSignal,
  ): Promise<Answer<Pick<StatusMaterial, 'crls' | 'ocspResponses'>>> {
    const ocsp = await this.#fetchOcsp(question, signal);
    if (ocsp.kind === 'counts')
      return { kind: 'counts', value: { crls: [], ocspResponses: [ocsp.value] } };
    const lists = await this.#fetchCrls(question, signal);
    if (lists.kind === 'counts')
      return { kind: 'counts', value: { crls: lists.value, ocspResponses: [] } };
    const reasons = [ocsp.reason, lists.reason].filter((reason) => reason !== '');
    return {
      kind: 'refused',
      reason: reasons.join('; ') || 'it names no address of CRLs or OCSP',
    };
  }

  readonly certificatesAndCrlsFor: StatusSource['certificatesAndCrlsFor'] = async (
    chain,
    options,
  ) => {
    const { at, after, signal } = options;
    const base = await this.#options.base.certificatesAndCrlsFor(chain, options);
    const pool = [...chain, ...base.certificates];
    const crls = [...base.crls];
    const ocspResponses = [...base.ocspResponses];
    const missing: ValidationData['missing'][number][] = [];
    const open = [...chain];
    const seen = new Set<string>();
    for (let certificate = open.shift(); certificate; certificate = open.shift()) {
      signal.throwIfAborted();
      const { fingerprint } = certificate;
      // A self-issued certificate's status is nobody's to say.
      if (seen.has(fingerprint) || namesMatch(certificate.subject, certificate.issuer)) continue;
      if (seen.size >= maxChain + chain.length) break;
      seen.add(fingerprint);
      const issuer = await this.#issuerOf(certificate, pool, signal);
      if (!issuer) {
        const reason = `the certificate of ${certificate.issuer.text} is not at hand`;
        missing.push({ fingerprint, reason });
        continue;
      }
      if (!pool.includes(issuer)) pool.push(issuer);
      open.push(issuer);
      const question: StatusQuestion = { certificate, issuer, candidates: pool, now: at, after };
      const known: StatusMaterial = { certificates: pool, crls, ocspResponses };
      const usable = after ? issuedAfter(known, after) : known;
      if (statusOffence(question, usable) === undefined) continue;
      const fetched = await this.#fetchStatus(question, signal);
      if (fetched.kind === 'refused') missing.push({ fingerprint, reason: fetched.reason });
      else {
        crls.push(...fetched.value.crls);
        ocspResponses.push(...fetched.value.ocspResponses);
      }
    }
    return { certificates: pool.slice(chain.length), crls, ocspResponses, missing };
  };
}

function judgeIssuer(octets: Uint8Array, certificate: Certificate): Answer<Certificate> {
  try {
    const issuer = findIssuer(parseIssuerAnswer(octets), certificate);
    if (issuer) return { kind: 'counts', value: issuer };
    return { kind: 'refused', reason: 'no certificate in the answer issued this one' };
  } catch (error) {
    if (!(error instanceof TokiwaError)) throw error;
    return { kind: 'refused', reason: error.message };
  }
}

/** One for each night: what an address said, or that it does not answer, holds for that night. */
export function fetchingStatusSource(options: StatusFetching): StatusSource {
  return new FetchingSource(options);
}
