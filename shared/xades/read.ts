// XML signatures and their XAdES properties: references, certificates, timestamps, validation data,
// evidence records, countersignatures. XML Signature 1.1, EN 319 132-1. It verifies nothing.
import { FormatError } from '#shared/errors.ts';
import { type Problem, attempt } from '#shared/problem.ts';
import {
  type XadesTimestampType,
  timestampTypes,
  xadesEvidenceNamespace,
  xadesNamespaces,
} from '#shared/xades/names.ts';
import { dsNamespace } from '#shared/xmldsig/names.ts';
import {
  type XmlReference,
  base64Of,
  readReferences,
  signatureError,
} from '#shared/xmldsig/references.ts';
import { type SignatureMethod, readSignatureMethod } from '#shared/xmldsig/signature-method.ts';
import {
  type XmlElement,
  attributeOf,
  childNamed,
  childrenNamed,
  childElements,
  isElement,
  textOf,
  walkElements,
} from '#shared/xml/tree.ts';

export type XadesTimestamp = {
  readonly type: XadesTimestampType;
  /** The container element: what is canonicalized how stands there. */
  readonly element: XmlElement;
  readonly tokens: readonly Uint8Array[];
  /** Why it holds less than it should: it says that there is a timestamp, and none can be read. */
  readonly unread: readonly Problem[];
};

/** A record in the unsigned property that seals the signature, in ASN.1 or in XML. TS 119 132-3 §5 */
export type SealingRecord = {
  readonly property: XmlElement;
  readonly record: Uint8Array | XmlElement;
};

export type XadesSignature = {
  readonly element: XmlElement;
  readonly id: string | undefined;
  readonly signedInfo: XmlElement;
  /** Absent where it is none that is verified. */
  readonly method: SignatureMethod | undefined;
  /** Its name, for reports. */
  readonly signatureMethod: string;
  readonly references: readonly XmlReference[];
  readonly signatureValue: Uint8Array;
  readonly signatureValueElement: XmlElement;
  /** X509Certificate elements of KeyInfo, in order. */
  readonly keyCertificates: readonly Uint8Array[];
  /** Digests by which SigningCertificateV2 and SigningCertificate name the signer's certificate. */
  readonly signingCertificates: readonly {
    readonly digestMethod: string;
    readonly digestValue: Uint8Array;
  }[];
  /** The property is there and names nothing that can be read. */
  readonly signingCertificateUnread: boolean;
  readonly isXades: boolean;
  /** The element in which signing time and certificate stand: a reference has to be over this very one. */
  readonly signedProperties: XmlElement | undefined;
  readonly severalSignedProperties: boolean;
  readonly claimedSigningTime: Temporal.Instant | undefined;
  readonly timestamps: readonly XadesTimestamp[];
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  readonly ocspResponses: readonly Uint8Array[];
  /** RFC 4998 records, and the elements of RFC 6283 ones. */
  readonly evidenceRecords: readonly SealingRecord[];
  readonly unreadRecords: readonly Problem[];
  readonly countersignatures: readonly XmlElement[];
  readonly problems: readonly Problem[];
};

const maxTokens = 200;
const maxSignatures = 200;

/** Signatures of a document, those inside another signature's properties left to that one. */
export function findSignatures(root: XmlElement): XmlElement[] {
  const signatures: XmlElement[] = [];
  for (const element of walkElements(root)) {
    if (!isElement(element, dsNamespace, 'Signature')) continue;
    if (isCountersignature(element)) continue;
    if (signatures.length >= maxSignatures)
      throw new FormatError('ERR_FORMAT_LIMIT', `more than ${maxSignatures} XML signatures`);
    signatures.push(element);
  }
  return signatures;
}

function isCountersignature(element: XmlElement): boolean {
  return isElement(element.parent, xadesNamespaces, 'CounterSignature');
}

function readSigningTime(properties: XmlElement | undefined): Temporal.Instant | undefined {
  const text = textOf(childNamed(properties, xadesNamespaces, 'SigningTime'))?.trim();
  if (text === undefined) return undefined;
  try {
    // xsd:dateTime without a zone says no instant; the zone is what most software means by it.
    return Temporal.Instant.from(/(?:Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
  } catch (error) {
    throw new FormatError('ERR_FORMAT_TIME', `SigningTime ${JSON.stringify(text.slice(0, 40))}`, {
      clause: 'EN 319 132-1 §5.2.1',
      cause: error,
    });
  }
}

const signingCertificateNames = ['SigningCertificateV2', 'SigningCertificate'];

function readSigningCertificates(
  properties: XmlElement | undefined,
): XadesSignature['signingCertificates'] {
  return signingCertificateNames.flatMap((name) =>
    // The first names the signer, others are of its path.
    childrenNamed(childNamed(properties, xadesNamespaces, name), xadesNamespaces, 'Cert')
      .slice(0, 1)
      .flatMap((certificate) => {
        const digest = childNamed(certificate, xadesNamespaces, 'CertDigest');
        const digestMethod = attributeOf(
          childNamed(digest, [dsNamespace, ...xadesNamespaces], 'DigestMethod'),
          'Algorithm',
        );
        const value = childNamed(digest, [dsNamespace, ...xadesNamespaces], 'DigestValue');
        return digestMethod !== undefined && value
          ? [{ digestMethod, digestValue: base64Of(value, 'CertDigest') }]
          : [];
      }),
  );
}

/** The tokens of one container. Without any it is none (TS 101 903 V1.3.2 §7.1.4.2: at least one). */
function readTokens(element: XmlElement): Pick<XadesTimestamp, 'tokens' | 'unread'> {
  const unread: Problem[] = [];
  const others = childrenNamed(element, xadesNamespaces, 'XMLTimeStamp');
  const encapsulated = childrenNamed(element, xadesNamespaces, 'EncapsulatedTimeStamp');
  if (others.length > 0)
    unread.push({
      severity: 'error',
      code: 'ERR_UNSUPPORTED_FEATURE',
      message: 'XMLTimeStamp is not read',
    });
  else if (encapsulated.length === 0)
    unread.push({
      severity: 'error',
      code: 'ERR_FORMAT_XML',
      message: `${element.localName} holds no timestamp`,
    });
  const tokens = encapsulated
    .map((token) => attempt(unread, element.name, () => base64Of(token, token.localName)))
    .filter((token) => token !== undefined);
  return { tokens, unread };
}

function readTimestamps(parents: readonly XmlElement[], problems: Problem[]): XadesTimestamp[] {
  const timestamps: XadesTimestamp[] = [];
  let count = 0;
  for (const element of parents.flatMap(childElements)) {
    const type = xadesNamespaces.some((namespace) => namespace === element.namespace)
      ? timestampTypes.get(element.localName)
      : undefined;
    if (!type) continue;
    const { tokens, unread } = readTokens(element);
    problems.push(...unread);
    count += tokens.length;
    if (count > maxTokens)
      throw new FormatError('ERR_FORMAT_LIMIT', `more than ${maxTokens} timestamps in a signature`);
    timestamps.push({ type, element, tokens, unread });
  }
  return timestamps;
}

/** Octets of every element of this name below `parent`. EN 319 132-1 §5.4.2, §5.4.3, §5.5.1: named alike in all of them. */
function encapsulated(
  parents: readonly XmlElement[],
  name: string,
  problems: Problem[],
): Uint8Array[] {
  return parents
    .flatMap((parent) => [...walkElements(parent)])
    .filter((element) => isElement(element, xadesNamespaces, name))
    .map((element) => attempt(problems, name, () => base64Of(element, name)))
    .filter((octets) => octets !== undefined);
}

function readEvidenceRecords(
  unsigned: XmlElement | undefined,
): Pick<XadesSignature, 'evidenceRecords' | 'unreadRecords'> {
  const unreadRecords: Problem[] = [];
  const sealing = childrenNamed(unsigned, xadesEvidenceNamespace, 'SealingEvidenceRecords');
  const evidenceRecords = sealing.flatMap((property) => {
    const elements = childElements(property);
    if (elements.length === 0)
      unreadRecords.push({
        severity: 'error',
        code: 'ERR_FORMAT_XML',
        message: `${property.localName} holds no record`,
      });
    return elements.flatMap((element) => {
      const record =
        element.localName === 'ASN1EvidenceRecord'
          ? attempt(unreadRecords, element.name, () => base64Of(element, element.localName))
          : element;
      return record ? [{ property, record }] : [];
    });
  });
  return { evidenceRecords, unreadRecords };
}

/** KeyInfo as it is used: certificates only. What would have to be fetched or followed is refused. */
function readKeyInfo(signature: XmlElement, problems: Problem[]): Uint8Array[] {
  const keyInfo = childNamed(signature, dsNamespace, 'KeyInfo');
  if (childNamed(keyInfo, dsNamespace, 'RetrievalMethod'))
    problems.push({
      severity: 'error',
      code: 'ERR_UNSUPPORTED_FEATURE',
      message: 'RetrievalMethod is not followed',
    });
  for (const serial of childrenNamed(keyInfo, dsNamespace, 'X509Data').flatMap((data) =>
    childrenNamed(data, dsNamespace, 'X509IssuerSerial').flatMap(childElements),
  ))
    if (textOf(serial) === undefined)
      problems.push({
        severity: 'error',
        code: 'ERR_FORMAT_XML',
        message: `${serial.localName} is no plain text`,
      });
  return childrenNamed(keyInfo, dsNamespace, 'X509Data')
    .flatMap((data) => childrenNamed(data, dsNamespace, 'X509Certificate'))
    .map((element) => attempt(problems, 'KeyInfo', () => base64Of(element, 'X509Certificate')))
    .filter((octets) => octets !== undefined);
}

const secondProperties: Problem = {
  severity: 'error',
  code: 'ERR_FORMAT_XML',
  message: 'several SignedProperties in one signature; the first is read',
};

/**
 * One ds:Signature element. What cannot be read of its properties is a problem.
 * @throws FormatError ERR_FORMAT_XML, ERR_FORMAT_LIMIT: no usable SignedInfo or value
 * @see EN 319 132-1 §5
 */
export function readXadesSignature(element: XmlElement): XadesSignature {
  const problems: Problem[] = [];
  const signedInfo = childNamed(element, dsNamespace, 'SignedInfo');
  const valueElement = childNamed(element, dsNamespace, 'SignatureValue');
  if (!signedInfo || !valueElement) throw signatureError('Signature without SignedInfo or value');
  const qualifying = childrenNamed(element, dsNamespace, 'Object').flatMap((object) =>
    childrenNamed(object, xadesNamespaces, 'QualifyingProperties'),
  );
  const signed = qualifying.flatMap((one) =>
    childrenNamed(one, xadesNamespaces, 'SignedProperties'),
  );
  // EN 319 132-1 §4.3.1: one element; a second would be read by some software and signed for none.
  if (signed.length > 1) problems.push(secondProperties);
  const [properties] = signed;
  const signedSignature = childNamed(properties, xadesNamespaces, 'SignedSignatureProperties');
  const signedDataObjects = childrenNamed(
    properties,
    xadesNamespaces,
    'SignedDataObjectProperties',
  );
  const unsigned = qualifying
    .flatMap((one) => childrenNamed(one, xadesNamespaces, 'UnsignedProperties'))
    .flatMap((one) => childrenNamed(one, xadesNamespaces, 'UnsignedSignatureProperties'));
  const signingCertificates =
    attempt(problems, 'SigningCertificate', () => readSigningCertificates(signedSignature)) ?? [];
  const method = attempt(problems, undefined, () => readSignatureMethod(signedInfo));
  const records = readEvidenceRecords(unsigned[0]);
  problems.push(...records.unreadRecords);
  return {
    element,
    id: attributeOf(element, 'Id'),
    signedInfo,
    method,
    signatureMethod: method?.name ?? 'unsupported',
    references: attempt(problems, undefined, () => readReferences(signedInfo)) ?? [],
    signatureValue:
      attempt(problems, undefined, () => base64Of(valueElement, 'SignatureValue')) ??
      new Uint8Array(),
    signatureValueElement: valueElement,
    keyCertificates: readKeyInfo(element, problems),
    signingCertificates,
    signingCertificateUnread:
      signingCertificates.length === 0 &&
      signingCertificateNames.some((name) => childNamed(signedSignature, xadesNamespaces, name)),
    isXades: signed.length > 0,
    signedProperties: signed[0],
    severalSignedProperties: signed.length > 1,
    claimedSigningTime: attempt(problems, undefined, () => readSigningTime(signedSignature)),
    timestamps: readTimestamps([...signedDataObjects, ...unsigned], problems),
    certificates: encapsulated(unsigned, 'EncapsulatedX509Certificate', problems),
    crls: encapsulated(unsigned, 'EncapsulatedCRLValue', problems),
    ocspResponses: encapsulated(unsigned, 'EncapsulatedOCSPValue', problems),
    ...records,
    countersignatures: unsigned
      .flatMap((one) => childrenNamed(one, xadesNamespaces, 'CounterSignature'))
      .flatMap((one) => childrenNamed(one, dsNamespace, 'Signature')),
    problems,
  };
}
