// What the imprint of a XAdES timestamp is over: the octets in their order, and the elements that they
// are made from. EN 319 132-1 V1.2.1 §5.2.8, §5.3, §5.5.2, Annex A.1.5; TS 101 903 V1.3.2 §7.7.1 for
// archive timestamps of that version. It compares nothing.
import { UnsupportedError } from '#shared/errors.ts';
import { xadesEvidenceNamespace, xadesNamespaces } from '#shared/xades/names.ts';
import type { XadesSignature, XadesTimestamp } from '#shared/xades/read.ts';
import type { CanonicalMethod } from '#shared/xml/canonicalize.ts';
import {
  type XmlElement,
  attributeOf,
  childElements,
  childNamed,
  childrenNamed,
  isElement,
} from '#shared/xml/tree.ts';
import { dsNamespace } from '#shared/xmldsig/names.ts';
import { type ReferencedData, type SignedDocument, octetsOf } from '#shared/xmldsig/process.ts';
import {
  type XmlReference,
  canonicalizationMethodIn,
  elementOfId,
  signatureError,
} from '#shared/xmldsig/references.ts';

export type ImprintSource = {
  readonly home: SignedDocument;
  /** The reference processing model; `undefined`: what it is over is not at hand. */
  readonly process: (reference: XmlReference) => ReferencedData | undefined;
};

export type TimestampedInput = {
  /** In the order in which they are digested; absent: something is not at hand. */
  readonly parts: readonly Uint8Array[] | undefined;
  /** Elements of the signature that are covered, as a whole. */
  readonly elements: readonly XmlElement[];
  /** The same and what the clause does not name but some digest as well: it may be over either. */
  readonly wider?: TimestampedInput | undefined;
};

/** Unsigned properties over which an archive timestamp of TS 101 903 V1.3.2 is. §7.7.1 */
const archivedProperties = [
  'SignatureTimeStamp',
  'CounterSignature',
  'CompleteCertificateRefs',
  'CompleteRevocationRefs',
  'AttributeCertificateRefs',
  'AttributeRevocationRefs',
  'CertificateValues',
  'RevocationValues',
  'AttrAuthoritiesCertValues',
  'AttributeRevocationValues',
  'SigAndRefsTimeStamp',
  'RefsOnlyTimeStamp',
  'ArchiveTimeStamp',
];

/** References to validation data. TS 101 903 V1.3.2 §7.5; in the second edition EN 319 132-1 A.1.1 to A.1.4 */
const referenceProperties = {
  first: [
    'CompleteCertificateRefs',
    'CompleteRevocationRefs',
    'AttributeCertificateRefs',
    'AttributeRevocationRefs',
  ],
  second: [
    'CompleteCertificateRefsV2',
    'CompleteRevocationRefs',
    'AttributeCertificateRefsV2',
    'AttributeRevocationRefs',
  ],
} as const;

const xades141 = 'http://uri.etsi.org/01903/v1.4.1#';

/** Properties that stand before this one among its siblings. */
function propertiesBefore(element: XmlElement): XmlElement[] {
  const siblings = element.parent ? childElements(element.parent) : [];
  return siblings.slice(0, siblings.indexOf(element));
}

function isNamed(element: XmlElement, names: readonly string[]): boolean {
  return names.some((name) => isElement(element, xadesNamespaces, name));
}

type Part = {
  /** Absent: not at hand. */
  readonly octets: Uint8Array | undefined;
  readonly element?: XmlElement | undefined;
  readonly isNamed: boolean;
};

function inputOf(parts: readonly Part[]): TimestampedInput {
  const octets = parts.map((part) => part.octets).filter((one) => one !== undefined);
  return {
    parts: octets.length === parts.length ? octets : undefined,
    elements: parts.map(({ element }) => element).filter((element) => element !== undefined),
  };
}

/** One timestamp's input in the making. */
class ImprintBuilder {
  readonly #source: ImprintSource;
  readonly #method: CanonicalMethod;
  readonly #parts: Part[] = [];

  constructor(source: ImprintSource, method: CanonicalMethod) {
    this.#source = source;
    this.#method = method;
  }

  /** Each element canonicalized by itself. `isNamed`: whether the clause names it. */
  add(
    elements: readonly (XmlElement | undefined)[],
    isNamed: (element: XmlElement) => boolean = () => true,
  ): this {
    for (const element of elements) {
      if (!element) continue;
      const octets = this.#source.home.canonicalize(element, this.#method);
      this.#parts.push({ octets, element, isNamed: isNamed(element) });
    }
    return this;
  }

  /** What each reference is over; nodes are canonicalized as the timestamp says. §5.2.8.2 */
  addReferenced(references: readonly XmlReference[]): this {
    for (const reference of references) {
      const data = this.#source.process(reference);
      this.#parts.push({ octets: data && octetsOf(data, this.#method), isNamed: true });
    }
    return this;
  }

  result(): TimestampedInput {
    const named = this.#parts.filter((part) => part.isNamed);
    const input = inputOf(named);
    return named.length === this.#parts.length ? input : { ...input, wider: inputOf(this.#parts) };
  }
}

/** §5.2.8.3: each Include names a reference; without referencedData the ds:Reference itself is covered. */
function addIncluded(
  builder: ImprintBuilder,
  timestamp: XadesTimestamp,
  signature: XadesSignature,
  { home }: ImprintSource,
): ImprintBuilder {
  const includes = childrenNamed(timestamp.element, xadesNamespaces, 'Include');
  if (includes.length === 0) throw signatureError('IndividualDataObjectsTimeStamp without Include');
  for (const include of includes) {
    const uri = attributeOf(include, 'URI') ?? '';
    const element = elementOfId(uri.replace(/^#/, ''), uri, home.ids);
    const reference = signature.references.find((one) => one.element === element);
    if (!reference) throw signatureError(`Include of ${JSON.stringify(uri)}, no reference`);
    if (/^(?:true|1)$/.test(attributeOf(include, 'referencedData') ?? ''))
      builder.addReferenced([reference]);
    else builder.add([element]);
  }
  return builder;
}

/** §5.5.2.2: everything before the timestamp, in the order in which it stands. */
function addArchived(
  builder: ImprintBuilder,
  property: XmlElement,
  { element, references }: XadesSignature,
): ImprintBuilder {
  const part = (name: string): XmlElement | undefined => childNamed(element, dsNamespace, name);
  const before = propertiesBefore(property);
  const isCurrent =
    property.namespace === xades141 || property.namespace === xadesEvidenceNamespace;
  const uris = new Set(references.map(({ uri }) => uri));
  const objects = childrenNamed(element, dsNamespace, 'Object').filter(
    (object) =>
      !childNamed(object, xadesNamespaces, 'QualifyingProperties') &&
      // V1.3.2 §7.7.1: what a reference is over has been digested already.
      (isCurrent || !uris.has(`#${attributeOf(object, 'Id') ?? ''}`)),
  );
  return (
    builder
      .addReferenced(references)
      .add([part('SignedInfo'), part('SignatureValue'), part('KeyInfo')])
      // Both in the order in which they stand: V1.3.2 lists them in the order of its schema, and does not know
      // those of later versions, such as TimeStampValidationData.
      .add(before, (one) => isCurrent || isNamed(one, archivedProperties))
      .add(objects)
  );
}

/**
 * What a timestamp says explicitly that it covers has to be what its kind covers; else the name would
 * say one thing and the imprint another. TS 101 903 V1.3.2 §7.1.4.3.1
 */
function checkExplicit(
  { element, type }: XadesTimestamp,
  { signatureValueElement }: XadesSignature,
  { home }: ImprintSource,
): void {
  if (type === 'individual-data-objects') return;
  const includes = childrenNamed(element, xadesNamespaces, 'Include');
  const uri = attributeOf(includes[0], 'URI') ?? '';
  const isSignatureValue =
    type === 'signature' &&
    includes.length === 1 &&
    elementOfId(uri.replace(/^#/, ''), uri, home.ids) === signatureValueElement;
  const other = isSignatureValue
    ? undefined
    : (includes[0] ?? childNamed(element, xadesNamespaces, 'HashDataInfo'));
  if (other)
    throw new UnsupportedError(
      'ERR_UNSUPPORTED_FEATURE',
      `${element.localName} that lists what it covers by ${other.localName}`,
      { feature: other.localName },
    );
}

/**
 * The octets that a timestamp's imprint has to be over.
 * @throws FormatError ERR_FORMAT_XML, ERR_FORMAT_LIMIT; UnsupportedError: a canonicalization, transform
 *   or mechanism that is not carried out
 * @see EN 319 132-1 §5.2.8, §5.3, §5.5.2, A.1.5
 */
export function timestampedInput(
  timestamp: XadesTimestamp,
  signature: XadesSignature,
  source: ImprintSource,
): TimestampedInput {
  const { element, type } = timestamp;
  const builder = new ImprintBuilder(source, canonicalizationMethodIn(element));
  checkExplicit(timestamp, signature, source);
  const value = signature.signatureValueElement;
  const before = propertiesBefore(element);
  const edition = element.localName.endsWith('V2') ? 'second' : 'first';
  const references = referenceProperties[edition];
  switch (type) {
    case 'signature':
      return builder.add([value]).result();
    case 'all-data-objects':
      return builder
        .addReferenced(signature.references.filter((one) => !isSignedPropertiesType(one.type)))
        .result();
    case 'individual-data-objects':
      return addIncluded(builder, timestamp, signature, source).result();
    case 'validation-data':
      return builder
        .add([value])
        .add(before.filter((one) => isNamed(one, ['SignatureTimeStamp', ...references])))
        .result();
    case 'references-only':
      return builder.add(before.filter((one) => isNamed(one, references))).result();
    case 'archive':
      return addArchived(builder, element, signature).result();
  }
}

/**
 * What a record that seals the signature is over: each part is a data object of one group. All is canonicalized as
 * SignedInfo is.
 * @throws FormatError ERR_FORMAT_XML, ERR_FORMAT_LIMIT; UnsupportedError: a canonicalization that is not
 *   carried out, or a signed Manifest, whose entries would be parts, too
 * @see TS 119 132-3 §5.2
 */
export function sealedInput(
  property: XmlElement,
  signature: XadesSignature,
  source: ImprintSource,
): TimestampedInput {
  if (signature.references.some(({ type }) => type?.endsWith('#Manifest')))
    throw new UnsupportedError(
      'ERR_UNSUPPORTED_FEATURE',
      'a record that seals a signature over a Manifest',
      { feature: 'Manifest' },
    );
  const signedInfo = childNamed(signature.element, dsNamespace, 'SignedInfo');
  if (!signedInfo) throw signatureError('no SignedInfo');
  const builder = new ImprintBuilder(source, canonicalizationMethodIn(signedInfo));
  return addArchived(builder, property, signature).result();
}

/** Whether a reference says that it is over the signed properties, in any version of XAdES. §4.4.2 */
export function isSignedPropertiesType(type: string | undefined): boolean {
  return type?.endsWith('#SignedProperties') ?? false;
}
