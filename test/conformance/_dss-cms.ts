// Corpus `dss`: what is signed by CMS, compared with the judge: hash indexes of archive timestamps, the
// signature of every token, and the value of CMS and PDF signatures.
import { constants, createPublicKey, publicDecrypt } from 'node:crypto';
import { equalBytes, toHex } from '#shared/bytes.ts';
import { readAtsHashIndex } from '#shared/cades/ats-hash-index.ts';
import { parseAlgorithmProtection } from '#shared/cms/algorithm-protection.ts';
import { attributesOfType } from '#shared/cms/attributes.ts';
import type { SignerInfo } from '#shared/cms/signed-data.ts';
import { type SignerVerdict, verifySigner } from '#shared/cms/verify-signer.ts';
import { digest, digestAlgorithmOfOid, digestOid } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { readWhole } from '#shared/der/reader.ts';
import { derOctetString, derSequence } from '#shared/der/writer.ts';
import { walkEvidenceRecord } from '#shared/ers/walk.ts';
import { oids } from '#shared/oid.ts';
import { isBefore } from '#shared/time.ts';
import type { TimestampReading } from '#shared/validation/collect.ts';
import type { DocumentReading } from '#shared/validation/inspect.ts';
import { checkSignedOctets, verifySignatureValue } from '#shared/validation/signature-value.ts';
import type { CmsSignatureReading } from '#shared/validation/reading.ts';
import { type Certificate, readTime } from '#shared/x509/certificate.ts';
import { type Comparison, type ReadLine, compareReadLines } from './_dss-compare.ts';
import type { DssEntry } from './_dss-manifest.ts';

/** Lines of both sides for tokens that have an index. */
export function compareHashIndexes(entry: DssEntry, { timestamps }: DocumentReading): Comparison {
  const line = (imprint: string, version: string, valid: boolean): string =>
    `${version} of ${imprint} ${valid ? 'valid' : 'not valid'}`;
  return compareReadLines(
    'hash indexes',
    entry.timestamps.flatMap(({ imprint, atsHashIndexVersion, atsHashIndexValid }) =>
      atsHashIndexVersion ? [line(imprint, atsHashIndexVersion, atsHashIndexValid ?? false)] : [],
    ),
    timestamps.flatMap(({ token, atsHashIndex }): ReadLine[] => {
      if (!atsHashIndex) return [];
      const imprint = toHex(token.tstInfo.messageImprint.hashedMessage);
      const { version, valid } = atsHashIndex;
      const { index } = readAtsHashIndex(token) ?? {};
      const reason = !index
        ? 'an attribute that holds no hash index is no valid one'
        : digestAlgorithmOfOid(index.hashIndAlgorithm) !== token.tstInfo.messageImprint.algorithm
          ? 'a hash index under another algorithm than the imprint is no valid one'
          : undefined;
      return [
        {
          line: line(imprint, version, valid),
          otherwise:
            reason === undefined ? undefined : { line: line(imprint, version, true), reason },
        },
      ];
    }),
  );
}

/** The judge's name of a CAdES level as the standards have it. */
function levelName(format: string): string {
  if (format === 'CMS-NOT-ETSI') return 'CMS';
  return format === 'CAdES-XL' ? 'CAdES-X-L' : format.replace(/^CAdES-BASELINE-/, 'CAdES-B-');
}

/** Levels by name; a countersignature has one as well. */
export function compareCadesLevels(entry: DssEntry, { facts }: DocumentReading): Comparison {
  return compareReadLines(
    'CAdES levels',
    entry.signatures.flatMap(({ format }) =>
      format.startsWith('CAdES') || format === 'CMS-NOT-ETSI' ? [levelName(format)] : [],
    ),
    facts.signatures.flatMap(({ cadesLevel }): ReadLine[] =>
      cadesLevel === undefined ? [] : [{ line: cadesLevel }],
    ),
  );
}

/** RFC 5652 itself has nothing against it: the value, the digest and the attributes that they need. */
function isIntact({ findings, signatureIntact, messageDigestIntact }: SignerVerdict): boolean {
  return (
    signatureIntact &&
    messageDigestIntact &&
    !findings.some(({ level, clause }) => level === 'error' && clause.startsWith('RFC 5652'))
  );
}

/** RFC 5652 §5.4: who re-encodes the attributes before verifying gets other octets than the signer had. */
function isUnsorted({ findings }: SignerVerdict): boolean {
  return findings.some(({ check }) => check === 'signed-attributes-encoding');
}

const unsortedReason =
  'signed attributes that are not in DER: the value holds over them as they are stored';

const contradictedReason =
  'the TSU certificate is named by the signer identifier, which ESSCertID contradicts';

type Intact = { readonly intact: boolean; readonly otherwise?: Otherwise | undefined };
type Otherwise = { readonly intact: boolean; readonly reason: string };

/** The signature of a token as its RFC has it: by the certificate that is meant, within its validity. */
function tokenIntact(
  { token: { signedData, tstInfo } }: TimestampReading,
  candidates: readonly Certificate[],
): Intact {
  const [signerInfo, another] = signedData.signerInfos;
  if (!signerInfo || another) return { intact: false };
  const verdict = verifySigner({ signedData, signerInfo, candidates });
  const { signer, findings } = verdict;
  const { genTime } = tstInfo;
  const holds =
    isIntact(verdict) &&
    signer !== undefined &&
    !isBefore(genTime, signer.notBefore) &&
    !isBefore(signer.notAfter, genTime);
  // RFC 5035 §5: the first identifier is the signer's; the judge asks it of tokens only where it finds by it.
  const contradicted = findings.some(
    ({ check, level }) => check === 'signing-certificate' && level === 'error',
  );
  const intact = holds && !contradicted;
  if (holds && contradicted)
    return { intact, otherwise: { intact: true, reason: contradictedReason } };
  const reason = isUnsorted(verdict)
    ? unsortedReason
    : signer && isSignedOutside(signerInfo, signer)
      ? 'a signing time outside of the certificate is not genTime, which is inside'
      : undefined;
  return { intact, otherwise: intact && reason ? { intact: false, reason } : undefined };
}

/** RFC 3161 §2.4.2 bounds genTime; of a signing time beside it (RFC 5652 §11.3) it says nothing. */
function isSignedOutside(signerInfo: SignerInfo, signer: Certificate): boolean {
  const times = attributesOfType(
    signerInfo.signedAttrs?.attributes ?? [],
    oids.idSigningTime,
  ).flatMap(({ values }) => values.map((value) => readTime(readWhole(value))));
  return times.some((time) => isBefore(time, signer.notBefore) || isBefore(signer.notAfter, time));
}

type Renewals = {
  readonly broken: ReadonlySet<Uint8Array>;
  readonly open: ReadonlySet<Uint8Array>;
};

/**
 * Octets of the tokens of renewals that do not cover what was there before; in XML the older chains alone
 * are asked for (RFC 6283 §4.2.2), and of a record that seals a signature the signature, too. Open: a record
 * that says of no data object what it is over.
 */
function readRenewals({ evidenceRecords }: DocumentReading): Renewals {
  const broken = new Set<Uint8Array>();
  const open = new Set<Uint8Array>();
  for (const { record, dataObjects, covers: sealed } of evidenceRecords) {
    const named = dataObjects.map((one, index) => ({ name: `${index}`, digest: one.digest }));
    const { steps } = walkEvidenceRecord(record, named, Temporal.Instant.fromEpochMilliseconds(0));
    for (const { kind, covers, coversPrevious, archiveTimeStamp } of steps) {
      if (kind === 'initial') continue;
      const { raw } = archiveTimeStamp.token;
      if (record.xml && dataObjects.length === 0) open.add(raw);
      const isCovered =
        record.xml && !sealed && covers.kind === 'data-objects-and-sequence'
          ? covers.form !== undefined
          : coversPrevious;
      if (!isCovered) broken.add(raw);
    }
  }
  return { broken, open };
}

/** The manifest's times end at the second. */
function seconds(time: Temporal.Instant | string): string {
  return Temporal.Instant.from(time.toString())
    .round({ smallestUnit: 'second', roundingMode: 'floor' })
    .toString();
}

/**
 * Of every token that the judge lists the signature and, where inspection has a claim about its imprint,
 * the whole of the cryptographic check: signature, imprint, and of a renewal that it covers what it renews.
 */
export function compareTokenSignatures(
  entry: DssEntry,
  readings: readonly DocumentReading[],
): Comparison[] {
  const line = (what: string, imprint: string, time: string, yes: boolean): string =>
    `${imprint} at ${time} ${yes ? '' : 'not '}${what}`;
  const readLine = (
    what: string,
    { imprint, time, otherwise }: (typeof found)[number],
    yes: boolean,
    other = yes,
  ): ReadLine => ({
    line: line(what, imprint, time, yes),
    otherwise: otherwise && {
      line: line(what, imprint, time, other),
      reason: otherwise.reason,
    },
  });
  const listed = new Set(entry.timestamps.map(({ imprint }) => imprint));
  const found = readings
    .flatMap((reading) => {
      const { broken, open } = readRenewals(reading);
      return reading.timestamps.map((timestamp) => {
        const { tstInfo, raw } = timestamp.token;
        const { imprintIntact } = timestamp;
        const signature = tokenIntact(timestamp, reading.certificates);
        return {
          ...signature,
          imprint: toHex(tstInfo.messageImprint.hashedMessage),
          time: seconds(tstInfo.genTime),
          valid:
            imprintIntact === undefined || open.has(raw)
              ? undefined
              : signature.intact && imprintIntact && !broken.has(raw),
        };
      });
    })
    .filter(({ imprint }) => listed.has(imprint));
  // A token that stands twice is compared where both have a claim.
  const unclaimed = new Set(found.flatMap((one) => (one.valid === undefined ? [one.imprint] : [])));
  return [
    compareReadLines(
      'token signatures',
      entry.timestamps.map((one) =>
        line('intact', one.imprint, seconds(one.time), one.signatureIntact),
      ),
      found.map((one) => readLine('intact', one, one.intact, one.otherwise?.intact)),
    ),
    compareReadLines(
      'token validity',
      entry.timestamps
        .filter(({ imprint }) => !unclaimed.has(imprint))
        .map((one) => line('valid', one.imprint, seconds(one.time), one.signatureValid)),
      found.flatMap((one) =>
        one.valid === undefined || unclaimed.has(one.imprint)
          ? []
          : [readLine('valid', one, one.valid, one.valid && one.otherwise?.intact)],
      ),
    ),
  ];
}

/** RFC 8017 §9.2: the value is right but for parameters of the hash algorithm, which are absent, not NULL. */
function lacksNull({ signerInfo }: CmsSignatureReading, { signer }: SignerVerdict): boolean {
  const algorithm = digestAlgorithmOfOid(signerInfo.digestAlgorithm.oid);
  if (!signer || signer.key.kind !== 'RSA' || !algorithm || !signerInfo.signedAttrs) return false;
  const due = derSequence(
    buildAlgorithmIdentifier(digestOid(algorithm)).raw,
    derOctetString(digest(algorithm, signerInfo.signedAttrs.forSignature)),
  );
  try {
    const key = createPublicKey({
      key: Buffer.from(signer.publicKey),
      format: 'der',
      type: 'spki',
    });
    const { signature } = signerInfo;
    return equalBytes(publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature), due);
  } catch {
    return false;
  }
}

/** RFC 6211 §2: the algorithms are those that were meant, but not written in the same octets. */
function writesOtherProtection({ signerInfo }: CmsSignatureReading): boolean {
  const [value] = attributesOfType(
    signerInfo.signedAttrs?.attributes ?? [],
    oids.idAaCmsAlgorithmProtect,
  ).flatMap(({ values }) => values);
  if (!value) return false;
  return !equalBytes(
    parseAlgorithmProtection(value).signatureAlgorithm.raw,
    signerInfo.signatureAlgorithm.raw,
  );
}

function signatureIntact(
  signature: CmsSignatureReading,
  certificates: readonly Certificate[],
): Intact {
  const verdict = verifySignatureValue(signature, certificates);
  const { signedData, content } = signature;
  const holds = isIntact(verdict);
  const offence = checkSignedOctets(signature);
  const otherwise = (intact: boolean, reason: string): Intact => ({
    intact: !intact,
    otherwise: { intact, reason },
  });
  if (offence)
    return holds || !content
      ? otherwise(true, 'what is signed cannot be told, so no value is intact')
      : { intact: false };
  if (!holds)
    return lacksNull(signature, verdict)
      ? otherwise(true, 'an RSA signature whose hash algorithm lacks its NULL parameters is wrong')
      : { intact: false };
  if (isUnsorted(verdict)) return otherwise(false, unsortedReason);
  if (signedData.eContent?.length === 0 && signedData.eContent !== content?.octets?.())
    return otherwise(
      false,
      'an eContent of no octets encapsulates nothing: the content is the PDF',
    );
  if (writesOtherProtection(signature))
    return otherwise(false, 'the algorithm is the protected one, with a default written out');
  return { intact: true };
}

/** Of each CMS and PDF signature the value over the content; `valid` adds that the content is all there. */
export function compareSignatureValues(entry: DssEntry, reading: DocumentReading): Comparison {
  const line = (serial: string | null | undefined, intact: boolean, valid: boolean): string =>
    `by ${serial ?? '-'} ${intact ? 'intact' : 'not intact'} ${valid ? 'valid' : 'not valid'}`;
  const byId = new Map(reading.facts.signatures.map((signature) => [signature.id, signature]));
  return compareReadLines(
    'signature values',
    entry.signatures
      .filter(({ format }) => !/^(?:XAdES|XML)/.test(format))
      .map(({ signerSerial, intact, valid }) => line(signerSerial, intact, valid)),
    reading.cmsSignatures.map((signature): ReadLine => {
      const facts = byId.get(signature.id);
      const serial = facts?.signer?.serialNumber;
      const digests = facts?.references.filter(({ kind }) => kind === 'message-digest') ?? [];
      const complete = digests.every(({ found, intact }) => found && intact);
      const { intact, otherwise } = signatureIntact(signature, reading.certificates);
      return {
        line: line(serial, intact, intact && complete),
        otherwise: otherwise && {
          line: line(serial, otherwise.intact, otherwise.intact),
          reason: otherwise.reason,
        },
      };
    }),
  );
}
