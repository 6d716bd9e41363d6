// Namespaces and element names of XML signatures and XAdES. XML Signature 1.1; EN 319 132-1 Annex; the
// older XAdES versions that old documents still carry.
export const dsNamespace = 'http://www.w3.org/2000/09/xmldsig#';

export const xadesNamespaces = [
  'http://uri.etsi.org/01903/v1.3.2#',
  'http://uri.etsi.org/01903/v1.4.1#',
  'http://uri.etsi.org/01903/v1.2.2#',
  'http://uri.etsi.org/01903/v1.1.1#',
] as const;

/** TS 119 132-3: evidence records in XAdES. */
export const xadesEvidenceNamespace = 'http://uri.etsi.org/19132/v1.1.1#';

export type XadesTimestampType =
  | 'signature'
  | 'references-only'
  | 'validation-data'
  | 'archive'
  | 'all-data-objects'
  | 'individual-data-objects';

/** What a timestamp container's name says. EN 319 132-1 §5.2, §5.3, §5.5 and Annex A. */
export const timestampTypes: ReadonlyMap<string, XadesTimestampType> = new Map([
  ['AllDataObjectsTimeStamp', 'all-data-objects'],
  ['IndividualDataObjectsTimeStamp', 'individual-data-objects'],
  ['SignatureTimeStamp', 'signature'],
  ['RefsOnlyTimeStamp', 'references-only'],
  ['RefsOnlyTimeStampV2', 'references-only'],
  ['SigAndRefsTimeStamp', 'validation-data'],
  ['SigAndRefsTimeStampV2', 'validation-data'],
  ['ArchiveTimeStamp', 'archive'],
]);

/** Transforms that a reader can undo without running what a document says. */
export const plainTransforms: ReadonlySet<string> = new Set([
  'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
  'http://www.w3.org/2000/09/xmldsig#base64',
  'http://www.w3.org/TR/2001/REC-xml-c14n-20010315',
  'http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments',
  'http://www.w3.org/2006/12/xml-c14n11',
  'http://www.w3.org/2006/12/xml-c14n11#WithComments',
  'http://www.w3.org/2001/10/xml-exc-c14n#',
  'http://www.w3.org/2001/10/xml-exc-c14n#WithComments',
]);

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
