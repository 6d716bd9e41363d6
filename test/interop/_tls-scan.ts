// What a TLS scan asks for: every version, suite, group and signature algorithm that this OpenSSL knows, with what the
// table says of it; and servers with keys of every kind.
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { promisify } from 'node:util';
import { oids } from '#shared/oid.ts';
import { tls12Suites, tls13Suites, tlsGroups, tlsSignatureAlgorithms } from '#tsa/tls-table.ts';
import { issueCertificate, type Issued } from '../_authority.ts';
import { extendedKeyUsage, keyUsage, subjectAltName } from '../_extensions.ts';
import { freshKey, type TestKey } from '../_keys.ts';

const run = promisify(execFile);

/** Arguments of `s_client` or `s_server`, and whether what they ask for is to be spoken. */
export type ScanRow = {
  readonly name: string;
  readonly args: readonly string[];
  readonly spoken: boolean;
};

export const keyKinds = ['P-256', 'P-384', 'P-521', 'Ed25519', 'RSA', 'RSA-PSS'] as const;
export type KeyKind = (typeof keyKinds)[number];

function keyOf(kind: KeyKind): TestKey {
  if (kind === 'RSA') return freshKey('RSA-2048');
  if (kind !== 'RSA-PSS') return freshKey(kind);
  // Of a type of its own (RFC 4055 §1.2): it signs with PSS alone.
  const { publicKey, privateKey } = generateKeyPairSync('rsa-pss', { modulusLength: 2048 });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  return { ...freshKey('P-256'), privateKey, publicKey: spki };
}

/** A server's certificate for the loopback. */
export function issueServer(issuer: Issued, kind: KeyKind): Issued {
  return issueCertificate({ subject: `CN=${kind}`, issuer, key: keyOf(kind) }, [
    keyUsage(['digitalSignature']),
    extendedKeyUsage([oids.idKpServerAuth]),
    subjectAltName([{ ip: [127, 0, 0, 1] }]),
  ]);
}

/** Names of suites. @throws the system's error where there is no openssl */
async function suitesOf(version: '-tls1_2' | '-tls1_3'): Promise<readonly string[]> {
  const list = ['ciphers', '-s', version, 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'];
  const { stdout } = await run('openssl', list);
  return stdout.trim().split(':');
}

const ccm13 = ['TLS_AES_128_CCM_SHA256', 'TLS_AES_128_CCM_8_SHA256'];

// Those of TLS, and those that TLS 1.2 could have named; OpenSSL lists none by itself.
const otherGroups = [
  ...['X448', 'ffdhe2048', 'ffdhe3072', 'ffdhe4096', 'ffdhe6144', 'ffdhe8192'],
  ...['secp224r1', 'secp192r1', 'secp160r1', 'secp256k1', 'secp224k1', 'sect163k1', 'sect233r1'],
  ...['sect283k1', 'sect409r1', 'sect571r1'],
  ...['brainpoolP256r1', 'brainpoolP384r1', 'brainpoolP512r1'],
];
const otherSignatures = [
  ...['RSA+SHA1', 'RSA+SHA224', 'ECDSA+SHA1', 'ECDSA+SHA224', 'DSA+SHA1', 'DSA+SHA224'],
  ...['DSA+SHA256', 'DSA+SHA512', 'ed448'],
];

/** Whether a key of this kind can sign so (RFC 8446 §4.2.3: in TLS 1.2 no curve is tied to a digest). */
function fits(kind: KeyKind, algorithm: string, version: '1.2' | '1.3'): boolean {
  switch (kind) {
    case 'RSA':
      return (
        algorithm.startsWith(version === '1.3' ? 'rsa_pss_rsae' : 'rsa_p') &&
        !algorithm.startsWith('rsa_pss_pss')
      );
    case 'RSA-PSS':
      return algorithm.startsWith('rsa_pss_pss');
    case 'Ed25519':
      return algorithm === 'ed25519';
    default:
      return version === '1.2'
        ? algorithm.startsWith('ecdsa_')
        : algorithm.startsWith(`ecdsa_secp${kind.slice(2)}r1`);
  }
}

const has = (list: readonly string[], one: string): boolean => list.includes(one);

/** Signature algorithms that a server with such a key may be asked for. */
export function signatureRows(kind: KeyKind, tls12: boolean): readonly ScanRow[] {
  return [...tlsSignatureAlgorithms, ...otherSignatures].flatMap((one) =>
    (['1.3', '1.2'] as const)
      .filter((version) => version === '1.3' || tls12)
      .map((version) => ({
        name: `${kind}: ${one} in TLS ${version}`,
        args: [
          `-tls${version.replace('.', '_')}`,
          ...['-sigalgs', one],
          ...(version === '1.2' ? ['-cipher', 'ALL:@SECLEVEL=0'] : []),
        ],
        spoken: has(tlsSignatureAlgorithms, one) && fits(kind, one, version),
      })),
  );
}

/** Groups of TLS 1.2: with a key of RSA, since a curve that the client lists has to be the certificate's, too (RFC 8422 §5.1.1). */
export function groupRows12(): readonly ScanRow[] {
  return [...tlsGroups, ...otherGroups].map((one) => ({
    name: `${one} in TLS 1.2`,
    args: ['-tls1_2', '-groups', one, '-cipher', 'ECDHE:@SECLEVEL=0'],
    spoken: has(tlsGroups, one),
  }));
}

/** Versions, and the groups of TLS 1.3. */
export function versionRows(tls12: boolean): readonly ScanRow[] {
  const old = ['-cipher', 'ALL:@SECLEVEL=0'];
  return [
    ...['-ssl3', '-tls1', '-tls1_1'].map((one) => ({
      name: one.slice(1),
      args: [one, ...old],
      spoken: false,
    })),
    { name: 'tls1_2', args: ['-tls1_2'], spoken: tls12 },
    { name: 'tls1_3', args: ['-tls1_3'], spoken: true },
    ...[...tlsGroups, ...otherGroups].map((one) => ({
      name: `${one} in TLS 1.3`,
      args: ['-tls1_3', '-groups', one],
      spoken: has(tlsGroups, one),
    })),
  ];
}

/** Every suite that this OpenSSL has, before a server with a key of this kind. */
export async function suiteRows(
  kind: 'P-256' | 'RSA',
  tls12: boolean,
): Promise<readonly ScanRow[]> {
  const suites13 = [...new Set([...(await suitesOf('-tls1_3')), ...tls13Suites, ...ccm13])].filter(
    (one) => one.startsWith('TLS_'),
  );
  const suites12 = [...new Set([...(await suitesOf('-tls1_2')), ...tls12Suites])].filter(
    (one) => !one.startsWith('TLS_'),
  );
  const usable = kind === 'RSA' ? 'ECDHE-RSA-' : 'ECDHE-ECDSA-';
  return [
    ...suites13.map((one) => ({
      name: `${kind}: ${one}`,
      args: ['-tls1_3', '-ciphersuites', one],
      spoken: has(tls13Suites, one),
    })),
    // Where TLS 1.2 is off, those that would be spoken with it are the ones to try.
    ...(tls12 ? suites12 : tls12Suites).map((one) => ({
      name: `${kind}: ${one}`,
      args: ['-tls1_2', '-cipher', `${one}:@SECLEVEL=0`],
      spoken: tls12 && has(tls12Suites, one) && one.startsWith(usable),
    })),
  ];
}
