// Signs an XML document over itself: policies and trusted lists of tests.
import { sign } from 'node:crypto';
import { toBase64 } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { createCanonicalizer, canonicalMethodOf } from '#shared/xml/canonicalize.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { childNamed } from '#shared/xml/tree.ts';
import { dsNamespace, envelopedSignature } from '#shared/xmldsig/names.ts';
import type { Issued } from './_authority.ts';

const exclusive = 'http://www.w3.org/2001/10/xml-exc-c14n#';

function method() {
  const found = canonicalMethodOf(exclusive);
  if (!found) throw new Error('exclusive canonicalization is gone');
  return found;
}

export type EnvelopedSpec = {
  /** What the one reference names; default: the whole document. */
  readonly uri?: string;
  readonly transforms?: string;
  readonly digestMethod?: string;
  /** Of what the digest is, where it is not the whole document. */
  readonly digestOf?: Uint8Array;
};

/** The document with a signature by this key (P-256) as the root's last child. */
export function signEnveloped(xml: string, signer: Issued, spec: EnvelopedSpec = {}): Uint8Array {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const document = parseXml(encode(xml));
  const covered = spec.digestOf ?? createCanonicalizer(document)(document, method());
  const isSha1 = spec.digestMethod?.endsWith('sha1') ?? false;
  const {
    uri = '',
    transforms = `<ds:Transform Algorithm="${envelopedSignature}"/><ds:Transform Algorithm="${exclusive}"/>`,
    digestMethod = 'http://www.w3.org/2001/04/xmlenc#sha256',
  } = spec;
  const reference = `<ds:Reference URI="${uri}"><ds:Transforms>${transforms}</ds:Transforms><ds:DigestMethod Algorithm="${digestMethod}"/><ds:DigestValue>${toBase64(digest(isSha1 ? 'SHA-1' : 'SHA-256', covered))}</ds:DigestValue></ds:Reference>`;
  const signedInfo = `<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="${exclusive}"/><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"/>${reference}</ds:SignedInfo>`;
  const whole = (value: string): string =>
    xml.replace(
      /<\/[^<>]*>\s*$/,
      (end) =>
        `<ds:Signature xmlns:ds="${dsNamespace}">${signedInfo}<ds:SignatureValue>${value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>${toBase64(signer.certificate.raw)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></ds:Signature>${end}`,
    );
  const unsigned = parseXml(encode(whole('AA==')));
  const element = childNamed(
    childNamed(unsigned.root, dsNamespace, 'Signature'),
    dsNamespace,
    'SignedInfo',
  );
  if (!element) throw new Error('no SignedInfo to sign');
  const value = sign('sha256', createCanonicalizer(unsigned)(element, method()), {
    key: signer.key.privateKey,
    dsaEncoding: 'ieee-p1363',
  });
  return encode(whole(value.toString('base64')));
}
