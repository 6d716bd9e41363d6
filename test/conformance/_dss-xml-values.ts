// Corpus `dss`, entries of XML signatures: the signature value, and value and references together, as the
// judge of the manifest has them.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDocument } from '#shared/validation/inspect.ts';
import { type DssEntry, loadDetached } from './_dss-manifest.ts';
import type { ConformanceResult } from './_report.ts';

export function hasXmlSignatures(entry: DssEntry): boolean {
  return (
    (entry.format?.includes('XAdES') ?? false) &&
    entry.oracleError === null &&
    entry.signatures.length > 0
  );
}

type Line = {
  readonly signer: string;
  readonly signatureIntact: boolean | undefined;
  readonly isValid: boolean | undefined;
};

/** Differences that are right: rules over what both say, with their clauses in docs/standards.md. */
const rules: readonly {
  readonly reason: string;
  readonly applies: (
    ours: readonly Line[],
    theirs: readonly Line[],
    says: (text: RegExp) => boolean,
    entry: DssEntry,
  ) => boolean;
}[] = [
  {
    // EN 319 102-1 §5.2.3: without a certificate there is nobody whose key it is.
    reason:
      'a value that verifies with a bare key of KeyInfo is not verified without a certificate',
    applies: (ours, theirs) =>
      ours.every(({ signer, isValid }) => signer === '-' && isValid === false) &&
      theirs.every(({ signer }) => signer === '-'),
  },
  {
    // XML Signature 1.1 §6.6.4
    reason: 'enveloped-signature over what stands inside of the signature leaves nothing',
    applies: (ours, theirs, says) =>
      says(/transform that leaves nothing/) &&
      ours.every(
        ({ signer, signatureIntact, isValid }, index) =>
          signer === theirs[index]?.signer && signatureIntact === true && isValid === false,
      ),
  },
  {
    // EN 319 132-1 §4.4.2: else anybody could write time and certificate of the signer.
    reason: 'signed properties that no reference is over',
    applies: (ours, theirs, _says, { signatures }) =>
      signatures.every(
        ({ references }) => !references.some(({ type }) => type === 'SIGNED_PROPERTIES'),
      ) &&
      ours.every(
        ({ signer, signatureIntact, isValid }, index) =>
          signer === theirs[index]?.signer && signatureIntact === true && isValid === false,
      ),
  },
  {
    // EN 319 132-1 §5.2.2: what names nobody does not name the signer.
    reason: 'a SigningCertificate that names nothing that can be read',
    applies: (ours, theirs, says) =>
      says(/^CertDigest is no Base64 text/) &&
      ours.every(
        ({ signer, signatureIntact, isValid }, index) =>
          signer === theirs[index]?.signer && signatureIntact === true && isValid === false,
      ),
  },
  {
    // EN 319 132-1 §5.2.2: whose value it is, and what that is worth, are two things.
    reason: 'a value under the key of another certificate than SigningCertificate names',
    applies: (ours, theirs, _says, { signatures }) =>
      signatures.every(({ subIndication }) => subIndication === 'NO_SIGNING_CERTIFICATE_FOUND') &&
      ours.every(
        ({ signer, signatureIntact, isValid }, index) =>
          signer === theirs[index]?.signer && signatureIntact === true && isValid === false,
      ),
  },
  {
    // APPNOTE §4.3.16
    reason: 'an archive with a second end record is refused: two readers would see two archives',
    applies: (ours, _theirs, says) => ours.length === 0 && says(/end record in a comment/),
  },
];

/** Of one signer there may be several signatures: each list in the order of its lines. */
export async function compareXmlValues(
  folder: string,
  entry: DssEntry,
): Promise<ConformanceResult> {
  const bytes = await readFile(join(folder, entry.file));
  const detached = await loadDetached(folder, entry);
  const reading = readDocument({ bytes, size: bytes.length, detached });
  const got: readonly Line[] = reading.xmlSignatures.map((signature) => {
    const facts = reading.facts.signatures.find(({ id }) => id === signature.id);
    const { signatureIntact, signer, status } = signature.verify(reading.certificates);
    // Where a transform is not carried out there is no claim.
    const isOpen = facts?.references.some(
      ({ kind, intact }) => kind !== 'manifest-entry' && intact === undefined,
    );
    return {
      signer: signer?.serialNumber.toString() ?? '-',
      signatureIntact,
      isValid: isOpen ? undefined : status === 'valid',
    };
  });
  const expected: readonly Line[] = entry.signatures.map((one) => ({
    signer: one.signerSerial ?? '-',
    // The judge says nothing of a value where data is missing or wrong.
    signatureIntact: one.signedDataFound && one.signedDataIntact ? one.intact : undefined,
    isValid: one.valid,
  }));
  const order = (list: readonly Line[]): Line[] =>
    list.toSorted((a, b) => `${a.signer} ${a.isValid}`.localeCompare(`${b.signer} ${b.isValid}`));
  const [ours, theirs] = [order(got), order(expected)];
  const show = (what: string, value: boolean | undefined, other: boolean | undefined): string =>
    value === undefined || other === undefined ? '' : ` ${what} ${value}`;
  const lines = (list: readonly Line[], others: readonly (Line | undefined)[]): string =>
    list
      .map((one, index) => {
        const other = others[index];
        return `${one.signer}${show('value', one.signatureIntact, other?.signatureIntact)}${show('valid', one.isValid, other?.isValid)}`;
      })
      .join('; ');
  const [gotText, expectedText] = [lines(ours, theirs), lines(theirs, ours)];
  const says = (text: RegExp): boolean =>
    reading.facts.problems.some(({ message }) => text.test(message));
  const explained = rules.find(({ applies }) => applies(ours, theirs, says, entry))?.reason;
  const isSame = gotText === expectedText;
  return {
    case: `${entry.file} (${entry.case})`,
    passed: isSame || explained !== undefined,
    ...(!isSame && explained !== undefined && { note: explained }),
    expected: expectedText,
    got: gotText,
  };
}
