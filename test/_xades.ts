// XAdES signatures for tests that hold: digests, value and imprints over canonical forms made by libxml2,
// so that nothing of the product judges itself.
import { createHash } from 'node:crypto';
import { toBase64 } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { buildMessageImprint } from '#shared/tsp/build-token.ts';
import type { CanonicalMethod } from '#shared/xml/canonicalize.ts';
import { type Issued, issueSigner } from './_authority.ts';
import { testRoot } from './_cms.ts';
import { freshKey } from './_keys.ts';
import { createTsu, issueToken, type TestTsu } from './_tsu.ts';
import { canonicalizeFound } from './shared/xml/_libxml2.ts';

const ds = 'http://www.w3.org/2000/09/xmldsig#';
const xades = 'http://uri.etsi.org/01903/v1.3.2#';
const exclusiveUri = 'http://www.w3.org/2001/10/xml-exc-c14n#';
const exclusive: CanonicalMethod = { edition: 'exclusive', comments: false };
const sha256 = 'http://www.w3.org/2001/04/xmlenc#sha256';

export const xadesSigner = issueSigner(testRoot, { key: freshKey('RSA-2048') });
export const xadesTsu = createTsu();

export type TestXades = {
  readonly signer?: Issued;
  readonly method?: string;
  readonly signingTime?: string;
  /** Signed data object properties, as text. */
  readonly dataObjectProperties?: (text: string) => string;
  /** The element that is signed; it has the Id `data`. */
  readonly data?: string;
  readonly transforms?: string;
  /** Put in the ds:Object beside the properties. */
  readonly objects?: string;
  readonly certificateDigest?: Uint8Array;
  /** In a SigningCertificate of the first edition. */
  readonly secondCertificateDigest?: Uint8Array;
  /** In place of the reference to the signed properties. */
  readonly propertiesReference?: string;
  /** Inside of SignatureMethod. */
  readonly methodParameters?: string;
};

function sha256Of(octets: Uint8Array): string {
  return createHash('sha256').update(octets).digest('base64');
}

function reference(uri: string, transforms: string, value: string, rest = ''): string {
  return `<ds:Reference Id="r-${uri.slice(1)}" URI="${uri}"${rest}><ds:Transforms>${transforms}</ds:Transforms><ds:DigestMethod Algorithm="${sha256}"/><ds:DigestValue>${value}</ds:DigestValue></ds:Reference>`;
}

const byId = (id: string): string => `//*[@Id='${id}']`;
const named = (name: string): string => `//*[local-name()='${name}']`;

export function canonicalOf(text: string, name: string, method = exclusive): Buffer {
  return canonicalizeFound(text, named(name), method);
}

/** A document with a signature over one of its elements and its own properties. */
export function signXades(spec: TestXades = {}): string {
  const { signer = xadesSigner, method = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256' } =
    spec;
  const c14n = `<ds:Transform Algorithm="${exclusiveUri}"/>`;
  const certificate = signer.certificate.raw;
  const second =
    spec.secondCertificateDigest &&
    `<x:SigningCertificate><x:Cert><x:CertDigest><ds:DigestMethod Algorithm="${sha256}"/><ds:DigestValue>${toBase64(spec.secondCertificateDigest)}</ds:DigestValue></x:CertDigest></x:Cert></x:SigningCertificate>`;
  const overProperties =
    spec.propertiesReference ??
    reference('#sp', c14n, '@PROPERTIES@', ' Type="http://uri.etsi.org/01903#SignedProperties"');
  const signedProperties = `<x:SignedProperties Id="sp"><x:SignedSignatureProperties><x:SigningTime>${spec.signingTime ?? '2026-02-03T04:05:06Z'}</x:SigningTime><x:SigningCertificateV2><x:Cert><x:CertDigest><ds:DigestMethod Algorithm="${sha256}"/><ds:DigestValue>${toBase64(spec.certificateDigest ?? digest('SHA-256', certificate))}</ds:DigestValue></x:CertDigest></x:Cert></x:SigningCertificateV2>${second ?? ''}</x:SignedSignatureProperties>@OBJECTS@</x:SignedProperties>`;
  let text = `<doc xmlns="urn:doc">${spec.data ?? '<item Id="data" b="1" a="2">one</item>'}<ds:Signature xmlns:ds="${ds}" Id="sig"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="${exclusiveUri}"/><ds:SignatureMethod Algorithm="${method}">${spec.methodParameters ?? ''}</ds:SignatureMethod>${reference('#data', spec.transforms ?? c14n, '@DATA@')}${overProperties}</ds:SignedInfo><ds:SignatureValue Id="value">@VALUE@</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${toBase64(certificate)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo><ds:Object><x:QualifyingProperties xmlns:x="${xades}" Target="#sig">${signedProperties}<x:UnsignedProperties><x:UnsignedSignatureProperties></x:UnsignedSignatureProperties></x:UnsignedProperties></x:QualifyingProperties></ds:Object>${spec.objects ?? ''}</ds:Signature></doc>`;
  const objects = spec.dataObjectProperties?.(text) ?? '';
  text = text.replace(
    '@OBJECTS@',
    `<x:SignedDataObjectProperties>${objects}</x:SignedDataObjectProperties>`,
  );
  text = text.replace('@DATA@', sha256Of(canonicalizeFound(text, byId('data'), exclusive)));
  text = text.replace('@PROPERTIES@', sha256Of(canonicalizeFound(text, byId('sp'), exclusive)));
  const value = signer.key.sign(canonicalOf(text, 'SignedInfo'));
  return text.replace('@VALUE@', toBase64(value));
}

export type TestXadesTimestamp = {
  readonly tsu?: TestTsu;
  readonly genTime?: Temporal.Instant;
  readonly namespace?: string;
  readonly before?: string;
  /** A token over the imprint (SHA-256), in place of one of `tsu`. */
  readonly stamp?: ((imprint: Uint8Array) => Uint8Array) | undefined;
};

/** One timestamp container over these octets. */
export function xadesTimestamp(
  name: string,
  parts: readonly Uint8Array[],
  { tsu = xadesTsu, genTime, namespace = xades, before = '', stamp }: TestXadesTimestamp = {},
): string {
  const imprint = digest('SHA-256', ...parts);
  const token =
    stamp?.(imprint) ??
    issueToken(tsu, {
      messageImprint: buildMessageImprint('SHA-256', imprint),
      ...(genTime && { genTime }),
    });
  return `<t:${name} xmlns:t="${namespace}">${before}<ds:CanonicalizationMethod xmlns:ds="${ds}" Algorithm="${exclusiveUri}"/><x:EncapsulatedTimeStamp xmlns:x="${xades}">${toBase64(token)}</x:EncapsulatedTimeStamp></t:${name}>`;
}

/** The document with one more unsigned property, the last. */
export function withUnsigned(text: string, property: string): string {
  return text.replace(
    '</x:UnsignedSignatureProperties>',
    `${property}</x:UnsignedSignatureProperties>`,
  );
}

export const xades141 = 'http://uri.etsi.org/01903/v1.4.1#';

export type TestArchivedXades = TestXades & {
  readonly archive?: TestXadesTimestamp & { readonly is132?: boolean };
  readonly signatureStamp?: TestXadesTimestamp['stamp'];
  readonly certificates?: readonly Uint8Array[];
  readonly crls?: readonly Uint8Array[];
  /** TimeStampValidationData before the archive timestamp, which is over it or not. */
  readonly validationData?: 'covered' | 'beside';
};

const encapsulated = (name: string, values: readonly Uint8Array[]): string =>
  values.map((octets) => `<x:${name}>${toBase64(octets)}</x:${name}>`).join('');

export function revocationValues(crls: readonly Uint8Array[]): string {
  return `<x:RevocationValues><x:CRLValues>${encapsulated('EncapsulatedCRLValue', crls)}</x:CRLValues></x:RevocationValues>`;
}

/** Signature, signature timestamp, validation data and an archive timestamp over all of it. */
export function archivedXades(spec: TestArchivedXades = {}): string {
  const signed = signXades(spec);
  const stamped = withUnsigned(
    signed,
    xadesTimestamp('SignatureTimeStamp', [canonicalOf(signed, 'SignatureValue')], {
      stamp: spec.signatureStamp,
    }),
  );
  const { certificates = [testRoot.certificate.raw], crls = [] } = spec;
  const full = withUnsigned(
    stamped,
    `<x:CertificateValues>${encapsulated('EncapsulatedX509Certificate', certificates)}</x:CertificateValues>${revocationValues(crls)}${spec.validationData ? `<v:TimeStampValidationData xmlns:v="${xades141}"/>` : ''}`,
  );
  const parts = [
    canonicalizeFound(full, byId('data'), exclusive),
    canonicalizeFound(full, byId('sp'), exclusive),
    ...[
      'SignedInfo',
      'SignatureValue',
      'KeyInfo',
      'SignatureTimeStamp',
      'CertificateValues',
      'RevocationValues',
      ...(spec.validationData === 'covered' ? ['TimeStampValidationData'] : []),
    ].map((name) => canonicalOf(full, name)),
    ...(spec.objects === undefined
      ? []
      : [canonicalizeFound(full, "//*[local-name()='Object'][2]", exclusive)]),
  ];
  const { is132, ...archive } = spec.archive ?? {};
  return withUnsigned(
    full,
    xadesTimestamp('ArchiveTimeStamp', parts, {
      ...(!is132 && { namespace: xades141 }),
      ...archive,
    }),
  );
}
