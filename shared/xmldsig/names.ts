// Names of XML Signature: the namespace, transforms that are carried out, signature methods. XML
// Signature 1.1 §6, RFC 9231 §2.3.
export const dsNamespace = 'http://www.w3.org/2000/09/xmldsig#';

export const envelopedSignature = `${dsNamespace}enveloped-signature`;
export const base64Transform = `${dsNamespace}base64`;
export const xpathTransform = 'http://www.w3.org/TR/1999/REC-xpath-19991116';
export const xpathFilter2Transform = 'http://www.w3.org/2002/06/xmldsig-filter2';

/** Types by which a reference says that it is over a part of its own signature. §4.5, §5.1 */
export const objectType = `${dsNamespace}Object`;
export const manifestType = `${dsNamespace}Manifest`;

/** Names of signature methods by URI. XML Signature 1.1 §6.1, RFC 9231 §2.3. */
export const signatureMethods: ReadonlyMap<string, string> = new Map(
  [
    ['http://www.w3.org/2000/09/xmldsig#rsa-sha1', 'RSA with SHA-1'],
    ['http://www.w3.org/2000/09/xmldsig#dsa-sha1', 'DSA with SHA-1'],
    ['http://www.w3.org/2009/xmldsig11#dsa-sha256', 'DSA with SHA-256'],
    ['http://www.w3.org/2001/04/xmldsig-more#rsa-md5', 'RSA with MD5'],
    ['http://www.w3.org/2001/04/xmldsig-more#rsa-ripemd160', 'RSA with RIPEMD-160'],
    ['http://www.w3.org/2007/05/xmldsig-more#rsa-pss', 'RSASSA-PSS'],
    ['http://www.w3.org/2007/05/xmldsig-more#ecdsa-ripemd160', 'ECDSA with RIPEMD-160'],
    ['http://www.w3.org/2001/04/xmldsig-more#ecdsa-ripemd160', 'ECDSA with RIPEMD-160'],
    ['http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519', 'Ed25519'],
    ['http://www.w3.org/2021/04/xmldsig-more#eddsa-ed448', 'Ed448'],
    ['http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1', 'ECDSA with SHA-1'],
    ...['224', '256', '384', '512'].flatMap((size) => [
      [`http://www.w3.org/2001/04/xmldsig-more#rsa-sha${size}`, `RSA with SHA-${size}`],
      [`http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha${size}`, `ECDSA with SHA-${size}`],
      [`http://www.w3.org/2007/05/xmldsig-more#sha${size}-rsa-MGF1`, `RSASSA-PSS with SHA-${size}`],
      [
        `http://www.w3.org/2007/05/xmldsig-more#sha3-${size}-rsa-MGF1`,
        `RSASSA-PSS with SHA3-${size}`,
      ],
      [`http://www.w3.org/2021/04/xmldsig-more#ecdsa-sha3-${size}`, `ECDSA with SHA3-${size}`],
    ]),
    ['http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1', 'RSASSA-PSS with SHA-1'],
  ].map(([uri = '', name = '']): [string, string] => [uri, name]),
);
