// Signatures that were judged once, under other trust data: an anchor of another class, removed, ended, or asked
// for other policies. Answered from what was kept of the signer's path, so that a change of trust shows in a
// whole archive before it takes effect, and no document is read (MHLW guideline, 6.12 C.2(3), R-13).
import { fromBase64, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { FormatError } from '#shared/errors.ts';
import { anchorChecks } from '#shared/trust/anchor-checks.ts';
import { anchorClasses, type TrustAnchor } from '#shared/trust/anchors.ts';
import type { Finding } from '#shared/trust/finding.ts';
import {
  findPolicyOffence,
  pathCertificate,
  type PathCertificate,
  requiredPolicies,
} from '#shared/trust/signer-checks.ts';
import { createWorkBudget, verifySignedObject } from '#shared/trust/work-budget.ts';
import {
  keyDigest,
  type SignerPath,
  type SignerQualification,
} from '#shared/validation/signer-qualification.ts';
import {
  type JudgedSigner,
  type Offence,
  refused,
  relieved,
  withoutAnchor,
} from '#shared/validation/signer-verdicts.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import { namesMatch } from '#shared/x509/name.ts';

/**
 * The same signature under one set of trust data; itself where nothing moves. `judgedAt`: an instant as text, since
 * when it exists unless it proves more. What was not asked when it was judged, such as revocation below an anchor
 * that is new, stays open: it is never taken for good.
 */
export type SignerTrust = {
  readonly ask: <T extends JudgedSigner>(signature: T, judgedAt: string) => T;
  /** Anchors by class, and a digest of all that is said of them: another edition has another one. */
  readonly edition: string;
};

/** Those that are about when an anchor is trusted; what else it says does not change. */
const timely: ReadonlySet<string> = new Set(['anchor-sunset', 'anchor-periods', 'anchor-expired']);

function timeOffence(anchor: TrustAnchor, at: Temporal.Instant): Finding | undefined {
  const second = at.round({ smallestUnit: 'second', roundingMode: 'floor' });
  for (const { name, clause, check } of anchorChecks) {
    const what = timely.has(name) ? check(anchor, second) : undefined;
    if (what === undefined) continue;
    const { subject, fingerprint } = anchor.certificate;
    const facts = { subject: subject.text, fingerprint };
    return { check: name, clause, level: 'error', message: `${subject.text} ${what}.`, facts };
  }
  return undefined;
}

function policyFinding({ findings }: JudgedSigner): Finding | undefined {
  return findings.find(
    ({ check, level }) => check.startsWith('signer-policy') && level === 'error',
  );
}

/** The anchor as it was trusted when the signature was judged. */
function formerAnchor(
  { certificate }: TrustAnchor,
  { sunset, periods }: Partial<SignerPath>,
): TrustAnchor {
  const instant = (text: string): Temporal.Instant => Temporal.Instant.from(text);
  return {
    certificate,
    ...(sunset !== undefined && { sunset: instant(sunset) }),
    ...(periods && {
      periods: periods.map(({ since, until }) => ({
        since: instant(since),
        ...(until !== undefined && { until: instant(until) }),
      })),
    }),
  };
}

/** Where the kept path ends now. */
type Ending = {
  readonly anchor: TrustAnchor;
  /** Target first, that anchor last; absent: its policies were not kept. */
  readonly certificates: readonly PathCertificate[] | undefined;
};

class Trust {
  readonly #anchors = new Map<string, TrustAnchor>();
  readonly #byKey = new Map<string, TrustAnchor>();
  readonly #testMode: boolean;
  /** Of certificates that led to no anchor: which one of these issued it. */
  readonly #issuers = new Map<string, TrustAnchor | undefined>();

  constructor(anchors: readonly TrustAnchor[], testMode: boolean) {
    this.#testMode = testMode;
    for (const anchor of anchors) {
      // The first of several counts, as in path building.
      const { fingerprint } = anchor.certificate;
      if (!this.#anchors.has(fingerprint)) this.#anchors.set(fingerprint, anchor);
      const key = keyDigest(anchor.certificate);
      if (!this.#byKey.has(key)) this.#byKey.set(key, anchor);
    }
  }

  ask<T extends JudgedSigner>(signature: T, judgedAt: string): T {
    const { qualification, signerPath } = signature;
    // Nothing was found of a signer, or the anchor alone by a version that kept no more.
    if (!qualification && !signerPath) return signature;
    const ending = this.#endingOf(signature);
    if (!ending) return qualification ? withoutAnchor(signature) : signature;
    const { anchor } = ending;
    const now: SignerQualification = {
      anchorClass: anchor.class ?? 'other',
      anchor: anchor.certificate.fingerprint,
      licences: qualification?.licences ?? signerPath?.licences ?? [],
    };
    const said = policyFinding(signature);
    const policy = this.#policyOffence(signature, ending);
    // Most of an archive: neither policies nor times are others than they were, and no instant is compared.
    const isUntouched = !said && !policy && this.#standsAsBefore(signature, anchor);
    const existsSince = signerPath?.existsSince ?? judgedAt;
    const before = isUntouched ? undefined : this.#offenceBefore(signature, anchor, existsSince);
    const after = policy ?? (isUntouched ? undefined : lateOffence(signature, anchor, existsSince));
    if (before === after?.finding.check) {
      const isSame =
        now.anchorClass === qualification?.anchorClass && now.anchor === qualification.anchor;
      return isSame ? signature : { ...signature, qualification: now };
    }
    const moved = after ? refused(signature, after) : relieved(signature, before);
    return { ...moved, qualification: now };
  }

  #endingOf({ qualification, signerPath }: JudgedSigner): Ending | undefined {
    if (!signerPath) {
      const anchor = this.#anchors.get(qualification?.anchor ?? '');
      return anchor && { anchor, certificates: undefined };
    }
    const { certificates, anchorKey, top } = signerPath;
    // An anchor ends the path wherever it stands in it.
    for (const [index, { fingerprint }] of certificates.entries()) {
      const anchor = this.#anchors.get(fingerprint);
      if (anchor) return { anchor, certificates: certificates.slice(0, index + 1) };
    }
    const again = anchorKey === undefined ? undefined : this.#byKey.get(anchorKey);
    if (again) return { anchor: again, certificates };
    const issuer = top === undefined ? undefined : this.#issuerOf(top);
    return (
      issuer && {
        anchor: issuer,
        certificates: [...certificates, pathCertificate(issuer.certificate)],
      }
    );
  }

  /** Its signature is verified: a name alone is anybody's. */
  #issuerOf(top: string): TrustAnchor | undefined {
    if (this.#issuers.has(top)) return this.#issuers.get(top);
    const issuer = this.#findIssuer(top);
    if (this.#issuers.size < maxIssuers) this.#issuers.set(top, issuer);
    return issuer;
  }

  #findIssuer(top: string): TrustAnchor | undefined {
    try {
      const certificate = parseCertificate(fromBase64(top) ?? new Uint8Array());
      const budget = createWorkBudget();
      return [...this.#anchors.values()].find(
        ({ certificate: { subject, publicKey } }) =>
          namesMatch(subject, certificate.issuer) &&
          verifySignedObject(certificate, publicKey, budget).ok,
      );
    } catch (error) {
      if (error instanceof FormatError) return undefined;
      throw error;
    }
  }

  /** The same anchor with the same end, of no list. */
  #standsAsBefore(
    { qualification, signerPath }: JudgedSigner,
    { certificate, periods, sunset }: TrustAnchor,
  ): boolean {
    return (
      qualification?.anchor === certificate.fingerprint &&
      signerPath !== undefined &&
      !periods &&
      !signerPath.periods &&
      signerPath.sunset === sunset?.toString()
    );
  }

  /** Check that spoke against the signer when it was judged. */
  #offenceBefore(
    signature: JudgedSigner,
    anchor: TrustAnchor,
    existsSince: string,
  ): string | undefined {
    const { qualification, signerPath } = signature;
    if (!qualification) return 'path-to-anchor';
    const policy = policyFinding(signature);
    if (policy) return policy.check;
    const former = this.#anchors.get(qualification.anchor) ?? anchor;
    if (!signerPath) return undefined;
    return timeOffence(formerAnchor(former, signerPath), Temporal.Instant.from(existsSince))?.check;
  }

  #policyOffence(signature: JudgedSigner, { anchor, certificates }: Ending): Offence | undefined {
    const label = signature.signer ?? 'the signer';
    const finding = certificates
      ? findPolicyOffence(certificates, anchor, {
          testMode: this.#testMode,
          signer: { label, facts: { subject: label } },
        })
      : this.#unknownPolicies(signature, anchor);
    return finding && { finding, subIndication: 'CHAIN_CONSTRAINTS_FAILURE' };
  }

  /** Which policies a path asserts was not kept at first: what another class asks of them is not known. */
  #unknownPolicies(signature: JudgedSigner, anchor: TrustAnchor): Finding | undefined {
    const said = policyFinding(signature);
    if (said) return said;
    const isSameClass = signature.qualification?.anchorClass === (anchor.class ?? 'other');
    const required = requiredPolicies(anchor, this.#testMode);
    if (isSameClass || !required) return undefined;
    return {
      check: 'signer-policy',
      clause: 'MHLW guideline 6.12 C.1(2)',
      level: 'error',
      message: `Which policies the path of ${signature.signer ?? 'the signer'} asserts was not kept when it was judged.`,
      facts: { required: required.join(' ') },
    };
  }
}

const maxIssuers = 10_000;

/** The anchor is not trusted at the instant since which the signature is known to exist. */
function lateOffence(
  { signerPath }: JudgedSigner,
  anchor: TrustAnchor,
  existsSince: string,
): Offence | undefined {
  const finding = timeOffence(anchor, Temporal.Instant.from(existsSince));
  if (!finding) return undefined;
  // EN 319 102-1 §5.6.2.1: with no instant at which the path was in force, there is no path.
  const wasInForce =
    !signerPath || !timeOffence(anchor, Temporal.Instant.from(signerPath.notBefore));
  const subIndication = wasInForce ? 'OUT_OF_BOUNDS_NO_POE' : 'CHAIN_CONSTRAINTS_FAILURE';
  return { finding, subIndication };
}

function editionOf(anchors: readonly TrustAnchor[], testMode: boolean): string {
  const lines = anchors.map(
    ({ certificate, class: anchorClass, sunset, periods, certificatePolicies }) =>
      JSON.stringify([certificate.fingerprint, anchorClass, sunset, periods, certificatePolicies]),
  );
  const counts = anchorClasses.flatMap((name) => {
    const count = anchors.filter((anchor) => (anchor.class ?? 'other') === name).length;
    return count === 0 ? [] : [`${name} ${count}`];
  });
  const all = [...new Set(lines)].toSorted().join('\n');
  const sum = toHex(digest('SHA-256', new TextEncoder().encode(all))).slice(0, 16);
  return [...counts, ...(testMode ? ['test certificates'] : []), sum].join('; ');
}

/** Anchors of document signers as a configuration names them. `testMode`: test certificates may sign. */
export function signersUnder(anchors: readonly TrustAnchor[], testMode: boolean): SignerTrust {
  const trust = new Trust(anchors, testMode);
  return {
    ask: (signature, judgedAt) => trust.ask(signature, judgedAt),
    edition: editionOf(anchors, testMode),
  };
}
