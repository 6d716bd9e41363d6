// A SignedData of any size read as a stream: everything but the encapsulated content is kept, in octets that parse
// like a detached signature, and the content passes by (RFC 5652 §5.1, §5.2). Memory does not grow with
// the content, in however many BER segments it comes.
import { concatBytes, joinBytes } from '#shared/bytes.ts';
import {
  createDigest,
  type DigestAlgorithm,
  digestAlgorithmOfOid,
  type RunningDigest,
} from '#shared/crypto/digest.ts';
import { readAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { readChildren, readWhole, type Tlv } from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';

/** Where in what is left how many octets of the document are left out. */
export type Elided = { readonly at: number; readonly length: number };

export type WithoutContent = {
  /** The octets that are left; lengths of the four elements around are mended in the octets that they had. */
  readonly octets: Uint8Array;
  /** Absent: the document holds no content. */
  readonly elided?: Elided | undefined;
  /** Of the whole document. */
  readonly length: number;
  /** Of the content, by the algorithms that were chosen. */
  readonly digests: ReadonlyMap<DigestAlgorithm, Uint8Array>;
};

/** By which algorithms the content is digested: told those that the document lists before it (RFC 5652 §5.1). */
export type ChooseDigests = (listed: readonly DigestAlgorithm[]) => readonly DigestAlgorithm[];

/** Certificates, CRLs and tokens of many decades stay below. */
export const maxKeptOctets = 64 * 1024 * 1024;
/** Segments within segments; real streams have one level. */
const maxDepth = 16;

function malformed(message: string, offset: number): FormatError {
  return new FormatError('ERR_FORMAT_CMS', `${message} at octet ${offset}`, {
    offset,
    clause: 'RFC 5652 §5.1',
  });
}

type Header = {
  readonly octets: Uint8Array;
  readonly identifier: number;
  /** −1 for an indefinite length. */
  readonly length: number;
};

/** Takes octets off the front of a stream. */
class Octets {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();
  offset = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** The next octets there are, at most so many; none at the end. */
  async some(most: number): Promise<Uint8Array> {
    while (this.#chunk.length === 0) {
      const { value, done } = (await this.#chunks.next()) as IteratorResult<Uint8Array, undefined>;
      if (done || value === undefined) return new Uint8Array();
      this.#chunk = value;
    }
    const taken = this.#chunk.subarray(0, most);
    this.#chunk = this.#chunk.subarray(taken.length);
    this.offset += taken.length;
    return taken;
  }

  async pass(count: number, sink: (octets: Uint8Array) => void): Promise<void> {
    for (let left = count; left > 0;) {
      const taken = await this.some(left);
      if (taken.length === 0) throw malformed('the document ends too early', this.offset);
      sink(taken);
      left -= taken.length;
    }
  }

  async take(count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    // A copy: the source may use its buffer again.
    await this.pass(count, (octets) => parts.push(Uint8Array.from(octets)));
    return joinBytes(parts);
  }

  async header(): Promise<Header> {
    const start = this.offset;
    const [identifier = 0, first = 0] = await this.take(2);
    if ((identifier & 0x1f) === 0x1f) throw malformed('a low tag number expected', start);
    if (first === 0x80) return { octets: Uint8Array.of(identifier, first), identifier, length: -1 };
    if (first < 0x80)
      return { octets: Uint8Array.of(identifier, first), identifier, length: first };
    const more = await this.take(first & 0x7f);
    const length = more.reduce((sum, octet) => sum * 256 + octet, 0);
    if (more.length > 8 || !Number.isSafeInteger(length))
      throw malformed('length too large', start);
    return { octets: concatBytes(Uint8Array.of(identifier, first), more), identifier, length };
  }
}

function isEnd({ octets }: Header): boolean {
  return octets[0] === 0 && octets[1] === 0;
}

/** Octets that stay, with the headers whose lengths are to be mended. */
class Kept {
  readonly #parts: Uint8Array[] = [];
  length = 0;

  add(octets: Uint8Array): void {
    this.length += octets.length;
    if (this.length > maxKeptOctets)
      throw new FormatError(
        'ERR_FORMAT_LIMIT',
        `more than ${maxKeptOctets} octets beside the content`,
        { clause: 'RFC 5652 §5.1' },
      );
    this.#parts.push(Uint8Array.from(octets));
  }

  octets(): Uint8Array {
    return joinBytes(this.#parts);
  }
}

function listedAlgorithms(digestAlgorithms: Uint8Array): readonly DigestAlgorithm[] {
  const known = readChildren(readWhole(digestAlgorithms)).flatMap(
    (member) => digestAlgorithmOfOid(readAlgorithmIdentifier(member).oid) ?? [],
  );
  return [...new Set(known)];
}

/** Everything up to the end of the content, which is digested. */
async function scan(
  source: AsyncIterable<Uint8Array>,
  choose: ChooseDigests,
): Promise<{
  readonly kept: Kept;
  readonly around: readonly { readonly at: number; readonly header: Header }[];
  readonly elided: { readonly at: number; readonly length: number } | undefined;
  readonly input: Octets;
  readonly digests: ReadonlyMap<DigestAlgorithm, Uint8Array>;
}> {
  const input = new Octets(source);
  const kept = new Kept();
  const around: { at: number; header: Header }[] = [];
  let running: readonly RunningDigest[] = [];
  const sink = (content: Uint8Array): void => {
    for (const digest of running) digest.update(content);
  };
  const finish = (): ReadonlyMap<DigestAlgorithm, Uint8Array> =>
    new Map(running.map((digest) => [digest.algorithm, digest.finish()]));

  const enter = async (identifier: number, what: string): Promise<void> => {
    const at = kept.length;
    const header = await input.header();
    if (header.identifier !== identifier) throw malformed(`${what} expected`, input.offset);
    around.push({ at, header });
    kept.add(header.octets);
  };
  /** A whole small element. */
  const keep = async (header: Header, depth = 0): Promise<void> => {
    if (depth > maxDepth) throw malformed('nested too deep', input.offset);
    kept.add(header.octets);
    if (header.length >= 0) {
      await input.pass(header.length, (octets) => {
        kept.add(octets);
      });
      return;
    }
    for (;;) {
      const inner = await input.header();
      if (isEnd(inner)) {
        kept.add(inner.octets);
        return;
      }
      await keep(inner, depth + 1);
    }
  };
  const passContent = async (header: Header, depth: number): Promise<void> => {
    if (depth > maxDepth) throw malformed('segments nested too deep', input.offset);
    if (header.identifier === 0x04 && header.length >= 0) {
      await input.pass(header.length, sink);
      return;
    }
    if (header.identifier !== 0x24) throw malformed('eContent as OCTET STRING', input.offset);
    const end = input.offset + header.length;
    while (header.length < 0 || input.offset < end) {
      const segment = await input.header();
      if (header.length < 0 && isEnd(segment)) return;
      await passContent(segment, depth + 1);
    }
  };

  await enter(0x30, 'ContentInfo');
  await keep(await input.header());
  await enter(0xa0, 'content');
  await enter(0x30, 'SignedData');
  await keep(await input.header());
  const beforeAlgorithms = kept.length;
  await keep(await input.header());
  const listed = listedAlgorithms(kept.octets().subarray(beforeAlgorithms));
  await enter(0x30, 'EncapsulatedContentInfo');
  await keep(await input.header());
  const start = input.offset;
  const last = around.at(-1);
  const isDetached =
    last !== undefined &&
    last.header.length >= 0 &&
    last.at + last.header.octets.length + last.header.length === start;
  const nothing = { kept, around, elided: undefined, input, digests: finish() };
  if (isDetached) return nothing;
  const header = await input.header();
  if (header.identifier !== 0xa0) {
    // Without content the next is the end of EncapsulatedContentInfo, of indefinite length.
    kept.add(header.octets);
    return nothing;
  }
  running = choose(listed).map((algorithm) => createDigest(algorithm));
  await passContent(await input.header(), 0);
  if (header.length < 0 && !isEnd(await input.header()))
    throw malformed('the end of eContent expected', input.offset);
  const elided = { at: kept.length, length: input.offset - start };
  return { kept, around, elided, input, digests: finish() };
}

/** The length in as many octets as it had. */
function mend(octets: Uint8Array, at: number, { octets: header }: Header, length: number): void {
  let rest = length;
  for (let place = at + header.length - 1; place > at + (header.length > 2 ? 1 : 0); place--) {
    octets[place] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

/**
 * A document without its content, which is digested as it passes by the algorithms that `choose` names.
 * @throws FormatError ERR_FORMAT_CMS: no SignedData; ERR_FORMAT_LIMIT: what is left is too large
 * @see RFC 5652 §5.1, §5.2
 */
export async function readWithoutContent(
  source: AsyncIterable<Uint8Array>,
  choose: ChooseDigests = () => [],
): Promise<WithoutContent> {
  const { kept, around, elided, input, digests } = await scan(source, choose);
  for (let rest = await input.some(65_536); rest.length > 0; rest = await input.some(65_536))
    kept.add(rest);
  const octets = kept.octets();
  if (elided)
    for (const { at, header } of around)
      if (header.length >= 0) mend(octets, at, header, header.length - elided.length);
  return { octets, elided, length: input.offset, digests };
}

/**
 * Digests that go on after `encapContentInfo` as it is stored, of a document that `readWithoutContent` gave without its
 * content: its octets stand in the document as they were, from where the element begins.
 * @throws FormatError ERR_FORMAT_STORED: the document ends before it
 */
export async function digestEncapsulated(
  source: AsyncIterable<Uint8Array>,
  { encapContentInfo, elided }: { readonly encapContentInfo: Tlv; readonly elided: Elided },
  algorithms: readonly DigestAlgorithm[],
): Promise<ReadonlyMap<DigestAlgorithm, RunningDigest>> {
  const running = new Map(algorithms.map((one) => [one, createDigest(one)]));
  const { offset: start, raw } = encapContentInfo;
  let [offset, left] = [0, raw.length + elided.length];
  for await (const chunk of source) {
    const part = chunk.subarray(Math.max(0, start - offset)).subarray(0, left);
    for (const digest of running.values()) digest.update(part);
    left -= part.length;
    offset += chunk.length;
    if (left === 0) return running;
  }
  throw new FormatError('ERR_FORMAT_STORED', 'the document is shorter than it was');
}

/** Digests of the content as it passes. @throws FormatError as `readWithoutContent` */
export async function digestContent(
  source: AsyncIterable<Uint8Array>,
  algorithms: readonly DigestAlgorithm[],
): Promise<ReadonlyMap<DigestAlgorithm, Uint8Array>> {
  return (await scan(source, () => algorithms)).digests;
}
