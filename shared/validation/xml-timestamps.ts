// Timestamps of XAdES signatures into facts: their imprints recomputed, and what each proves to have
// existed. EN 319 132-1 §5.2.8, §5.3, §5.5.2, A.1.5; EN 319 102-1 §5.6.2.3.
import { digest } from '#shared/crypto/digest.ts';
import { type Problem, attempt, problemOf } from '#shared/problem.ts';
import { type TimeStampToken, parseTimeStampToken } from '#shared/tsp/token.ts';
import { readOcsp } from '#shared/validation/collect.ts';
import { type CoveredObjects, objectsOfOcspResponse } from '#shared/validation/covered-objects.ts';
import { compareImprint } from '#shared/validation/read-cms.ts';
import type { TimestampFacts } from '#shared/validation/facts.ts';
import { type EvidencePlace, addUnread, attemptEvidence } from '#shared/validation/reading.ts';
import type { ReferenceReading, XmlSource } from '#shared/validation/xml-references.ts';
import { type TimestampedInput, timestampedInput } from '#shared/xades/imprint.ts';
import { xadesNamespaces } from '#shared/xades/names.ts';
import type { XadesSignature, XadesTimestamp } from '#shared/xades/read.ts';
import { type XmlElement, walkElements } from '#shared/xml/tree.ts';
import { dsNamespace } from '#shared/xmldsig/names.ts';
import { base64Of } from '#shared/xmldsig/references.ts';

/** What the elements hold whose octets are objects that a proof may be asked for, by their names. */
const readers = new Map<string, (octets: Uint8Array) => CoveredObjects>([
  ['SignatureValue', (octets) => ({ objects: [octets] })],
  ['X509Certificate', (octets) => ({ objects: [octets] })],
  ['EncapsulatedX509Certificate', (octets) => ({ objects: [octets] })],
  ['EncapsulatedCRLValue', (octets) => ({ objects: [octets] })],
  ['EncapsulatedOCSPValue', (octets) => ({ objects: objectsOfOcspResponse(readOcsp(octets)) })],
  ['EncapsulatedTimeStamp', (octets) => ({ tokens: [parseTimeStampToken(octets)] })],
]);

const namespaces: readonly string[] = [dsNamespace, ...xadesNamespaces];

/**
 * What stands in the elements that are digested, and nothing else: signature values, tokens, validation
 * data. What does not parse is no object; the readers have said so.
 */
export function objectsIn(elements: readonly XmlElement[]): CoveredObjects {
  const found = elements
    .flatMap((element) => [...walkElements(element)])
    .flatMap((element) => {
      const read = namespaces.includes(element.namespace)
        ? readers.get(element.localName)
        : undefined;
      if (!read) return [];
      return attempt([], undefined, () => read(base64Of(element, element.localName))) ?? [];
    });
  return {
    objects: found.flatMap(({ objects = [] }) => objects),
    tokens: found.flatMap(({ tokens = [] }) => tokens),
  };
}

type Coverage = Pick<TimestampFacts, 'imprintFound' | 'imprintIntact'> & {
  readonly covers?: CoveredObjects;
};

function coverageOf(token: TimeStampToken, input: TimestampedInput): Coverage {
  const { parts, elements, wider } = input;
  const facts = compareImprint(token, (algorithm) => parts && digest(algorithm, ...parts));
  if (!facts.imprintIntact && wider) {
    const coverage = coverageOf(token, wider);
    if (coverage.imprintIntact) return coverage;
  }
  // Decoded only where they are proved: each timestamp is over all that the earlier ones are over.
  return facts.imprintIntact ? { ...facts, covers: objectsIn(elements) } : facts;
}

/** What the timestamp is over; else why that cannot be told. */
function inputOf(
  source: XmlSource,
  signature: XadesSignature,
  references: readonly ReferenceReading[],
  timestamp: XadesTimestamp,
): TimestampedInput | Problem {
  const data = new Map(signature.references.map((one, index) => [one, references[index]?.data]));
  try {
    return timestampedInput(timestamp, signature, {
      home: source.home,
      process: (reference) => data.get(reference),
    });
  } catch (error) {
    return problemOf(error, source.place);
  }
}

/** Adds all timestamps of one signature. `references`: those of SignedInfo, in order. */
export function addXmlTimestamps(
  source: XmlSource,
  signature: XadesSignature,
  references: readonly ReferenceReading[],
  of: string,
): void {
  const { reading, place } = source;
  const { collector } = reading;
  for (const timestamp of signature.timestamps) {
    const { type, tokens, unread } = timestamp;
    const evidence: EvidencePlace = { subject: 'timestamp', of, type, place };
    addUnread(reading, evidence, unread);
    const input = inputOf(source, signature, references, timestamp);
    const isUnsupported = 'code' in input && input.code.startsWith('ERR_UNSUPPORTED');
    if ('code' in input) {
      collector.problems.push(input);
      // A container that contradicts itself is as bad as a token that does; what is not computed says so by itself.
      if (!isUnsupported) addUnread(reading, evidence, [input]);
    }
    for (const octets of tokens)
      attemptEvidence(reading, evidence, () => {
        const token = parseTimeStampToken(octets);
        const coverage: Coverage = isUnsupported
          ? {}
          : 'code' in input
            ? { imprintFound: false, imprintIntact: false }
            : coverageOf(token, input);
        collector.addTimestamp({ type, token, of, place, ...coverage });
      });
  }
}
