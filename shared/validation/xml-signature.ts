// An XML signature as one of any format that can be judged: what shared/xades/verify.ts asks for, from what
// the readers found.
import { isDigestAlgorithm } from '#shared/crypto/digest.ts';
import { describeSignatureAlgorithm } from '#shared/crypto/signature.ts';
import type { ReferenceFacts } from '#shared/validation/facts.ts';
import type { JudgeableSignature } from '#shared/validation/reading.ts';
import type { ReferenceReading, XmlSource } from '#shared/validation/xml-references.ts';
import type { XadesSignature } from '#shared/xades/read.ts';
import { verifyXades } from '#shared/xades/verify.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { XmlElement } from '#shared/xml/tree.ts';

export type XmlSignatureParts = {
  readonly id: string;
  /** Those of SignedInfo, in order. */
  readonly references: readonly ReferenceReading[];
  /** Those of manifests. */
  readonly entries: readonly ReferenceFacts[];
  readonly keyCertificates: readonly Certificate[];
  readonly others: readonly Certificate[];
  /** The value that it countersigns. */
  readonly countersigned: XmlElement | undefined;
};

/** @see EN 319 102-1 §5.2 */
export function judgeableXml(
  { home }: XmlSource,
  signature: XadesSignature,
  parts: XmlSignatureParts,
): JudgeableSignature {
  const { id, references, entries, keyCertificates, others, countersigned } = parts;
  const { method, signatureMethod } = signature;
  return {
    id,
    value: signature.signatureValue,
    laterChanges: [],
    verify: (candidates) =>
      verifyXades({
        signature,
        home,
        references: references.map(({ facts, target }) => ({
          uri: facts.uri,
          found: facts.found ?? false,
          intact: facts.intact,
          target: target?.kind === 'element' ? target.element : undefined,
          isSignedProperties: facts.kind === 'signed-properties',
        })),
        manifestEntriesOpen: entries.filter(({ intact }) => intact !== true).length,
        keyCertificates,
        candidates: [...others, ...candidates],
        countersigned,
      }),
    describe: ({ key, publicKey }) =>
      method
        ? describeSignatureAlgorithm(method.algorithm, publicKey, method.digestAlgorithm)
        : { name: signatureMethod, key },
    referenceDigests: [
      ...new Set(references.map(({ facts }) => facts.algorithm).filter(isDigestAlgorithm)),
    ],
  };
}
