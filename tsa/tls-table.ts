// What the proxy speaks on TLS, as server and as client: the high security type of the Japanese TLS configuration
// guideline (CRYPTREC GL-3001, version 3.0.1, July 2020; TLS 1.3, and 1.2 by choice). Data alone: each row with what
// defines it and why it is there. A subset: finite-field Diffie-Hellman, CCM and Camellia are allowed there and not
// offered here.
//
// Read of the guideline: its published summaries (https://www.ipa.go.jp/security/vuln/ssl_crypt_config.html) and
// accounts of its checklist: forward secrecy (DHE from 2048 bits, ECDHE from 256 bits; from 3.1.0 on "curves of 128
// bits of security, such as P-256 and Curve25519", which the groups below are as well), AES or Camellia of 128 or 256
// bits and ChaCha20-Poly1305 with authentication, certificates of RSA from 2048 or ECDSA from 256 bits, SHA-256 or
// longer. Not read: its own table of suites, row by row.

type Row<Name extends string> = {
  readonly name: Name;
  /** What defines it. */
  readonly defined: string;
  /** Which demand of the guideline it meets. */
  readonly demand: string;
};

const row = <Name extends string>(name: Name, defined: string, demand: string): Row<Name> => ({
  name,
  defined,
  demand,
});

const authenticated = 'authenticated encryption of 128 bits or more';
const forwardSecret = 'ECDHE and authenticated encryption of 128 bits or more';
const wideGroup = 'ECDHE of 256 bits or more';
const ecdsa = 'ECDSA of 256 bits or more with SHA-256 or longer';
const rsa = 'RSA of 2048 bits or more with SHA-256 or longer';

/** Every row, strongest first within its kind. */
export const tlsTable = {
  /** Suites of TLS 1.3. */
  suites13: [
    row('TLS_AES_256_GCM_SHA384', 'RFC 8446 §B.4', authenticated),
    row('TLS_CHACHA20_POLY1305_SHA256', 'RFC 8446 §B.4', authenticated),
    row('TLS_AES_128_GCM_SHA256', 'RFC 8446 §B.4', authenticated),
  ],
  /** Suites of TLS 1.2 by their OpenSSL names: ephemeral elliptic curves and authenticated encryption, nothing else. */
  suites12: [
    row('ECDHE-ECDSA-AES256-GCM-SHA384', 'RFC 5289 §3.2', forwardSecret),
    row('ECDHE-RSA-AES256-GCM-SHA384', 'RFC 5289 §3.2', forwardSecret),
    row('ECDHE-ECDSA-CHACHA20-POLY1305', 'RFC 7905 §2', forwardSecret),
    row('ECDHE-RSA-CHACHA20-POLY1305', 'RFC 7905 §2', forwardSecret),
    row('ECDHE-ECDSA-AES128-GCM-SHA256', 'RFC 5289 §3.2', forwardSecret),
    row('ECDHE-RSA-AES128-GCM-SHA256', 'RFC 5289 §3.2', forwardSecret),
  ],
  /** Groups of the key exchange. */
  groups: [
    row('X25519', 'RFC 8446 §4.2.7, RFC 7748', wideGroup),
    row('P-256', 'RFC 8446 §4.2.7 (secp256r1)', wideGroup),
    row('P-384', 'RFC 8446 §4.2.7 (secp384r1)', wideGroup),
    row('P-521', 'RFC 8446 §4.2.7 (secp521r1)', wideGroup),
  ],
  /** Signature algorithms of handshakes and certificates: no SHA-1, no DSA. */
  signatureAlgorithms: [
    row('ecdsa_secp256r1_sha256', 'RFC 8446 §4.2.3', ecdsa),
    row('ecdsa_secp384r1_sha384', 'RFC 8446 §4.2.3', ecdsa),
    row('ecdsa_secp521r1_sha512', 'RFC 8446 §4.2.3', ecdsa),
    // Not named there; as strong as P-256, and on the CRYPTREC list of 2023.
    row('ed25519', 'RFC 8446 §4.2.3, RFC 8032', 'the strength of ECDSA of 256 bits'),
    row('rsa_pss_rsae_sha256', 'RFC 8446 §4.2.3', rsa),
    row('rsa_pss_rsae_sha384', 'RFC 8446 §4.2.3', rsa),
    row('rsa_pss_rsae_sha512', 'RFC 8446 §4.2.3', rsa),
    row('rsa_pss_pss_sha256', 'RFC 8446 §4.2.3', rsa),
    row('rsa_pss_pss_sha384', 'RFC 8446 §4.2.3', rsa),
    row('rsa_pss_pss_sha512', 'RFC 8446 §4.2.3', rsa),
    // In TLS 1.3 on certificates alone.
    row('rsa_pkcs1_sha256', 'RFC 8446 §4.2.3', rsa),
    row('rsa_pkcs1_sha384', 'RFC 8446 §4.2.3', rsa),
    row('rsa_pkcs1_sha512', 'RFC 8446 §4.2.3', rsa),
  ],
} as const;

const namesOf = <Name extends string>(rows: readonly Row<Name>[]): readonly Name[] =>
  rows.map(({ name }) => name);

export const tls13Suites = namesOf(tlsTable.suites13);
export const tls12Suites = namesOf(tlsTable.suites12);
export const tlsGroups = namesOf(tlsTable.groups);
export const tlsSignatureAlgorithms = namesOf(tlsTable.signatureAlgorithms);

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
