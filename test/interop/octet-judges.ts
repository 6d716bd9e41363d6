// Files of the corpus with an archive timestamp, turned octet by octet as our own are in
// test/shared/validation/every-octet.test.ts: no turned octet of what the timestamp is over leaves the verdict good. Trusted
// is what they bring, at their own time; revocation data is asked for where they have it.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { digest } from '#shared/crypto/digest.ts';
import { readDocument } from '#shared/validation/inspect.ts';
import { validateLongTerm } from '#shared/validation/long-term.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import {
  type Free,
  freeInPdf,
  freeInXml,
  freeInZip,
  unnoticed,
} from '../shared/validation/_every-octet.ts';

type Archived = {
  readonly file: string;
  /** An hour after its newest timestamp. */
  readonly at: string;
  readonly free: (octets: Uint8Array) => Free;
  /** Of the sample: a prime. */
  readonly stride: number;
};

export const archivedFiles: readonly Archived[] = [
  {
    file: 'dss-xades/src/test/resources/validation/xades-lta-valid.xml',
    at: '2021-08-13T15:27:50Z',
    free: freeInXml,
    stride: 137,
  },
  {
    file: 'dss-pades/src/test/resources/validation/pades-enveloping-other-pdf.pdf',
    at: '2021-03-02T18:36:05Z',
    free: freeInPdf,
    stride: 1009,
  },
  {
    file: 'dss-asic-xades/src/test/resources/validation/asic-xades-revoc-for-expired-trust-anchor.asics',
    at: '2016-04-14T13:34:16Z',
    free: freeInZip,
    stride: 163,
  },
];

/** Whether a verdict is `valid`, with the anchors that the file as it was had in it. */
function judgeWith(octets: Uint8Array, at: string): (bytes: Uint8Array) => boolean {
  const { certificates, timestamps } = readDocument({ bytes: octets, size: octets.length });
  const anchors = [
    ...certificates,
    ...timestamps.flatMap(({ token }) => token.signedData.certificates),
  ]
    .filter(({ subject, issuer }) => subject.text === issuer.text)
    .map((certificate) => ({ certificate }));
  return (bytes) => {
    const { tree } = validateLongTerm({
      name: 'document',
      bytes,
      size: bytes.length,
      digest: (algorithm) => digest(algorithm, bytes),
      at: Temporal.Instant.from(at),
      material: {
        signerAnchors: anchors,
        tsuAnchors: anchors,
        certificates: [],
        crls: [],
        ocspResponses: [],
        revocationMode: 'soft',
      },
    });
    return tree.status === 'valid';
  };
}

/** One file; without `stride` every octet of it. */
export async function judgeOctets(
  corpus: string,
  { file, at, free }: Archived,
  stride = 1,
): Promise<ConformanceResult> {
  const octets = new Uint8Array(await readFile(path.join(corpus, file)));
  const isGood = judgeWith(octets, at);
  const places = isGood(octets) ? unnoticed(octets, stride, free(octets), isGood) : undefined;
  return {
    case: path.basename(file),
    passed: places?.length === 0,
    expected: 'valid, and no turned octet unnoticed',
    got: places ? `unnoticed: ${places.slice(0, 40).join(', ') || 'none'}` : 'not valid as it is',
  };
}

export async function judgeSampledOctets(corpus: string): Promise<ConformanceReport> {
  const results: ConformanceResult[] = [];
  for (const one of archivedFiles) results.push(await judgeOctets(corpus, one, one.stride));
  return { results };
}
