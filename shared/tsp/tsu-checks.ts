// The checks on who signed a token: the frame of the signature, the certificate of the TSU and its
// period (RFC 3161 §2.3, §2.4.1, §2.4.2; RFC 5652 §5.1). Key usage and extended key usage are asked of
// the path, by its purpose (shared/trust).
import { fail, pass, warn } from '#shared/cms/check.ts';
import type { SignedData } from '#shared/cms/signed-data.ts';
import { certificatesOfSigner } from '#shared/cms/verify-signer.ts';
import { isContext, readChildren, readWhole } from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { isBefore, parseGeneralizedTime } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { generalNamesMatch, printGeneralName, readGeneralName } from '#shared/x509/general-name.ts';
import type { TokenCheck } from './token-context.ts';

/** Whether `crls` holds anything that is no CRL. */
function hasOtherRevocationInfo({ elements }: SignedData): boolean {
  return elements.crls ? readChildren(elements.crls).some((member) => isContext(member, 1)) : false;
}

/** The version that the contents call for. @see RFC 5652 §5.1 */
export function versionOfSignedData(
  signedData: SignedData,
  otherRevocationInfo: boolean = hasOtherRevocationInfo(signedData),
): number {
  const { otherCertificates } = signedData;
  if (otherRevocationInfo || otherCertificates.some(({ raw }) => raw[0] === 0xa3)) return 5;
  if (otherCertificates.some(({ raw }) => raw[0] === 0xa2)) return 4;
  const three =
    otherCertificates.some(({ raw }) => raw[0] === 0xa1) ||
    signedData.signerInfos.some(({ version }) => version === 3) ||
    signedData.eContentType !== oids.idData;
  return three ? 3 : 1;
}

const signedDataVersion: TokenCheck = {
  name: 'signed-data-version',
  clause: 'RFC 5652 §5.1',
  // No signature covers the number, and whoever adds validation data may have left it as it was.
  run: ({ token }) => {
    const due = versionOfSignedData(token.signedData);
    return token.signedData.version === due
      ? pass
      : warn(`SignedData has version ${token.signedData.version}, where ${due} is due.`, {
          version: `${token.signedData.version}`,
          due: `${due}`,
        });
  },
};

const oneSigner: TokenCheck = {
  name: 'one-signer',
  clause: 'RFC 3161 §2.4.2',
  // A second signature would leave open which certificate and whose word counts.
  run: ({ token }) =>
    token.signedData.signerInfos.length === 1
      ? pass
      : fail('FORMAT_FAILURE', 'A token has exactly one signer.', {
          signers: `${token.signedData.signerInfos.length}`,
        }),
};

const certificatesReadable: TokenCheck = {
  name: 'certificates-readable',
  clause: 'RFC 5652 §10.2.2',
  run: ({ token }) =>
    token.signedData.otherCertificates
      .filter(({ kind }) => kind === 'malformed')
      .flatMap(({ problem = '' }) =>
        warn('A certificate in the token does not parse.', { problem }),
      ),
};

const certReq: TokenCheck = {
  name: 'cert-req',
  clause: 'RFC 3161 §2.4.1',
  run: ({ token, options, signerInfo }) => {
    if (!options.request || !signerInfo) return pass;
    const { signedData } = token;
    if (!options.request.certReq) {
      return signedData.certificatesPresent
        ? fail('SIG_CONSTRAINTS_FAILURE', 'The token has certificates that were not asked for.')
        : pass;
    }
    return certificatesOfSigner(signerInfo, signedData.certificates).length > 0
      ? pass
      : fail('SIG_CONSTRAINTS_FAILURE', 'The certificate of the TSU was asked for and is missing.');
  },
};

const tsaName: TokenCheck = {
  name: 'tsa-name',
  clause: 'RFC 3161 §2.4.2',
  run: ({ token, signer }) => {
    const { tsa } = token.tstInfo;
    if (!tsa || !signer) return pass;
    try {
      const name = readGeneralName(readWhole(tsa));
      const subjects = [
        { kind: 'directoryName' as const, name: signer.subject },
        ...(signer.subjectAltName ?? []),
      ];
      return subjects.some((subject) => generalNamesMatch(name, subject))
        ? pass
        : fail('SIG_CONSTRAINTS_FAILURE', 'tsa is no name of the certificate of the TSU.', {
            tsa: printGeneralName(name),
            subject: signer.subject.text,
          });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return fail('FORMAT_FAILURE', 'The tsa field is no GeneralName.', { reason: error.message });
    }
  },
};

const endEntity: TokenCheck = {
  name: 'tsu-no-ca',
  clause: 'RFC 3161 §2.3',
  // The key is for time alone: one that signs certificates could name itself every other purpose.
  run: ({ signer }) =>
    signer?.basicConstraints?.cA || signer?.keyUsage?.has('keyCertSign')
      ? fail('CHAIN_CONSTRAINTS_FAILURE', 'The key of the TSU may sign certificates as well.')
      : pass,
};

/** `PrivateKeyUsagePeriod ::= SEQUENCE { notBefore [0] GeneralizedTime OPTIONAL, notAfter [1] GeneralizedTime OPTIONAL }` */
function privateKeyUsagePeriod(certificate: Certificate): {
  readonly notBefore?: Temporal.Instant | undefined;
  readonly notAfter?: Temporal.Instant | undefined;
} {
  const extension = certificate.extensions.find(({ oid }) => oid === oids.privateKeyUsagePeriod);
  if (!extension) return {};
  const fields = readChildren(readWhole(extension.value));
  const time = (tag: number): Temporal.Instant | undefined => {
    const field = fields.find((one) => isContext(one, tag));
    return field && parseGeneralizedTime(field.content);
  };
  return { notBefore: time(0), notAfter: time(1) };
}

const keyPeriod: TokenCheck = {
  name: 'private-key-usage-period',
  clause: 'RFC 3280 §4.2.1.4',
  // A promise of the TSU's own, which RFC 5280 no longer profiles and real TSUs overrun.
  run: ({ token, signer }) => {
    if (!signer) return pass;
    const { genTime } = token.tstInfo;
    try {
      const { notBefore, notAfter } = privateKeyUsagePeriod(signer);
      const early = notBefore && isBefore(genTime, notBefore);
      const late = notAfter && isBefore(notAfter, genTime);
      return early || late
        ? warn('The key of the TSU was not to be used at genTime.', {
            genTime: genTime.toString(),
            notBefore: notBefore?.toString() ?? '',
            notAfter: notAfter?.toString() ?? '',
          })
        : pass;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return warn('The private key usage period does not parse.', { reason: error.message });
    }
  },
};

const genTimeWithinValidity: TokenCheck = {
  name: 'gen-time-within-validity',
  clause: 'RFC 3161 §2.4.2',
  // Of every certificate but the anchor, whose period is configuration (RFC 5280 §6.1.1 (d)).
  run: ({ token, path }) => {
    // Certificates count whole seconds, the last one included (RFC 5280 §4.1.2.5).
    const genTime = token.tstInfo.genTime.round({ smallestUnit: 'second', roundingMode: 'floor' });
    return path.slice(0, Math.max(1, path.length - 1)).flatMap((certificate) => {
      const facts = () => ({
        genTime: genTime.toString(),
        subject: certificate.subject.text,
        notBefore: certificate.notBefore.toString(),
        notAfter: certificate.notAfter.toString(),
      });
      if (isBefore(genTime, certificate.notBefore))
        return fail('NOT_YET_VALID', 'A certificate of the path begins after genTime.', facts());
      return isBefore(certificate.notAfter, genTime)
        ? fail('EXPIRED', 'A certificate of the path ended before genTime.', facts())
        : pass;
    });
  },
};

const minimumRemaining: TokenCheck = {
  name: 'minimum-remaining',
  clause: 'EN 319 421 §7.7.1',
  run: ({ token, options, notAfter }) => {
    if (!options.minimumRemaining || !notAfter) return pass;
    const { seconds } = options.minimumRemaining;
    const left = (notAfter.epochMilliseconds - token.tstInfo.genTime.epochMilliseconds) / 1000;
    return left >= seconds
      ? pass
      : fail('SIG_CONSTRAINTS_FAILURE', 'The certificates of the TSU end too soon.', {
          notAfter: notAfter.toString(),
          minimumRemainingSeconds: `${seconds}`,
        });
  },
};

/** The checks on the signer and its certificate, in order. */
export const tsuChecks: readonly TokenCheck[] = [
  signedDataVersion,
  oneSigner,
  certificatesReadable,
  certReq,
  tsaName,
  endEntity,
  keyPeriod,
  genTimeWithinValidity,
  minimumRemaining,
];
