// Algorithms as DSSC policies identify them: object identifiers, URIs of XML signatures and names, all
// read against one another. RFC 5698 §3.1.6; RFC 9231 and RFC 8017 for the identifiers themselves.
import { digestAlgorithmOfUri } from '#shared/crypto/digest-uri.ts';
import { digestAlgorithms, digestOid } from '#shared/crypto/digest.ts';
import { oids } from '#shared/oid.ts';

/** What an AlgorithmIdentifier means, in the words of algorithm-policy.ts. */
export type NamedAlgorithm = {
  readonly kind: 'digest' | 'signature' | 'curve';
  readonly alg: string;
  readonly hash?: string | undefined;
};

/** Identifiers as a policy file gives them. */
export type AlgorithmIdentifiers = {
  readonly name: string;
  readonly oids: readonly string[];
  readonly uris: readonly string[];
};

type Row = NamedAlgorithm & { readonly oids: readonly string[]; readonly uri?: string };

const more2001 = 'http://www.w3.org/2001/04/xmldsig-more#';
const more2007 = 'http://www.w3.org/2007/05/xmldsig-more#';
const more2021 = 'http://www.w3.org/2021/04/xmldsig-more#';
const xmldsig = 'http://www.w3.org/2000/09/xmldsig#';
const xmldsig11 = 'http://www.w3.org/2009/xmldsig11#';

function signature(alg: string, identifiers: readonly string[], hash?: string, uri?: string): Row {
  return { kind: 'signature', alg, oids: identifiers, ...(hash && { hash }), ...(uri && { uri }) };
}

function curve(alg: string, oid: string): Row {
  return { kind: 'curve', alg, oids: [oid] };
}

const digestRows: readonly Row[] = [
  ...digestAlgorithms.map((alg): Row => ({ kind: 'digest', alg, oids: [digestOid(alg)] })),
  { kind: 'digest', alg: 'WHIRLPOOL', oids: [oids.whirlpool], uri: `${more2007}whirlpool` },
];

const rsa = 'RSASSA-PKCS1-v1_5';
const slhDsa = Object.entries(oids).flatMap(([key, oid]) =>
  key.startsWith('idSlhDsa') ? [oid] : [],
);

/** A scheme that several identifiers make up is meant where all of them stand. */
const signatureRows: readonly Row[] = [
  signature(rsa, [oids.rsaEncryption]),
  signature(rsa, [oids.md5WithRSAEncryption], 'MD5', `${more2001}rsa-md5`),
  signature(rsa, [oids.sha1WithRSAEncryption], 'SHA-1', `${xmldsig}rsa-sha1`),
  signature(rsa, [oids.sha224WithRSAEncryption], 'SHA-224', `${more2001}rsa-sha224`),
  signature(rsa, [oids.sha256WithRSAEncryption], 'SHA-256', `${more2001}rsa-sha256`),
  signature(rsa, [oids.sha384WithRSAEncryption], 'SHA-384', `${more2001}rsa-sha384`),
  signature(rsa, [oids.sha512WithRSAEncryption], 'SHA-512', `${more2001}rsa-sha512`),
  signature(rsa, [oids.sha512256WithRSAEncryption], 'SHA-512/256'),
  signature(rsa, [oids.ripemd160WithRSASignature], 'RIPEMD-160', `${more2001}rsa-ripemd160`),
  signature(rsa, [oids.idRsassaPkcs1V15WithSha3224], 'SHA3-224'),
  signature(rsa, [oids.idRsassaPkcs1V15WithSha3256], 'SHA3-256'),
  signature(rsa, [oids.idRsassaPkcs1V15WithSha3384], 'SHA3-384'),
  signature(rsa, [oids.idRsassaPkcs1V15WithSha3512], 'SHA3-512'),
  signature('RSASSA-PSS', [oids.idRSASSAPSS], undefined, `${more2007}rsa-pss`),
  signature('ECDSA', [oids.idEcPublicKey]),
  signature('ECDSA', [oids.ecdsaWithSHA1], 'SHA-1', `${more2001}ecdsa-sha1`),
  signature('ECDSA', [oids.ecdsaWithSHA224], 'SHA-224', `${more2001}ecdsa-sha224`),
  signature('ECDSA', [oids.ecdsaWithSHA256], 'SHA-256', `${more2001}ecdsa-sha256`),
  signature('ECDSA', [oids.ecdsaWithSHA384], 'SHA-384', `${more2001}ecdsa-sha384`),
  signature('ECDSA', [oids.ecdsaWithSHA512], 'SHA-512', `${more2001}ecdsa-sha512`),
  signature('ECDSA', [oids.idEcdsaWithSha3224], 'SHA3-224', `${more2021}ecdsa-sha3-224`),
  signature('ECDSA', [oids.idEcdsaWithSha3256], 'SHA3-256', `${more2021}ecdsa-sha3-256`),
  signature('ECDSA', [oids.idEcdsaWithSha3384], 'SHA3-384', `${more2021}ecdsa-sha3-384`),
  signature('ECDSA', [oids.idEcdsaWithSha3512], 'SHA3-512', `${more2021}ecdsa-sha3-512`),
  // BSI TR-03111 §5.2.1.1: the arc itself stands for the scheme with any digest.
  signature('PLAIN-ECDSA', ['0.4.0.127.0.7.1.1.4.1']),
  signature('DSA', [oids.idDsa]),
  signature('DSA', [oids.idDsaWithSha1], 'SHA-1', `${xmldsig}dsa-sha1`),
  signature('DSA', [oids.idDsaWithSha224], 'SHA-224'),
  signature('DSA', [oids.idDsaWithSha256], 'SHA-256', `${xmldsig11}dsa-sha256`),
  signature('DSA', [oids.idDsaWithSha384], 'SHA-384'),
  signature('DSA', [oids.idDsaWithSha512], 'SHA-512'),
  signature('EdDSA', [oids.idEd25519, oids.idEd448]),
  signature('ML-DSA', [oids.idMlDsa44, oids.idMlDsa65, oids.idMlDsa87]),
  signature('SLH-DSA', slhDsa),
  signature('HSS/LMS', [oids.idAlgHssLmsHashsig]),
];

const curveRows: readonly Row[] = [
  curve('secp224r1', oids.secp224r1),
  curve('secp256r1', oids.secp256r1),
  curve('secp384r1', oids.secp384r1),
  curve('secp521r1', oids.secp521r1),
  curve('secp256k1', oids.secp256k1),
  curve('brainpoolP224r1', oids.brainpoolP224r1),
  curve('brainpoolP256r1', oids.brainpoolP256r1),
  curve('brainpoolP256t1', oids.brainpoolP256t1),
  curve('brainpoolP384r1', oids.brainpoolP384r1),
  curve('brainpoolP384t1', oids.brainpoolP384t1),
  curve('brainpoolP512r1', oids.brainpoolP512r1),
  curve('brainpoolP512t1', oids.brainpoolP512t1),
  curve('FRP256v1', '1.2.250.1.223.101.256.1'),
];

const rows = [...digestRows, ...signatureRows, ...curveRows];

/** The name that a policy file gives it; it reads back by `identify`. */
export function nameOf({ alg, hash }: Pick<NamedAlgorithm, 'alg' | 'hash'>): string {
  return hash === undefined ? alg : `${alg} with ${hash}`;
}

/** Writers differ in dashes, blanks and case alone: `SHA256`, `SHA-256`, `PLAIN_ECDSA`. */
function plainName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '');
}

const byOid = new Map(rows.flatMap((row) => row.oids.map((oid) => [oid, row] as const)));
const byUri = new Map(rows.flatMap((row) => (row.uri ? [[row.uri, row] as const] : [])));
const byName = new Map(rows.map((row) => [plainName(nameOf(row)), row]));

function rowOfUri(uri: string): Row | undefined {
  const digest = digestAlgorithmOfUri(uri);
  return byUri.get(uri) ?? (digest && byName.get(plainName(digest)));
}

/** The identifiers that stand for an algorithm as a whole; none where it is not known. */
export function identifiersOf({ alg, hash, kind }: NamedAlgorithm): readonly string[] {
  return rows.find((row) => row.kind === kind && row.alg === alg && row.hash === hash)?.oids ?? [];
}

export type Identification = {
  /** Absent where it is not known, or its identifiers contradict one another. */
  readonly algorithm?: NamedAlgorithm;
  /** What about the identifiers asks for a look. */
  readonly warnings: readonly string[];
};

/**
 * The one algorithm that name, object identifiers and URIs agree on. An entry that contradicts itself,
 * or names part of a family only, is not understood: then its algorithm is not acceptable under the
 * policy, which is the safe reading of RFC 5698 §4.2.
 */
export function identify({ name, oids: given, uris }: AlgorithmIdentifiers): Identification {
  const found = [
    ...given.map((oid) => byOid.get(oid)),
    ...uris.map(rowOfUri),
    byName.get(plainName(name)),
  ];
  const known = new Set(found.filter((row) => row !== undefined));
  const [row, another] = known;
  if (!row) return { warnings: [`${name}: not an algorithm that is known`] };
  if (another)
    return {
      warnings: [`${name}: identifiers of ${[...known].map(nameOf).join(' and ')} in one entry`],
    };
  if (row.oids.length > 1 && !row.oids.every((oid) => given.includes(oid)))
    return { warnings: [`${name}: a part of ${row.alg} only`] };
  const strange = given.filter((oid) => !byOid.has(oid));
  return {
    algorithm: { kind: row.kind, alg: row.alg, ...(row.hash !== undefined && { hash: row.hash }) },
    warnings: strange.map((oid) => `${name}: ${oid} is not its identifier`),
  };
}
