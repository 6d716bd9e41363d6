// What documents are judged with in tests: nothing but what a test gives.
import type { GivenMaterial } from '#shared/validation/validation-material.ts';

export function materialOf(given: Partial<GivenMaterial>): GivenMaterial {
  return {
    signerAnchors: [],
    tsuAnchors: [],
    certificates: [],
    crls: [],
    ocspResponses: [],
    revocationMode: 'require',
    ...given,
  };
}
