// What the proxy speaks on TLS, as server and as client: the high security type of the Japanese TLS configuration
// guideline (CRYPTREC GL-3001, version 3.0.1, July 2020; TLS 1.3, and 1.2 by choice). Data alone. A subset: finite-field
// Diffie-Hellman, CCM and Camellia are allowed there and not offered here.

/** Suites of TLS 1.3 (RFC 8446 §B.4), strongest first. */
export const tls13Suites = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
] as const;

/** Suites of TLS 1.2 by their OpenSSL names: ephemeral elliptic curves and authenticated encryption, nothing else. */
export const tls12Suites = [
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
] as const;

/** Groups of the key exchange, 256 bits or more. */
export const tlsGroups = ['X25519', 'P-256', 'P-384', 'P-521'] as const;

/** Signature algorithms of handshakes and certificates (RFC 8446 §4.2.3): no SHA-1, no DSA. */
export const tlsSignatureAlgorithms = [
  'ecdsa_secp256r1_sha256',
  'ecdsa_secp384r1_sha384',
  'ecdsa_secp521r1_sha512',
  'ed25519',
  'rsa_pss_rsae_sha256',
  'rsa_pss_rsae_sha384',
  'rsa_pss_rsae_sha512',
  'rsa_pss_pss_sha256',
  'rsa_pss_pss_sha384',
  'rsa_pss_pss_sha512',
  'rsa_pkcs1_sha256',
  'rsa_pkcs1_sha384',
  'rsa_pkcs1_sha512',
] as const;

/** The table as node:tls takes it. `tls12` allows the older version beside the newer one. */
export function tlsSettings(options: { readonly tls12: boolean }) {
  return {
    minVersion: options.tls12 ? 'TLSv1.2' : 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ciphers: [...tls13Suites, ...(options.tls12 ? tls12Suites : [])].join(':'),
    ecdhCurve: tlsGroups.join(':'),
    sigalgs: tlsSignatureAlgorithms.join(':'),
  } as const;
}
