// Corpus `tsp`: which of our checks answers to which reason of the manifest, and the choices that we
// made where good implementations differ (docs/standards.md, "Timestamp tokens").

/** A refusal is right when one of these checks is among the findings. The first row that fits counts. */
export const checksOfReason: readonly (readonly [RegExp, readonly string[]])[] = [
  // the answer
  [/^(bytes after TimeStampResp|a second TimeStampResp|third element)/, ['response-format']],
  [
    /^(bare token where|empty body|HTML|Base64|PEM|JSON|cut after|outer |response inside)/,
    ['response-format'],
  ],
  [/malformed response|^status is an integer of/, ['response-format']],
  [/^status 2\^32/, ['response-format', 'response-status']],
  [
    /^rejection|^status |^undefined status|^waiting together|^revocationWarning/,
    ['response-status'],
  ],
  [/PKIStatus rejection/, ['response-status']],
  [/^granted without token/, ['response-token']],
  // the frame of the token
  [/^bytes after the token|^TimeStampResp where a token/, ['token-format']],
  [/^eContentType|^no eContent|ContentInfo type/, ['token-format']],
  [/SET OF attributes presented as content/, ['signed-attributes-present', 'token-format']],
  [
    /two valid signers|valid and an invalid signer|SignerInfo twice|two signers|no signer$/,
    ['one-signer'],
  ],
  [/bag does not parse/, ['token-format', 'signer-certificate', 'signing-certificate']],
  // TSTInfo
  [/^TSTInfo (without|is a SET)|^empty TSTInfo/, ['token-format']],
  [
    /^(local time|offset|UTCTime|30 February|hour 24|month 0|letters|empty genTime)/,
    ['token-format'],
  ],
  [/micros before millis|seconds twice|unknown field \[2\]/, ['token-format']],
  [/^version [02]$|TSTInfo version 2$/, ['tst-info-version']],
  [
    /^imprint of other data|^imprint differs|data differs from|^right digest value|stamps SHA-512/,
    ['imprint'],
  ],
  [/^imprint cut|^imprint with one byte|^empty imprint$/, ['imprint-length']],
  [/^unknown digest algorithm$|OID is no digest/, ['imprint-algorithm']],
  [/nonce|IEEE double/, ['nonce']],
  [/a good response to another request/, ['nonce', 'imprint']],
  [/^unknown critical extension$/, ['tst-info-extensions', 'critical-extensions']],
  [/^(another policy|policy is a child)/, ['tsa-policy']],
  // the signer
  [/attributes? altered/, ['signature', 'token-format', 'content-type', 'message-digest']],
  [
    /signing certificate attribute only|^no signing certificate attribute/,
    ['signing-certificate-attribute'],
  ],
  [/signed attributes/, ['signed-attributes-present', 'signature']],
  [/content-type attribute/, ['content-type']],
  [/message-digest/, ['message-digest']],
  [/TSTInfo changed after signing|one byte changed in info/, ['message-digest', 'token-format']],
  [/same issuer and serial with another key/, ['signing-certificate']],
  [/of nobody|of the signer wrong/, ['signer-certificate']],
  [/in issuerSerial wrong/, ['signing-certificate-issuer-serial']],
  [
    /^signingCertificateV2|signingCertificate malformed|GeneralName tag/,
    ['signing-certificate-attribute', 'signature'],
  ],
  [/^v[12]\b|ESSCertIDv2 hash/, ['signing-certificate']],
  [/signatureAlgorithm/, ['signature', 'signature-algorithm']],
  [/signature/i, ['signature', 'certificate-signature', 'path-to-anchor']],
  [/one byte changed in sig|another key$|PSS parameters/, ['signature']],
  [/^certificates asked for/, ['cert-req']],
  // the path
  [/key usage|purpose|^anyExtendedKeyUsage|anyExtendedKeyUsage$/, ['extended-key-usage']],
  [/^keyEncipherment only/, ['key-usage']],
  [/^certificate (ended|begins)|expired at genTime/, ['gen-time-within-validity']],
  [
    /not trusted|name of the trusted root|not in the trusted root|self-signed|neither in the token/,
    ['path-to-anchor', 'signer-certificate'],
  ],
  [/without basicConstraints/, ['basic-constraints']],
  [/without keyCertSign/, ['key-cert-sign']],
  [/^pathLen/, ['path-length']],
  [/name constraints/, ['name-constraints']],
];

/** Where readings differ: a case of ours that deviates from the manifest rests on one of these. */
export const choices: readonly {
  readonly reason?: RegExp;
  /** The one check that refuses what the manifest would accept. */
  readonly check?: string;
  readonly choice: string;
}[] = [
  { check: 'issuer-purpose', choice: 'purpose of an issuing CA' },
  { reason: /genTime two days behind/, choice: 'age of stored tokens' },
  { reason: /ordering FALSE encoded|default SHA-256 encoded/, choice: 'defaults written out' },
  {
    reason: /constructed OCTET STRING|outer length in five|indefinite length/,
    choice: 'BER around what is signed',
  },
  { reason: /SignedData version|SignerInfo version/, choice: 'version numbers' },
  { reason: /digestAlgorithms empty/, choice: 'digestAlgorithms' },
  { reason: /private key usage period/, choice: 'private key usage period' },
  { reason: /ML-DSA-65 with NULL parameters/, choice: 'parameters that should be absent' },
  { reason: /nonce of 64 KiB/, choice: 'size of a query' },
];
