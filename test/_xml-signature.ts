// XML signatures for tests, as text: enough for a reader. Their values sign nothing.
import { toBase64 } from '#shared/bytes.ts';
import { testSigner } from './_cms.ts';

export type TestXmlSignature = {
  readonly references?: string;
  readonly method?: string;
  readonly keyInfo?: string;
  readonly unsigned?: string;
  readonly signedProperties?: string;
  readonly id?: string;
};

const ds = 'http://www.w3.org/2000/09/xmldsig#';

/** One ds:Reference by URI, with the transforms given. */
export function xmlReference(uri: string, transforms = '', digest = 'AA=='): string {
  return `<ds:Reference URI="${uri}"><ds:Transforms>${transforms}</ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>${digest}</ds:DigestValue></ds:Reference>`;
}

export const enveloped = `<ds:Transform Algorithm="${ds}enveloped-signature"/>`;

export function xmlSignature(spec: TestXmlSignature = {}): string {
  const {
    references = xmlReference('', enveloped),
    method = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    keyInfo = `<ds:X509Data><ds:X509Certificate>${toBase64(testSigner.certificate.raw)}</ds:X509Certificate></ds:X509Data>`,
    id = 'sig',
  } = spec;
  const properties =
    spec.signedProperties === undefined
      ? ''
      : `<ds:Object><x:QualifyingProperties xmlns:x="http://uri.etsi.org/01903/v1.3.2#"><x:SignedProperties Id="sp"><x:SignedSignatureProperties>${spec.signedProperties}</x:SignedSignatureProperties></x:SignedProperties><x:UnsignedProperties><x:UnsignedSignatureProperties>${spec.unsigned ?? ''}</x:UnsignedSignatureProperties></x:UnsignedProperties></x:QualifyingProperties></ds:Object>`;
  return `<ds:Signature xmlns:ds="${ds}" Id="${id}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="${method}"/>${references}</ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValue><ds:KeyInfo>${keyInfo}</ds:KeyInfo>${properties}</ds:Signature>`;
}

/** A document with one element to refer to and the signature. */
export function signedXml(spec: TestXmlSignature = {}, body = '<item Id="b">1</item>'): Uint8Array {
  return new TextEncoder().encode(`<doc>${body}${xmlSignature(spec)}</doc>`);
}
