// One XML signature: its references, the certificate that made it, its value, and that the properties
// that are read are the ones that are signed. EN 319 102-1 §5.2; EN 319 132-1 §4.4.2, §5.2.2, §5.2.7.
// Paths, times and revocation are for shared/trust.
import { equalBytes } from '#shared/bytes.ts';
import {
  type Check,
  type ChecksResult,
  fail,
  pass,
  runChecks,
  signatureProblems,
  warn,
} from '#shared/cms/check.ts';
import { digestAlgorithmOfUri } from '#shared/crypto/digest-uri.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { SignatureResult } from '#shared/crypto/signature.ts';
import type { XadesSignature } from '#shared/xades/read.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { XmlElement } from '#shared/xml/tree.ts';
import type { SignedDocument } from '#shared/xmldsig/process.ts';
import { signedInfoVerifier } from '#shared/xmldsig/verify.ts';

/** A reference as it was found; `intact` is absent where a transform was not carried out. */
export type JudgedReference = {
  readonly uri: string | undefined;
  readonly found: boolean;
  readonly intact: boolean | undefined;
  /** The element that it is over, where it is one of the document. */
  readonly target: XmlElement | undefined;
  readonly isSignedProperties: boolean;
};

export type XadesVerifyInput = {
  readonly signature: XadesSignature;
  readonly home: SignedDocument;
  /** Those of SignedInfo, in order. */
  readonly references: readonly JudgedReference[];
  /** Entries of manifests that do not fit, or are not at hand. */
  readonly manifestEntriesOpen: number;
  readonly keyCertificates: readonly Certificate[];
  /** All others at hand, among which SigningCertificate may name one. */
  readonly candidates: readonly Certificate[];
  /** The value that a countersignature has to be over. */
  readonly countersigned?: XmlElement | undefined;
  /** For tests that leave a check out. */
  readonly checks?: readonly XadesCheck[] | undefined;
};

type Context = XadesVerifyInput & {
  readonly signer: Certificate | undefined;
  /** Whether the signer is the one that SigningCertificate names, or none is named. */
  readonly isNamed: boolean;
  readonly result: SignatureResult | undefined;
};

export type XadesCheck = Check<Context>;

export type XadesVerdict = ChecksResult & {
  readonly signer?: Certificate | undefined;
  readonly signatureIntact: boolean;
};

function urisOf(references: readonly JudgedReference[]): Readonly<Record<string, string>> {
  return {
    references: references
      .map(({ uri }) => uri ?? '')
      .join(' ')
      .slice(0, 200),
  };
}

const signedDataFound: XadesCheck = {
  name: 'references-found',
  clause: 'EN 319 102-1 §5.2.7.4',
  run: ({ references }) => {
    const missing = references.filter(({ found, intact }) => !found && intact === false);
    return missing.length === 0
      ? pass
      : [
          {
            level: 'unknown',
            subIndication: 'SIGNED_DATA_NOT_FOUND',
            message: 'Something that the signature is over is not at hand.',
            facts: urisOf(missing),
          },
        ];
  },
};

const referencesComputed: XadesCheck = {
  name: 'references-computed',
  clause: 'XML Signature 1.1 §4.4.3.2',
  run: ({ references }) => {
    const open = references.filter(({ intact }) => intact === undefined);
    return open.length === 0
      ? pass
      : [
          {
            level: 'unknown',
            subIndication: 'CUSTOM',
            message: 'A reference has a transform or digest that is not carried out.',
            facts: urisOf(open),
          },
        ];
  },
};

const referencesIntact: XadesCheck = {
  name: 'references-intact',
  clause: 'XML Signature 1.1 §3.2.1',
  run: ({ references }) => {
    const wrong = references.filter(({ found, intact }) => found && intact === false);
    return wrong.length === 0
      ? pass
      : fail('HASH_FAILURE', 'A digest is not that of what it is over.', urisOf(wrong));
  },
};

const anythingSigned: XadesCheck = {
  name: 'references-present',
  clause: 'XML Signature 1.1 §4.4.3',
  // Without a reference the value is over nothing but itself.
  run: ({ references }) =>
    references.length > 0 ? pass : fail('FORMAT_FAILURE', 'The signature is over nothing.'),
};

const propertiesSigned: XadesCheck = {
  name: 'signed-properties',
  clause: 'EN 319 132-1 §4.4.2',
  // Else time and certificate of the signer could be written by anybody.
  run: ({ signature: { signedProperties }, references }) =>
    !signedProperties ||
    references.some(
      ({ isSignedProperties, target }) => isSignedProperties && target === signedProperties,
    )
      ? pass
      : fail('FORMAT_FAILURE', 'No reference is over the signed properties.'),
};

const propertiesOnce: XadesCheck = {
  name: 'signed-properties-once',
  clause: 'EN 319 132-1 §4.3.1',
  run: ({ signature: { severalSignedProperties } }) =>
    severalSignedProperties
      ? fail('FORMAT_FAILURE', 'There are several signed properties, of which one is signed.')
      : pass,
};

const countersignsValue: XadesCheck = {
  name: 'countersigned-value',
  clause: 'EN 319 132-1 §5.2.7.2',
  run: ({ countersigned, references }) =>
    !countersigned || references.some(({ target }) => target === countersigned)
      ? pass
      : fail('FORMAT_FAILURE', 'The countersignature is not over the value of its signature.'),
};

const manifestEntries: XadesCheck = {
  name: 'manifest-entries',
  clause: 'XML Signature 1.1 §5.1',
  run: ({ manifestEntriesOpen }) =>
    manifestEntriesOpen === 0
      ? pass
      : warn(
          'Entries of a manifest are not at hand or do not fit; the signature holds without them.',
          {
            entries: `${manifestEntriesOpen}`,
          },
        ),
};

const signerFound: XadesCheck = {
  name: 'signer-certificate',
  clause: 'EN 319 132-1 §5.2.2',
  run: ({ signer, isNamed }) =>
    signer && isNamed
      ? pass
      : [
          {
            level: 'unknown',
            subIndication: 'NO_SIGNING_CERTIFICATE_FOUND',
            message: isNamed
              ? 'KeyInfo holds no certificate.'
              : signer
                ? 'The value verifies with a certificate that is not the one that SigningCertificate names.'
                : 'No certificate at hand is the one that SigningCertificate names.',
          },
        ],
};

const signingCertificate: XadesCheck = {
  name: 'signing-certificate',
  clause: 'EN 319 132-1 §5.2.2',
  // Both editions count where both are there; else another certificate over the same key would do.
  run: ({ signature, signer, isNamed }) => {
    if (signature.signingCertificateUnread)
      return fail('FORMAT_FAILURE', 'SigningCertificate names nothing that can be read.');
    return signature.signingCertificates.flatMap(({ digestMethod, digestValue }) => {
      const algorithm = digestAlgorithmOfUri(digestMethod);
      if (
        !signer ||
        !isNamed ||
        (algorithm && equalBytes(digest(algorithm, signer.raw), digestValue))
      )
        return pass;
      return fail('SIG_CONSTRAINTS_FAILURE', 'SigningCertificate names another certificate.', {
        algorithm: algorithm ?? digestMethod,
        certificate: signer.fingerprint,
      });
    });
  },
};

const methodKnown: XadesCheck = {
  name: 'signature-method',
  clause: 'XML Signature 1.1 §4.4.2',
  run: ({ signature }) =>
    signature.method
      ? pass
      : [
          {
            level: 'unknown',
            subIndication: 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
            message: 'The signature method is not supported.',
          },
        ],
};

const signatureValue: XadesCheck = {
  name: 'signature',
  clause: 'XML Signature 1.1 §3.2.2',
  run: ({ result, signature }) =>
    signatureProblems(result, signature.signatureMethod, 'signature algorithm or canonicalization'),
};

/** Every check on an XML signature, in order. */
export const xadesChecks: readonly XadesCheck[] = [
  anythingSigned,
  propertiesOnce,
  propertiesSigned,
  countersignsValue,
  referencesIntact,
  signedDataFound,
  referencesComputed,
  manifestEntries,
  methodKnown,
  signerFound,
  signingCertificate,
  signatureValue,
];

/** So many certificates of KeyInfo are tried at most where none is named. */
const maxTried = 16;

/** The certificate that SigningCertificate names by digest. §5.2.2 */
export function namedSigner(
  { signingCertificates }: XadesSignature,
  candidates: readonly Certificate[],
): Certificate | undefined {
  const [named] = signingCertificates;
  const algorithm = named && digestAlgorithmOfUri(named.digestMethod);
  return (
    algorithm && candidates.find((one) => equalBytes(digest(algorithm, one.raw), named.digestValue))
  );
}

function verifierOf({
  signature: { method, signedInfo, signatureValue: value },
  home,
}: Pick<XadesVerifyInput, 'signature' | 'home'>) {
  return method && signedInfoVerifier({ home, signedInfo, method, value });
}

/**
 * Named, that one; else the first of KeyInfo under whose key the value verifies. Where another one is named that is not
 * at hand, it says who seems to have signed, and no more.
 */
function chooseSigner(
  {
    signature,
    keyCertificates,
    candidates,
  }: Pick<XadesVerifyInput, 'signature' | 'keyCertificates' | 'candidates'>,
  verify: ((publicKey: Uint8Array) => SignatureResult) | undefined,
): Pick<Context, 'signer' | 'isNamed' | 'result'> {
  const named = namedSigner(signature, [...keyCertificates, ...candidates]);
  if (named) return { signer: named, isNamed: true, result: verify?.(named.publicKey) };
  const isNamed = signature.signingCertificates.length === 0;
  const tried = keyCertificates
    .slice(0, maxTried)
    .map((signer) => ({ signer, isNamed, result: verify?.(signer.publicKey) }));
  return (
    tried.find(({ result }) => result?.ok) ??
    (isNamed ? tried[0] : undefined) ?? { signer: undefined, isNamed, result: undefined }
  );
}

/**
 * Who seems to have signed where the certificate that SigningCertificate names is not at hand: the first of KeyInfo under
 * whose key the value verifies. A fact about the file; the verdict stays that the signer is not known.
 */
export function seemingSigner(
  input: Pick<XadesVerifyInput, 'signature' | 'home' | 'keyCertificates'>,
): Certificate | undefined {
  return chooseSigner({ ...input, candidates: [] }, verifierOf(input)).signer;
}

/**
 * Verifies one XML signature whose references were followed. Never throws for hostile input; costs one
 * canonicalization of SignedInfo and mostly one signature verification.
 * @see EN 319 102-1 §5.2
 */
export function verifyXades(input: XadesVerifyInput): XadesVerdict {
  const chosen = chooseSigner(input, verifierOf(input));
  const result = runChecks(input.checks ?? xadesChecks, { ...input, ...chosen });
  return {
    ...result,
    signer: chosen.signer,
    signatureIntact: chosen.result?.ok ?? false,
  };
}
