// Content of any size and signatures over it, made as they are read: nothing of that size is held. Attached it comes as
// streaming signers write it: indefinite lengths, and the content in segments of 1 MiB.
import { concatBytes } from '#shared/bytes.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { createDigest } from '#shared/crypto/digest.ts';
import { readChildren, type Tlv } from '#shared/der/reader.ts';
import { derOctetString } from '#shared/der/writer.ts';

const mebibyte = new Uint8Array(1024 * 1024).fill(0x41);
const segment = derOctetString(mebibyte);

export async function* largeContent(mebibytes: number): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  for (let left = mebibytes; left > 0; left--) yield mebibyte;
}

export function digestOfLargeContent(mebibytes: number): Uint8Array {
  const running = createDigest('SHA-256');
  for (let left = mebibytes; left > 0; left--) running.update(mebibyte);
  return running.finish();
}

/** A detached signature over that content with the content in it. */
export async function* attachLargeContent(
  detached: Uint8Array,
  mebibytes: number,
): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  const { elements } = parseSignedData(detached);
  const [type] = readChildren(elements.contentInfo);
  const [contentType] = readChildren(elements.encapContentInfo);
  const open = (identifier: number): Uint8Array => Uint8Array.of(identifier, 0x80);
  const end = Uint8Array.of(0, 0);
  const fieldsOf = (...fields: readonly (Tlv | undefined)[]): readonly Uint8Array[] =>
    fields.flatMap((field) => field?.raw ?? []);
  yield concatBytes(
    ...[open(0x30), ...fieldsOf(type), open(0xa0), open(0x30)],
    ...fieldsOf(elements.version, elements.digestAlgorithms),
    ...[open(0x30), ...fieldsOf(contentType), open(0xa0), open(0x24)],
  );
  for (let left = mebibytes; left > 0; left--) yield segment;
  yield concatBytes(
    ...[end, end, end],
    ...fieldsOf(elements.certificates, elements.crls, elements.signerInfos),
    ...[end, end, end],
  );
}
