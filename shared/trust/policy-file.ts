// A DSSC file taken in: read, and the signature that it carries verified (RFC 5698 §3.1.5). Whether its rules count
// is the configuration's.
import { ConfigError } from '#shared/errors.ts';
import type { AlgorithmPolicy } from '#shared/policy/algorithm-policy.ts';
import { parseDssc } from '#shared/policy/dssc.ts';
import {
  type Certificate,
  parseCertificate,
  parsePemCertificates,
} from '#shared/x509/certificate.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { verifyEnveloped } from '#shared/xmldsig/enveloped.ts';

/** A policy file with what there is to say about it. */
export type PolicyFileReading = {
  readonly policy: AlgorithmPolicy;
  readonly warnings: readonly string[];
  /** Whose key signed it; `undefined`: it is not signed. */
  readonly signer: Certificate | undefined;
};

/**
 * A DSSC file. A signature that it carries has to hold; where `signedBy` is given, there has to be one,
 * by one of those.
 * @throws ConfigError ERR_CONFIG_INVALID: not so signed; FormatError, UnsupportedError: no such file
 */
export function readPolicyFile(
  octets: Uint8Array,
  id?: string,
  signedBy?: readonly Certificate[],
): PolicyFileReading {
  const reading = parseDssc(octets, id);
  const verdict = verifyEnveloped(parseXml(octets), signedBy);
  const refused = (reason: string): ConfigError =>
    new ConfigError('ERR_CONFIG_INVALID', `signature of the policy: ${reason}`);
  if (verdict.kind === 'broken') throw refused(verdict.reason);
  if (verdict.kind === 'signed') return { ...reading, signer: verdict.signer };
  if (signedBy) throw refused('there is none');
  return { ...reading, signer: undefined };
}

/** Certificates of a PEM file, or the one of a DER file. @throws FormatError */
export function certificatesOf(octets: Uint8Array): readonly Certificate[] {
  return octets[0] === 0x30
    ? [parseCertificate(octets)]
    : parsePemCertificates(Buffer.from(octets).toString('latin1'));
}
