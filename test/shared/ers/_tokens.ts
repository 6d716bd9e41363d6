// A small time-stamping unit for tests of evidence records: tokens over any imprint at any time, in
// DER or with BER lengths and unsorted sets. It answers no requests.
import { createSign, generateKeyPairSync } from 'node:crypto';
import { digest, digestOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { readChildren, readWhole } from '#shared/der/reader.ts';
import {
  derBoolean,
  derContext,
  derElement,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSetOf,
} from '#shared/der/writer.ts';
import { concatBytes } from '#shared/bytes.ts';
import { formatGeneralizedTime, formatUtcTime } from '#shared/time.ts';
import { buildCertificate, buildName } from '#tsa/certificate-builder.ts';

export type TestTsu = {
  readonly certificate: Uint8Array;
  readonly caCertificate: Uint8Array;
  /** A token over `imprint`; `form` ber: indefinite lengths around it and a set out of order. */
  readonly stamp: (options: {
    readonly algorithm: DigestAlgorithm;
    readonly imprint: Uint8Array;
    readonly genTime: Temporal.Instant;
    readonly form?: 'der' | 'ber';
  }) => Uint8Array;
};

const sha256Identifier = derSequence(derObjectIdentifier(digestOid('SHA-256')));
const sha512Identifier = derSequence(derObjectIdentifier(digestOid('SHA-512')));
const ecdsaWithSha256 = derSequence(derObjectIdentifier('1.2.840.10045.4.3.2'));
const idSignedData = derObjectIdentifier('1.2.840.113549.1.7.2');
const idCtTSTInfo = derObjectIdentifier('1.2.840.113549.1.9.16.1.4');

function newKey(): { publicKey: Uint8Array; sign: (data: Uint8Array) => Uint8Array } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    publicKey: publicKey.export({ format: 'der', type: 'spki' }),
    sign: (data) => createSign('sha256').update(data).sign(privateKey),
  };
}

function attribute(oid: string, value: Uint8Array): Uint8Array {
  return derSequence(derObjectIdentifier(oid), derSetOf(value));
}

/** An element of indefinite length. */
function indefinite(identifier: number, ...contents: readonly Uint8Array[]): Uint8Array {
  return concatBytes(Uint8Array.of(identifier, 0x80), ...contents, Uint8Array.of(0, 0));
}

/** A TSU under its own root, both valid from 2000 until 2099. */
export function createTestTsu(name: string): TestTsu {
  const ca = newKey();
  const tsu = newKey();
  const issuer = buildName([['2.5.4.3', `${name} root`]]);
  const subject = buildName([['2.5.4.3', name]]);
  const period = {
    notBefore: Temporal.Instant.from('2000-01-01T00:00:00Z'),
    notAfter: Temporal.Instant.from('2099-01-01T00:00:00Z'),
    issuer,
    issuerPublicKey: ca.publicKey,
    signer: { algorithm: ecdsaWithSha256, sign: ca.sign },
  };
  const caCertificate = buildCertificate({
    ...period,
    role: 'ca',
    serialNumber: Uint8Array.of(1),
    subject: issuer,
    publicKey: ca.publicKey,
  });
  const certificate = buildCertificate({
    ...period,
    role: 'tsu',
    serialNumber: Uint8Array.of(2),
    subject,
    publicKey: tsu.publicKey,
  });
  let serialNumber = 0;
  return {
    certificate,
    caCertificate,
    stamp: ({ algorithm, imprint, genTime, form = 'der' }) => {
      const tstInfo = derSequence(
        derInteger(1),
        derObjectIdentifier('1.3.6.1.4.1.32473.1'),
        derSequence(
          derSequence(derObjectIdentifier(digestOid(algorithm))),
          derOctetString(imprint),
        ),
        derInteger(++serialNumber),
        derElement(0x18, formatGeneralizedTime(genTime)),
        derBoolean(true),
      );
      const signedAttrs = derSetOf(
        attribute('1.2.840.113549.1.9.3', idCtTSTInfo),
        attribute('1.2.840.113549.1.9.4', derOctetString(digest('SHA-256', tstInfo))),
        attribute('1.2.840.113549.1.9.5', derElement(0x17, formatUtcTime(genTime))),
        attribute(
          '1.2.840.113549.1.9.16.2.47',
          derSequence(derSequence(derSequence(derOctetString(digest('SHA-256', certificate))))),
        ),
      );
      const signerInfo = derSequence(
        derInteger(1),
        derSequence(issuer, derInteger(2)),
        sha256Identifier,
        derContext(0, readWhole(signedAttrs).content),
        ecdsaWithSha256,
        derOctetString(tsu.sign(signedAttrs)),
      );
      const fields = (digestAlgorithms: Uint8Array): Uint8Array[] => [
        derInteger(3),
        digestAlgorithms,
        derSequence(idCtTSTInfo, derContext(0, derOctetString(tstInfo))),
        derContext(0, certificate, caCertificate),
        derSetOf(signerInfo),
      ];
      if (form === 'der') {
        const signedData = derSequence(...fields(derSetOf(sha256Identifier)));
        return derSequence(idSignedData, derContext(0, signedData));
      }
      const unsorted = derElement(0x31, sha512Identifier, sha256Identifier);
      return indefinite(
        0x30,
        idSignedData,
        indefinite(0xa0, indefinite(0x30, ...fields(unsorted))),
      );
    },
  };
}

/** The children of an element, each whole. */
export function childrenOf(element: Uint8Array): Uint8Array[] {
  return readChildren(readWhole(element)).map(({ raw }) => raw);
}
