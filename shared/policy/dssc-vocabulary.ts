// Words that reader and writer of DSSC files share: RFC 5698, what ETSI TS 119 322 adds to it, and notes of
// the product. The schema of RFC 5698 allows no element that it does not know, so what it has no field for
// is written as text where it allows text.
import { z } from 'zod';

export const dsscNamespace = 'urn:ietf:params:xml:ns:dssc';

/** ETSI TS 119 322 §5: usage and recommendation, as the one extension of an Evaluation. */
export const etsiNamespace = 'http://uri.etsi.org/19322/v1.1.1#';

/** ETSI TS 119 322: the usage that stands for each of ours, with all below it. */
export const usages = {
  new: 'http://uri.etsi.org/19322/sign_data',
  verify: 'http://uri.etsi.org/19322/sign_data/validate_data',
} as const;

/** ETSI TS 119 322: `R` and `L`. */
export const recommendations: ReadonlyMap<string, string> = new Map([
  ['R', 'recommended'],
  ['L', 'legacy'],
]);

/** Texts of an Information begin with these, and go on in JSON. */
export const notePrefixes = {
  policy: 'Tokiwa, of the policy: ',
  algorithm: 'Tokiwa, of the algorithm: ',
} as const;

/** Of the policy as a whole, in its first algorithm. */
export const policyNote = z.strictObject({
  titleJa: z.string(),
  version: z.string(),
  policyIssueDate: z.string().nullable(),
  confidence: z.string(),
  sources: z.array(z.string()).optional(),
});

export const algorithmNote = z.strictObject({
  /** Whether the policy itself names the identifier, or the writer did. */
  hasOid: z.boolean(),
  /** One of each Evaluation, in order. */
  evaluations: z.array(
    z.strictObject({
      uses: z.array(z.enum(['new', 'verify'])),
      confidence: z.string(),
      source: z.string(),
      status: z.string().optional(),
    }),
  ),
});

export type PolicyNote = z.infer<typeof policyNote>;
export type AlgorithmNote = z.infer<typeof algorithmNote>;
