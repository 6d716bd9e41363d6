// The validation data that travels in a stored token: no later timestamp covers it yet, the token's own
// signature never does, and it is wanted when nobody answers any more. Its own signatures tell whether it
// is as it was collected.
import { equalBytes } from '#shared/bytes.ts';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import { verifySignature } from '#shared/crypto/signature.ts';
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { TokiwaError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { buildEvidenceForm } from '#shared/tsp/evidence-form.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { namesMatch } from '#shared/x509/name.ts';
import { batchKey, readSmall } from './batch-objects.ts';
import { damageOf, readable } from './link-check.ts';
import type { BatchId, Damage, TokenVerification } from './types.ts';

type Sources = {
  readonly store: ObjectStore;
  readonly verification: TokenVerification;
  readonly signal: AbortSignal;
};

type Signed = {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
};

/** Whether one of the keys signed it; where none is at hand nothing is said against it. */
function isIntact(
  { tbs: data, signatureAlgorithm: algorithm, signature }: Signed,
  signers: readonly Certificate[],
): boolean {
  return (
    signers.length === 0 ||
    signers.some(({ publicKey }) => verifySignature({ publicKey, algorithm, data, signature }).ok)
  );
}

/** Whether writing it anew gives the same; a token that does not hold at all is for other checks. */
function isEvidenceForm(octets: Uint8Array): boolean {
  const nothing = { certificates: [], crls: [], ocspResponses: [] };
  try {
    return equalBytes(buildEvidenceForm(octets, nothing), octets);
  } catch (error) {
    if (error instanceof TokiwaError) return true;
    throw error;
  }
}

/** What of the token's validation data is changed, in words; `undefined` if nothing is. */
function findChanged(octets: Uint8Array, anchors: readonly Certificate[]): string | undefined {
  if (!isEvidenceForm(octets)) return 'its frame';
  const { signedData } = parseTimeStampToken(octets);
  const { certificates, crls, ocspResponses } = embeddedValidationData(signedData);
  const known = [...certificates, ...anchors];
  for (const certificate of certificates) {
    const issuers = known.filter(({ subject }) => namesMatch(subject, certificate.issuer));
    if (!isIntact(certificate, issuers)) return `the certificate of ${certificate.subject.text}`;
  }
  for (const crl of crls) {
    const issuers = known.filter(({ subject }) => namesMatch(subject, crl.issuer));
    if (!isIntact(crl, issuers)) return `the CRL of ${crl.issuer.text}`;
  }
  for (const { basic } of ocspResponses)
    if (basic && !isIntact(basic, [...basic.certificates, ...known])) return 'an OCSP response';
  return undefined;
}

/** Damage of what a batch's token carries beside what it signs; a token that does not parse is the links' matter. */
export async function checkKeptData(
  { store, verification, signal }: Sources,
  id: BatchId,
): Promise<readonly Damage[]> {
  const read = await readable(async () => {
    const { octets } = await readSmall(store, batchKey(id, 'token'), { signal });
    return findChanged(
      octets,
      verification.anchors.map(({ certificate }) => certificate),
    );
  });
  if (read.kind === 'unreadable' || read.value === undefined) return [];
  return [
    damageOf(
      'validation-data',
      id,
      `The token of batch ${id} is not as it was stored: ${read.value} is changed.`,
    ),
  ];
}
