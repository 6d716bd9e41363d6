// Judges a token by its imprint and its signature alone: for corpora whose TSU certificates chain to
// nothing, and for tests about the record around the token.
import { equalBytes } from '#shared/bytes.ts';
import { verifySigner } from '#shared/cms/verify-signer.ts';
import type { ArchiveTokenVerdict, ArchiveTokenVerifier } from '#shared/ers/verdict.ts';

/** Signature and signing certificate attribute of the one signer; no path, no revocation, no time. */
export const verifyTokenSignature: ArchiveTokenVerifier<
  ArchiveTokenVerdict & { readonly signatureIntact: boolean }
> = (token, _at, imprint) => {
  const [signerInfo, ...others] = token.signedData.signerInfos;
  if (!signerInfo || others.length > 0)
    return {
      status: 'invalid',
      subIndication: 'FORMAT_FAILURE',
      findings: [],
      signatureIntact: false,
    };
  const verdict = verifySigner({
    signedData: token.signedData,
    signerInfo,
    signingCertificateRequired: true,
  });
  const { signatureIntact, messageDigestIntact } = verdict;
  if (!equalBytes(token.tstInfo.messageImprint.hashedMessage, imprint.digest))
    return { status: 'invalid', subIndication: 'HASH_FAILURE', findings: [], signatureIntact };
  return {
    status: verdict.status,
    subIndication: verdict.subIndication,
    findings: verdict.findings,
    signatureIntact: signatureIntact && messageDigestIntact,
  };
};
