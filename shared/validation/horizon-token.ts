// What of a verified token decides how long it holds, as values that outlive the token: its algorithms
// and its chain with their ends. proof-horizon.ts asks it.
import { digestAlgorithmOfOid } from '#shared/crypto/digest.ts';
import { describeSignatureAlgorithm, type SignatureDescription } from '#shared/crypto/signature.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import type { TokenVerdict } from '#shared/tsp/verify-token.ts';
import type { HorizonSignature, HorizonToken } from '#shared/validation/proof-horizon.ts';
import type { Certificate } from '#shared/x509/certificate.ts';

function horizonSignature({ name, digest, key }: SignatureDescription): HorizonSignature {
  return { name, digest, key: { kind: key.kind, bits: key.bits, curve: key.curve } };
}

/** How the issuer signed a certificate; of the anchor nothing is asked. */
function certificateSignature(
  certificate: Certificate,
  issuer: Certificate | undefined,
): HorizonSignature | undefined {
  return (
    issuer &&
    horizonSignature(describeSignatureAlgorithm(certificate.signatureAlgorithm, issuer.publicKey))
  );
}

/** `undefined` for a token without a signer, or over an imprint whose algorithm is not known. */
export function horizonToken(
  { tstInfo, signedData }: TimeStampToken,
  verdict: Pick<TokenVerdict, 'signer' | 'path' | 'certificateDigest'>,
): HorizonToken | undefined {
  const [signerInfo] = signedData.signerInfos;
  const imprintAlgorithm = tstInfo.messageImprint.algorithm;
  if (!signerInfo || !verdict.signer || !imprintAlgorithm) return undefined;
  return {
    genTime: tstInfo.genTime.toString(),
    imprintAlgorithm,
    tsaPolicy: tstInfo.policy,
    serialNumber: tstInfo.serialNumber.toString(16),
    signature: horizonSignature(
      describeSignatureAlgorithm(
        signerInfo.signatureAlgorithm,
        verdict.signer.publicKey,
        digestAlgorithmOfOid(signerInfo.digestAlgorithm.oid),
      ),
    ),
    certificateDigest: verdict.certificateDigest,
    chain: verdict.path.map((certificate, index) => ({
      fingerprint: certificate.fingerprint,
      subject: certificate.subject.text,
      notAfter: certificate.notAfter.toString(),
      signature: certificateSignature(certificate, verdict.path[index + 1]),
    })),
  };
}
