// What an evidence pack is made of: names, contents, and the two lists that its script reads. Layout in
// docs/formats.md, "Evidence pack".
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { RecordForm } from '#shared/ers/record-form.ts';

/** One file of a pack: octets, or a document that is streamed and whose SHA-256 is known. */
export type PackFile = { readonly name: string } & (
  | { readonly octets: Uint8Array }
  | {
      /** Hexadecimal. */
      readonly sha256: string;
      readonly size: number;
      readonly open: (signal: AbortSignal) => Promise<AsyncIterable<Uint8Array>>;
    }
);

/** A certificate and its issuer, as a response is asked about them. */
export type OcspQuestion = {
  /** Of the response: its name in the pack. */
  readonly fingerprint: string;
  readonly certificate: Uint8Array;
  readonly issuer: Uint8Array;
};

/** How the script asks for revocation of a token: by the CRLs of the pack, by one response, or not at all. */
export type ScriptRevocation = 'crl' | 'none' | OcspQuestion;

function revocationText(how: ScriptRevocation): string {
  return typeof how === 'string' ? how : `ocsp ${how.fingerprint}`;
}

/** What `openssl ocsp` reads beside each response that the script asks. */
export function ocspQuestionFiles(records: readonly PackedRecord[]): readonly PackFile[] {
  const questions = records
    .flatMap(({ revocation }) => revocation)
    .filter((how) => typeof how !== 'string');
  const byName = new Map(questions.map((question) => [question.fingerprint, question]));
  return [...byName.values()].flatMap(({ fingerprint, certificate, issuer }) => [
    pemFile(`ocsp/${fingerprint}.cert.pem`, 'CERTIFICATE', [certificate]),
    pemFile(`ocsp/${fingerprint}.issuer.pem`, 'CERTIFICATE', [issuer]),
  ]);
}

/** A record with what it covers, by names in the pack. */
export type PackedRecord = {
  readonly name: string;
  /** The script reads ASN.1 alone. */
  readonly form: RecordForm;
  readonly members: readonly string[];
  /** It goes on from a record that another product made. */
  readonly takenOver: boolean;
  /** One for each token, oldest first. */
  readonly revocation: readonly ScriptRevocation[];
};

export const textFile = (name: string, text: string): PackFile => ({
  name,
  octets: new TextEncoder().encode(text),
});

/** PEM of DER elements, one after the other. @see RFC 7468 */
export function pemFile(
  name: string,
  label: 'CERTIFICATE' | 'X509 CRL',
  elements: readonly Uint8Array[],
): PackFile {
  const blocks = elements.map((der) => {
    const lines =
      Buffer.from(der)
        .toString('base64')
        .match(/.{1,64}/g) ?? [];
    return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
  });
  return textFile(name, blocks.join(''));
}

/**
 * The last part of a key as a file name that every tool takes: letters, digits and `._-` and blanks, no
 * leading dot or hyphen. What it was called stands in pack.json.
 */
export function safeName(key: string): string {
  const last = key.split('/').at(-1) ?? '';
  const plain = last.normalize('NFC').replace(/[^\p{L}\p{N}\p{M}._ -]/gu, '_');
  // 60 characters have at most 240 octets, which every file system takes.
  const short = Array.from(plain).slice(-60).join('').trim();
  return /^[.-]|^$/.test(short) ? `_${short}` : short;
}

/** pack.txt: the instant of packing and, for each record in ASN.1, its members and how its tokens are asked for. */
export function packList(at: Temporal.Instant, records: readonly PackedRecord[]): PackFile {
  const checked = records.filter(({ form }) => form === 'asn1');
  const lines = checked.flatMap(({ name, members, takenOver, revocation }) => [
    `record ${name}`,
    ...(takenOver ? ['other-product'] : []),
    ...members.map((member) => `member ${member}`),
    ...revocation.map((how) => `revocation ${revocationText(how)}`),
  ]);
  const seconds = Math.floor(at.epochMilliseconds / 1000);
  return textFile('pack.txt', `${[`at ${seconds}`, ...lines].join('\n')}\n`);
}

/** SHA256SUMS over all files, in the form that `sha256sum -c` reads. */
export function sumsFile(files: readonly PackFile[]): PackFile {
  const lines = files.map((file) => {
    const sum = 'octets' in file ? toHex(digest('SHA-256', file.octets)) : file.sha256;
    return `${sum}  ${file.name}\n`;
  });
  return textFile('SHA256SUMS', lines.join(''));
}
