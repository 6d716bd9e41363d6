// Trust as the configuration limits it: certificates as anchors with the ends that an operator set, and the
// rules of proof horizons that follow.
import { earlier } from '#shared/time.ts';
import type { AnchorClass, TrustAnchor } from '#shared/trust/anchors.ts';
import type { RevocationMode } from '#shared/trust/path-query.ts';
import type { HorizonRules } from '#shared/validation/proof-horizon.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { ArchiverConfig } from './config.ts';

/** Certificates as anchors, each with its configured end; `revocationMode` counts for what is below them. */
export function trustAnchors(
  { anchorEnds }: Pick<ArchiverConfig, 'anchorEnds'>,
  certificates: readonly Certificate[],
  revocationMode?: RevocationMode,
): readonly TrustAnchor[] {
  return certificates.map((certificate) => {
    const sunset = anchorEnds.get(certificate.fingerprint);
    return { certificate, revocationMode, ...(sunset && { sunset }) };
  });
}

/** An anchor of a list, which the operator may end sooner. */
export function limited(
  { anchorEnds }: Pick<ArchiverConfig, 'anchorEnds'>,
  anchor: TrustAnchor,
): TrustAnchor {
  const end = anchorEnds.get(anchor.certificate.fingerprint);
  if (!end) return anchor;
  return { ...anchor, sunset: anchor.sunset ? earlier(anchor.sunset, end) : end };
}

/** Anchors of document signers, each with its class, its configured end and its policies. */
export function signerAnchors(
  config: Pick<ArchiverConfig, 'anchorEnds' | 'signers'>,
  byClass: ReadonlyMap<AnchorClass, readonly Certificate[]>,
): readonly TrustAnchor[] {
  return [...byClass].flatMap(([anchorClass, certificates]) =>
    trustAnchors(config, certificates).map((anchor) => {
      const policies = config.signers.policies.get(anchor.certificate.fingerprint);
      return {
        ...anchor,
        class: anchorClass,
        ...(policies && { certificatePolicies: policies }),
      };
    }),
  );
}

/** Revocations are found by verifying, batch by batch; none is known beforehand. */
export function horizonRules({
  profile,
  anchorEnds,
}: Pick<ArchiverConfig, 'profile' | 'anchorEnds'>): HorizonRules {
  return { profile, anchorEnds, revocations: new Map() };
}
