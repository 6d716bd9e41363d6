// Names of XML Signature: the namespace, transforms that are carried out, types of references. XML
// Signature 1.1 §4.4.3, §6.6.
export const dsNamespace = 'http://www.w3.org/2000/09/xmldsig#';

export const envelopedSignature = `${dsNamespace}enveloped-signature`;
export const base64Transform = `${dsNamespace}base64`;
export const xpathTransform = 'http://www.w3.org/TR/1999/REC-xpath-19991116';
export const xpathFilter2Transform = 'http://www.w3.org/2002/06/xmldsig-filter2';

/** Types by which a reference says that it is over a part of its own signature. §4.5, §5.1 */
export const objectType = `${dsNamespace}Object`;
export const manifestType = `${dsNamespace}Manifest`;
