// XML documents, XML signatures and RFC 6283 records into facts. Signature values and imprints over
// canonical XML are not computed here: those facts carry no claim.
import { equalBytes, toHex } from '#shared/bytes.ts';
import { digestAlgorithmOfUri } from '#shared/crypto/digest-uri.ts';
import { digest } from '#shared/crypto/digest.ts';
import { rootOfReduced } from '#shared/ers/reduce.ts';
import {
  type XmlArchiveTimeStamp,
  readXmlEvidenceRecord,
  xmlErsNamespace,
} from '#shared/ers/xml-evidence-record.ts';
import { attempt } from '#shared/problem.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import type { Facts, ReferenceFacts, SignatureLevel } from '#shared/validation/facts.ts';
import { readEvidenceRecord } from '#shared/validation/read-evidence-record.ts';
import type { Reading, SignedContent } from '#shared/validation/reading.ts';
import { dsNamespace } from '#shared/xades/names.ts';
import { type XadesSignature, findSignatures, readXadesSignature } from '#shared/xades/read.ts';
import {
  type IdIndex,
  type XmlReference,
  indexIds,
  readReferences,
  signatureError,
  targetOf,
} from '#shared/xades/references.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { type XmlElement, isElement, walkElements } from '#shared/xml/tree.ts';

export type XmlContext = {
  readonly place?: string | undefined;
  /** What a reference outside of the document names, where it is at hand. */
  readonly contentOf?: (uri: string) => SignedContent | undefined;
};

type Document = XmlContext & { readonly reading: Reading; readonly ids: IdIndex };

function referenceFacts(document: Document, reference: XmlReference): ReferenceFacts {
  const { reading, place, ids } = document;
  const algorithm = digestAlgorithmOfUri(reference.digestMethod);
  const facts: ReferenceFacts = {
    kind: reference.type?.endsWith('#SignedProperties') ? 'signed-properties' : 'xml-reference',
    uri: reference.uri,
    algorithm: algorithm ?? reference.digestMethod,
    digest: toHex(reference.digestValue),
  };
  const target = attempt(reading.collector.problems, place, () => targetOf(reference, ids));
  if (!target) return { ...facts, found: false, intact: false };
  if (target.kind !== 'external') return { ...facts, found: true };
  const contents = [document.contentOf?.(decodeName(target.uri)), ...reading.detached];
  const fits = contents.find((content) => {
    const actual = algorithm && content?.digest(algorithm);
    return actual && equalBytes(actual, reference.digestValue);
  });
  const found = fits ?? contents[0];
  if (!found) {
    reading.collector.problems.push({
      severity: 'error',
      code: 'xml-reference-outside',
      message: `reference to ${JSON.stringify(target.uri)} is not in the document and was not given`,
      ...(place !== undefined && { place }),
    });
  }
  // With a transform the digest is over something else than the octets: not computed here.
  const computed = reference.transforms.length === 0 || fits !== undefined;
  return {
    ...facts,
    found: found !== undefined,
    ...((computed || !found) && { intact: fits !== undefined }),
  };
}

function decodeName(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    // A bare "%": the name is written as it is.
    return uri;
  }
}

/** A manifest may not cover itself: whoever followed it would never end. XML Signature 1.1 §5.1 */
function checkManifests(document: Document, signature: XmlElement): void {
  for (const manifest of walkElements(signature)) {
    if (!isElement(manifest, dsNamespace, 'Manifest')) continue;
    attempt(document.reading.collector.problems, document.place, () => {
      for (const reference of readReferences(manifest)) {
        const target = targetOf(reference, document.ids);
        if (target.kind !== 'element') continue;
        for (let at: XmlElement | undefined = manifest; at; at = at.parent)
          if (at === target.element) throw signatureError('manifest that covers itself');
      }
    });
  }
}

/** The certificate that SigningCertificate names by digest; without that, the first of KeyInfo. */
function signerOf(
  signature: XadesSignature,
  keyCertificates: readonly Certificate[],
  others: readonly Certificate[],
): Certificate | undefined {
  const [named] = signature.signingCertificates;
  const algorithm = named && digestAlgorithmOfUri(named.digestMethod);
  const meant =
    algorithm &&
    [...keyCertificates, ...others].find((one) =>
      equalBytes(digest(algorithm, one.raw), named.digestValue),
    );
  // A certificate that the signer did not name is not the signer's (EN 319 132-1 §5.2.2).
  return algorithm ? meant : keyCertificates[0];
}

function levelOf(signature: XadesSignature): SignatureLevel {
  const types = new Set(signature.timestamps.map(({ type }) => type));
  if (types.has('archive')) return 'LTA';
  if (!types.has('signature')) return 'B';
  return signature.crls.length + signature.ocspResponses.length > 0 ? 'LT' : 'T';
}

function addSignature(
  document: Document,
  element: XmlElement,
  countersigns: string | undefined,
  depth: number,
): 'XML' | 'XAdES' {
  const { reading, place } = document;
  const { collector } = reading;
  if (depth > 8) throw signatureError('countersignatures nested too deep');
  const signature = readXadesSignature(element);
  collector.addProblems(signature.problems, place);
  checkManifests(document, element);
  const add = (octets: Uint8Array): Certificate | undefined =>
    collector.addCertificateOctets(octets, place);
  const keyCertificates = signature.keyCertificates.map(add).filter((one) => one !== undefined);
  const others = signature.certificates.map(add).filter((one) => one !== undefined);
  for (const octets of signature.crls) collector.addCrlOctets(octets, place);
  for (const octets of signature.ocspResponses) collector.addOcspOctets(octets, place);
  const references = signature.references.map((reference) => referenceFacts(document, reference));
  const id = collector.addSignature({
    by: {
      kind: 'xml',
      certificate: signerOf(signature, keyCertificates, others),
      digestAlgorithm: references[0]?.algorithm,
      signatureAlgorithm: signature.signatureMethod,
    },
    format: signature.isXades ? 'XAdES' : 'XML',
    level: levelOf(signature),
    place: [place, signature.id].filter((part) => part !== undefined).join('#') || undefined,
    countersigns,
    claimedSigningTime: signature.claimedSigningTime,
    detached: references.some(({ uri }) => uri !== undefined && !/^(?:#|$)/.test(uri)),
    references,
  });
  for (const { type, tokens } of signature.timestamps)
    for (const octets of tokens)
      attempt(collector.problems, place, () => {
        collector.addTimestamp({ type, token: parseTimeStampToken(octets), of: id, place });
      });
  for (const record of signature.evidenceRecords)
    attempt(collector.problems, place, () => {
      if (record instanceof Uint8Array)
        readEvidenceRecord(reading, record, { of: id, place, dataObjects: [] });
      else addXmlEvidenceRecord(reading, record, place, id);
    });
  for (const counter of signature.countersignatures)
    attempt(collector.problems, place, () => {
      addSignature(document, counter, id, depth + 1);
    });
  return signature.isXades ? 'XAdES' : 'XML';
}

/** Imprint by the hash tree alone; without a tree it is what is covered, which is not looked for here. */
function treeFacts(
  { hashTree, token }: XmlArchiveTimeStamp,
  chainAlgorithm: Parameters<typeof rootOfReduced>[0],
): { readonly imprintFound?: boolean; readonly imprintIntact?: boolean } {
  if (!hashTree) return {};
  const root = rootOfReduced(chainAlgorithm, hashTree);
  const { algorithm, hashedMessage } = token.tstInfo.messageImprint;
  const expected =
    root && algorithm && algorithm !== chainAlgorithm ? digest(algorithm, root) : root;
  return {
    imprintFound: true,
    imprintIntact: expected !== undefined && equalBytes(expected, hashedMessage),
  };
}

function addXmlEvidenceRecord(
  reading: Reading,
  element: XmlElement,
  place: string | undefined,
  of: string | undefined,
): void {
  const { collector } = reading;
  const record = readXmlEvidenceRecord(element);
  for (const { type, octets } of record.cryptographicInformation) {
    if (/cert/i.test(type)) collector.addCertificateOctets(octets, place);
    else if (/crl/i.test(type)) collector.addCrlOctets(octets, place);
    else if (/ocsp/i.test(type)) collector.addOcspOctets(octets, place);
  }
  const id = collector.nextEvidenceRecordId();
  const chains = record.chains.map(({ digestAlgorithm, archiveTimeStamps }) => ({
    digestAlgorithm,
    archiveTimeStamps: archiveTimeStamps.map((archiveTimeStamp) => ({
      timestamp: collector.addTimestamp({
        type: 'evidence-record',
        token: archiveTimeStamp.token,
        of: id,
        place,
        ...treeFacts(archiveTimeStamp, digestAlgorithm),
      }),
      reducedHashtree: archiveTimeStamp.hashTree?.map((list) => list.length) ?? [],
    })),
  }));
  const times = record.chains.flatMap(({ archiveTimeStamps }) =>
    archiveTimeStamps.map(({ token }) => token.tstInfo.genTime),
  );
  const [first] = record.chains;
  const leaves = first?.archiveTimeStamps[0]?.hashTree?.[0] ?? [];
  collector.addEvidenceRecord({
    kind: 'RFC 6283',
    place,
    of,
    chains,
    initialTime: times[0],
    lastTime: times.at(-1),
    references: leaves.map((value) => ({
      kind: 'record-leaf',
      algorithm: first?.digestAlgorithm ?? '',
      digest: toHex(value),
    })),
    dataObjects: [],
  });
}

/**
 * Adds the signatures, or the record, of one XML document.
 * @throws FormatError ERR_FORMAT_XML, ERR_FORMAT_LIMIT; UnsupportedError: a document type declaration
 */
export function readXmlSignatures(
  reading: Reading,
  octets: Uint8Array,
  context: XmlContext,
): Extract<Facts['format'], 'XML' | 'XAdES' | 'ER-XML'> {
  const { root } = parseXml(octets);
  if (isElement(root, xmlErsNamespace, 'EvidenceRecord')) {
    addXmlEvidenceRecord(reading, root, context.place, undefined);
    return 'ER-XML';
  }
  const document: Document = { ...context, reading, ids: indexIds(root) };
  const kinds = findSignatures(root).map((element) =>
    attempt(reading.collector.problems, context.place, () =>
      addSignature(document, element, undefined, 0),
    ),
  );
  return kinds.includes('XAdES') ? 'XAdES' : 'XML';
}

/** @throws FormatError, UnsupportedError as readXmlSignatures */
export function readXmlDocument(reading: Reading, octets: Uint8Array): Pick<Facts, 'format'> {
  return { format: readXmlSignatures(reading, octets, {}) };
}
