// The algorithm policy under which the corpus `tsp` is judged: everything that can be verified, save
// what is weak, each with the end that the usual policies print. Old real tokens are judged as of then.
import { digestAlgorithms, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { AlgorithmPolicy, AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';

const weakDigests: Readonly<Partial<Record<DigestAlgorithm, string>>> = {
  'SHA-1': '2017-01-01',
  'RIPEMD-160': '2017-01-01',
  MD5: '2009-01-01',
};

function evaluation(
  endExclusive: string | null,
  parameter?: { readonly name: string; readonly min: number; readonly max?: number },
): AlgorithmPolicy['hashAlgorithms'][number]['evaluations'][number] {
  return {
    uses: ['verify'],
    endExclusive,
    confidence: 'test',
    source: 'test',
    ...(parameter && { parameters: [parameter] }),
  };
}

const policy: AlgorithmPolicy = {
  id: 'conformance-tsp',
  title: { en: 'Conformance of tokens', ja: 'トークンの適合性' },
  publisher: 'test',
  version: '1',
  policyIssueDate: null,
  confidence: 'test',
  hashAlgorithms: digestAlgorithms.map((alg) => ({
    alg,
    evaluations: [evaluation(weakDigests[alg] ?? null)],
  })),
  signatureAlgorithms: [
    ...['RSASSA-PKCS1-v1_5', 'RSASSA-PSS'].map((alg) => ({
      alg,
      evaluations: [
        evaluation('2014-01-01', { name: 'moduluslength', min: 1024 }),
        evaluation(null, { name: 'moduluslength', min: 1900 }),
      ],
    })),
    ...['ECDSA', 'PLAIN-ECDSA'].map((alg) => ({
      alg,
      evaluations: [
        evaluation('2011-01-01', { name: 'plength', min: 160 }),
        evaluation(null, { name: 'plength', min: 224 }),
      ],
    })),
    ...['EdDSA', 'ML-DSA', 'SLH-DSA'].map((alg) => ({ alg, evaluations: [evaluation(null)] })),
  ],
  curves: [],
};

export const conformanceProfile: AlgorithmProfile = {
  id: 'conformance-tsp',
  uses: 'verify',
  policies: [policy],
  overrides: [],
};
