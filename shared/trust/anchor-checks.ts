// What is asked of an anchor that is given as a certificate. RFC 5280 §6.1.1 (d) takes name and key alone;
// RFC 5937 §3.2 adds what its extensions say. Its signature proves nothing and is not verified.
import { compareInstants } from '#shared/time.ts';
import type { TrustAnchor } from './anchors.ts';
import { findMalformedSubtree } from './name-constraints.ts';
import { unknownCriticalExtension } from './path-checks.ts';

export type AnchorCheck = {
  readonly name: string;
  readonly clause: string;
  /** What is wrong at this second, as the end of a sentence that begins with the anchor. */
  readonly check: (anchor: TrustAnchor, second: Temporal.Instant) => string | undefined;
};

export const anchorChecks: readonly AnchorCheck[] = [
  {
    name: 'anchor-sunset',
    clause: 'RFC 5280 §6.1.1 (d)',
    check: ({ sunset }, second) =>
      sunset && compareInstants(second, sunset) >= 0
        ? `is trusted until ${sunset.toString()} only`
        : undefined,
  },
  {
    name: 'anchor-periods',
    clause: 'ETSI TS 119 612 §5.5.4',
    check: ({ periods }, second) =>
      periods?.some(
        ({ since, until }) =>
          compareInstants(second, since) >= 0 && (!until || compareInstants(second, until) < 0),
      ) === false
        ? 'is not trusted then by the list that names it'
        : undefined,
  },
  {
    name: 'anchor-expired',
    clause: 'RFC 5937 §3.2',
    // The configured end, where there is one, stands in place of the certificate's own.
    check: ({ certificate: { notAfter }, sunset }, second) =>
      !sunset && compareInstants(second, notAfter) > 0
        ? `is an anchor that ended ${notAfter.toString()}`
        : undefined,
  },
  {
    name: 'anchor-not-yet-valid',
    clause: 'RFC 5937 §3.2',
    check: ({ certificate: { notBefore } }, second) =>
      compareInstants(second, notBefore) < 0
        ? `is an anchor that begins ${notBefore.toString()}`
        : undefined,
  },
  {
    name: 'anchor-extensions-well-formed',
    clause: 'RFC 5937 §3.2',
    check: ({ certificate }) => {
      const [problem] = certificate.extensionProblems;
      return problem && `has a malformed ${problem.message}`;
    },
  },
  {
    name: 'anchor-critical-extensions',
    clause: 'RFC 5937 §3.2',
    check: ({ certificate }) => {
      const unknown = unknownCriticalExtension(certificate);
      return unknown && `has the critical extension ${unknown}, which is not processed`;
    },
  },
  {
    name: 'anchor-name-constraints-well-formed',
    clause: 'RFC 5280 §4.2.1.10',
    check: ({ certificate: { nameConstraints } }) => {
      const offence = nameConstraints && findMalformedSubtree(nameConstraints);
      return offence && `constrains names by what is none: ${offence}`;
    },
  },
];
