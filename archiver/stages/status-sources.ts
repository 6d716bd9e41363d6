// Two sources of validation data as one: what either gives, and as missing only what neither has.
import type { StatusSource } from '#shared/ports/status-source.ts';

export function bothSources(first: StatusSource, second: StatusSource): StatusSource {
  return {
    certificatesAndCrlsFor: async (chain, options) => {
      const one = await first.certificatesAndCrlsFor(chain, options);
      if (one.missing.length === 0) return one;
      const other = await second.certificatesAndCrlsFor(chain, options);
      const still = new Set(other.missing.map(({ fingerprint }) => fingerprint));
      return {
        certificates: [...one.certificates, ...other.certificates],
        crls: [...one.crls, ...other.crls],
        ocspResponses: [...one.ocspResponses, ...other.ocspResponses],
        missing: one.missing.filter(({ fingerprint }) => still.has(fingerprint)),
      };
    },
  };
}
