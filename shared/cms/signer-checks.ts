// The checks on one SignerInfo, in order (RFC 5652 §5.3, §5.4, §5.6, §11; RFC 5035; RFC 8419 §3): what
// must be right before a signature says anything. Paths, times and revocation are for shared/trust.
// Longer than most files, so that the whole list can be read in its order in one place.
import { equalBytes } from '#shared/bytes.ts';
import { digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { SignatureResult } from '#shared/crypto/signature.ts';
import { sameAlgorithm } from '#shared/der/algorithm-identifier.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import {
  readObjectIdentifier,
  readOctets,
  readWhole,
  isUniversal,
  tags,
} from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { oidName, oids } from '#shared/oid.ts';
import { readTime, type Certificate } from '#shared/x509/certificate.ts';
import { parseAlgorithmProtection, sameSignatureAlgorithm } from './algorithm-protection.ts';
import { attributesOfType, type Attribute } from './attributes.ts';
import { fail, pass, warn, type Check, type Problem, signatureProblems } from './check.ts';
import type { SignedData, SignerInfo } from './signed-data.ts';
import { certHashMatches, issuerSerialMatches, type ESSCertID } from './signing-certificate.ts';
import { isMisformedTime } from './signing-time.ts';

/** An ESS attribute as far as it could be read; `ids` missing where it could not. */
export type SigningCertificateReference = {
  readonly version: 1 | 2;
  readonly ids?: readonly ESSCertID[] | undefined;
  readonly problem?: string | undefined;
};

/** Everything that the checks look at, gathered once. */
export type SignerContext = {
  readonly signedData: SignedData;
  readonly signerInfo: SignerInfo;
  /** `undefined` where we do not know the algorithm. */
  readonly digestAlgorithm: DigestAlgorithm | undefined;
  /** Digest of the content under `digestAlgorithm`; `undefined` where the content is not at hand. */
  readonly contentDigest: Uint8Array | undefined;
  readonly contentFound: boolean;
  /** Candidates that the SignerIdentifier names. */
  readonly matching: readonly Certificate[];
  readonly signer: Certificate | undefined;
  readonly references: readonly SigningCertificateReference[];
  /** Result of the signature; `undefined` where signer or content is missing. */
  readonly signature: SignatureResult | undefined;
  /** The value verifies only if the key, not the identifier, says which algorithm it is. */
  readonly algorithmMisnamed: boolean;
  readonly signingCertificateRequired: boolean;
  /** Over the value of another signature, which has no type (RFC 5652 §11.4). */
  readonly countersigns: boolean;
};

export type SignerCheck = Check<SignerContext>;

function signedAttributes(context: SignerContext): readonly Attribute[] {
  return context.signerInfo.signedAttrs?.attributes ?? [];
}

/** The one value of an attribute that must be there exactly once, or the problem. */
function singleValue(
  context: SignerContext,
  oid: string,
): { readonly value: Uint8Array } | { readonly problems: readonly Problem[] } {
  const found = attributesOfType(signedAttributes(context), oid);
  const name = oidName(oid);
  const [attribute] = found;
  if (!attribute)
    return { problems: fail('FORMAT_FAILURE', `The signed attribute ${name} is missing.`) };
  const [value] = attribute.values;
  if (found.length > 1 || attribute.values.length !== 1 || !value) {
    return {
      problems: fail(
        'FORMAT_FAILURE',
        `The signed attribute ${name} must be there once, with one value.`,
        {
          attributes: `${found.length}`,
          values: `${found.reduce((sum, one) => sum + one.values.length, 0)}`,
        },
      ),
    };
  }
  return { value };
}

/** Runs a reader of octets; a malformed value becomes a problem. */
function reading(what: string, read: () => readonly Problem[]): readonly Problem[] {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return fail('FORMAT_FAILURE', `The ${what} does not parse.`, { reason: error.message });
  }
}

const signerVersion: SignerCheck = {
  name: 'signer-info-version',
  clause: 'RFC 5652 §5.3',
  run: ({ signerInfo }) => {
    const due = signerInfo.sid.kind === 'issuer-and-serial-number' ? 1 : 3;
    return signerInfo.version === due
      ? pass
      : warn(`SignerInfo has version ${signerInfo.version}, where ${due} is due.`, {
          version: `${signerInfo.version}`,
          due: `${due}`,
        });
  },
};

const digestAlgorithmKnown: SignerCheck = {
  name: 'digest-algorithm',
  clause: 'RFC 5652 §5.3',
  run: ({ signerInfo, digestAlgorithm }) =>
    digestAlgorithm
      ? pass
      : [
          {
            level: 'unknown',
            subIndication: 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
            message: `The digest algorithm ${oidName(signerInfo.digestAlgorithm.oid)} is not supported.`,
            facts: { algorithm: signerInfo.digestAlgorithm.oid },
          },
        ],
};

const digestAlgorithmListed: SignerCheck = {
  name: 'digest-algorithm-listed',
  clause: 'RFC 5652 §5.1',
  run: ({ signedData, signerInfo, countersigns }) =>
    countersigns ||
    signedData.digestAlgorithms.some(({ oid }) => oid === signerInfo.digestAlgorithm.oid)
      ? pass
      : warn('digestAlgorithms does not list the digest algorithm of the signer.', {
          algorithm: signerInfo.digestAlgorithm.oid,
        }),
};

/** RFC 8419 §3.1: with signed attributes, Ed25519 goes with SHA-512 and Ed448 with SHAKE256. */
const edwardsDigests: Readonly<Record<string, string>> = {
  [oids.idEd25519]: oids.sha512,
  [oids.idEd448]: oids.shake256,
};

const digestFitsSignature: SignerCheck = {
  name: 'digest-algorithm-fits-signature',
  clause: 'RFC 8419 §3.1',
  run: ({ signerInfo }) => {
    const due = edwardsDigests[signerInfo.signatureAlgorithm.oid];
    return due === undefined || !signerInfo.signedAttrs || due === signerInfo.digestAlgorithm.oid
      ? pass
      : fail(
          'CRYPTO_CONSTRAINTS_FAILURE',
          `${oidName(signerInfo.signatureAlgorithm.oid)} goes with the digest ${oidName(due)}.`,
          { algorithm: oidName(signerInfo.digestAlgorithm.oid) },
        );
  },
};

const signedAttributesPresent: SignerCheck = {
  name: 'signed-attributes-present',
  clause: 'RFC 5652 §5.3',
  // Without the attributes a signature over one content could be shown as one over other attributes.
  run: ({ signedData, signerInfo, countersigns }) =>
    signerInfo.signedAttrs
      ? signerInfo.signedAttrs.attributes.length > 0
        ? pass
        : fail('FORMAT_FAILURE', 'The signed attributes are empty.')
      : countersigns || signedData.eContentType === oids.idData
        ? pass
        : fail(
            'FORMAT_FAILURE',
            'The content is not id-data, so signed attributes must be there.',
            {
              eContentType: oidName(signedData.eContentType),
            },
          ),
};

const signedAttributesEncoding: SignerCheck = {
  name: 'signed-attributes-encoding',
  clause: 'RFC 5652 §5.3',
  run: ({ signerInfo, signature }) => {
    const offence = signerInfo.signedAttrs && findDerOffence(signerInfo.signedAttrs.forSignature);
    if (!offence) return pass;
    const message = 'The signed attributes are not in DER.';
    const facts = { offset: `${offence.offset}`, what: offence.what };
    // Where the value holds over a form that counts, it says more than the order.
    return signature?.ok ? warn(message, facts) : fail('FORMAT_FAILURE', message, facts);
  },
};

const contentType: SignerCheck = {
  name: 'content-type',
  clause: 'RFC 5652 §11.1, §11.4',
  run: (context) => {
    if (!context.signerInfo.signedAttrs) return pass;
    // Many countersignatures have one all the same: of the octets it says nothing.
    if (context.countersigns)
      return attributesOfType(signedAttributes(context), oids.idContentType).length === 0
        ? pass
        : warn('A countersignature has a content-type attribute, and no content type.', {});
    const single = singleValue(context, oids.idContentType);
    if ('problems' in single) return single.problems;
    return reading('content-type attribute', () => {
      const oid = readObjectIdentifier(readWhole(single.value));
      return oid === context.signedData.eContentType
        ? pass
        : fail('FORMAT_FAILURE', 'The content-type attribute is not the type of the content.', {
            attribute: oidName(oid),
            eContentType: oidName(context.signedData.eContentType),
          });
    });
  },
};

const messageDigest: SignerCheck = {
  name: 'message-digest',
  clause: 'RFC 5652 §11.2',
  run: (context) => {
    if (!context.signerInfo.signedAttrs) return pass;
    const single = singleValue(context, oids.idMessageDigest);
    if ('problems' in single) return single.problems;
    const { contentDigest, digestAlgorithm } = context;
    return reading('message-digest attribute', () => {
      const element = readWhole(single.value);
      if (!isUniversal(element, tags.octetString))
        return fail('FORMAT_FAILURE', 'The message-digest attribute is no OCTET STRING.');
      const stored = readOctets(element);
      if (digestAlgorithm && stored.length !== digestLength(digestAlgorithm)) {
        return fail('HASH_FAILURE', 'The message digest has not the length of its algorithm.', {
          length: `${stored.length}`,
          algorithm: digestAlgorithm,
        });
      }
      return !contentDigest || equalBytes(stored, contentDigest)
        ? pass
        : fail('HASH_FAILURE', 'The message digest is not that of the content.');
    });
  },
};

const contentFound: SignerCheck = {
  name: 'content-found',
  clause: 'EN 319 102-1 §5.2.7.4',
  run: ({ contentFound: found }) =>
    found
      ? pass
      : [
          {
            level: 'unknown',
            subIndication: 'SIGNED_DATA_NOT_FOUND',
            message: 'The signed content is not at hand.',
          },
        ],
};

const signingTime: SignerCheck = {
  name: 'signing-time',
  clause: 'RFC 5652 §11.3',
  run: (context) => {
    if (attributesOfType(signedAttributes(context), oids.idSigningTime).length === 0) return pass;
    const single = singleValue(context, oids.idSigningTime);
    if ('problems' in single) return single.problems;
    return reading('signing-time attribute', () => {
      const time = readWhole(single.value);
      return isMisformedTime(time, readTime(time))
        ? warn(
            'The signing time is a GeneralizedTime of a year before 2050, or with a fraction of a second.',
          )
        : pass;
    });
  },
};

const signerFound: SignerCheck = {
  name: 'signer-certificate',
  clause: 'RFC 5652 §5.3',
  run: ({ signer, signerInfo }) =>
    signer
      ? pass
      : [
          {
            level: 'unknown',
            subIndication: 'NO_SIGNING_CERTIFICATE_FOUND',
            message: 'No certificate at hand is the one that the signer identifier names.',
            facts:
              signerInfo.sid.kind === 'issuer-and-serial-number'
                ? { serialNumber: signerInfo.sid.serialNumber.toString(16) }
                : { keyIdentifier: Buffer.from(signerInfo.sid.keyIdentifier).toString('hex') },
          },
        ],
};

const signingCertificateOnce: SignerCheck = {
  name: 'signing-certificate-attribute',
  clause: 'RFC 5035 §3',
  run: (context) => {
    const problems: Problem[] = [];
    for (const reference of context.references) {
      const oid =
        reference.version === 1 ? oids.idAaSigningCertificate : oids.idAaSigningCertificateV2;
      const single = singleValue(context, oid);
      if ('problems' in single) problems.push(...single.problems);
      else if (reference.problem !== undefined)
        problems.push(
          ...fail('FORMAT_FAILURE', `${oidName(oid)} does not parse.`, {
            reason: reference.problem,
          }),
        );
    }
    // Without any signed attributes where they are due, signed-attributes-present says so.
    const attributesDue =
      !context.signerInfo.signedAttrs &&
      !context.countersigns &&
      context.signedData.eContentType !== oids.idData;
    if (context.references.length === 0 && context.signingCertificateRequired && !attributesDue) {
      problems.push(
        ...fail('SIG_CONSTRAINTS_FAILURE', 'No signed attribute names the signing certificate.'),
      );
    }
    return problems;
  },
};

const signingCertificateMatches: SignerCheck = {
  name: 'signing-certificate',
  clause: 'RFC 5035 §5',
  // The first identifier names the signer; both attributes count where both are there. Else another
  // certificate over the same key could be put in place of the one that the signer meant.
  run: ({ references, signer }) =>
    references.flatMap(({ version, ids }) => {
      const [id] = ids ?? [];
      if (!id || !signer) return pass;
      const attribute = version === 1 ? 'signingCertificate' : 'signingCertificateV2';
      const matches = certHashMatches(id, signer);
      if (matches === undefined) {
        return fail('SIG_CONSTRAINTS_FAILURE', `${attribute} uses a digest we do not know.`, {
          algorithm: id.hashAlgorithmOid,
        });
      }
      return matches
        ? pass
        : fail('SIG_CONSTRAINTS_FAILURE', `${attribute} names another certificate by its hash.`, {
            certificate: signer.fingerprint,
          });
    }),
};

const issuerSerial: SignerCheck = {
  name: 'signing-certificate-issuer-serial',
  clause: 'RFC 5035 §5',
  run: ({ references, signer }) =>
    references.flatMap(({ version, ids }) => {
      const [id] = ids ?? [];
      if (!id || !signer || issuerSerialMatches(id, signer)) return pass;
      return fail('SIG_CONSTRAINTS_FAILURE', 'issuerSerial names another certificate.', {
        attribute: version === 1 ? 'signingCertificate' : 'signingCertificateV2',
        serialNumber: id.issuerSerial?.serialNumber.toString(16) ?? '',
        issuer: id.issuerSerial?.issuer.text ?? '',
      });
    }),
};

const signatureAlgorithm: SignerCheck = {
  name: 'signature-algorithm',
  clause: 'RFC 5652 §5.3',
  run: ({ signerInfo, signer, algorithmMisnamed }) =>
    algorithmMisnamed
      ? fail('SIG_CONSTRAINTS_FAILURE', 'The signature algorithm is not one of the key.', {
          algorithm: oidName(signerInfo.signatureAlgorithm.oid),
          key: signer?.key.kind ?? '',
        })
      : pass,
};

const algorithmProtection: SignerCheck = {
  name: 'algorithm-protection',
  clause: 'RFC 6211 §2',
  // Else a weaker algorithm could be named in place of the one that was signed with.
  run: (context) => {
    const oid = oids.idAaCmsAlgorithmProtect;
    if (attributesOfType(signedAttributes(context), oid).length === 0) return pass;
    const single = singleValue(context, oid);
    if ('problems' in single) return single.problems;
    const { digestAlgorithm, signatureAlgorithm: algorithm } = context.signerInfo;
    return reading('CMSAlgorithmProtection attribute', () => {
      const meant = parseAlgorithmProtection(single.value);
      return sameAlgorithm(meant.digestAlgorithm, digestAlgorithm) &&
        sameSignatureAlgorithm(meant.signatureAlgorithm, algorithm)
        ? pass
        : fail('SIG_CONSTRAINTS_FAILURE', 'The algorithms are not those that the signer meant.', {
            digestAlgorithm: oidName(meant.digestAlgorithm.oid),
            signatureAlgorithm: oidName(meant.signatureAlgorithm.oid),
          });
    });
  },
};

const signatureValue: SignerCheck = {
  name: 'signature',
  clause: 'RFC 5652 §5.6',
  run: ({ signature, signerInfo }) =>
    signatureProblems(signature, oidName(signerInfo.signatureAlgorithm.oid), 'signature algorithm'),
};

/** Every check on a signer, in order. */
export const signerChecks: readonly SignerCheck[] = [
  signerVersion,
  digestAlgorithmKnown,
  digestAlgorithmListed,
  digestFitsSignature,
  signedAttributesPresent,
  signedAttributesEncoding,
  contentType,
  messageDigest,
  contentFound,
  signingTime,
  signerFound,
  signingCertificateOnce,
  signingCertificateMatches,
  issuerSerial,
  signatureAlgorithm,
  algorithmProtection,
  signatureValue,
];
