// XML documents, XML signatures and RFC 6283 records into facts. Signature values are not verified here.
import {
  asEvidenceRecord,
  readXmlEvidenceRecord,
  xmlErsNamespace,
} from '#shared/ers/xml-evidence-record.ts';
import { digest } from '#shared/crypto/digest.ts';
import { leafDigest } from '#shared/ers/hash-tree.ts';
import { attempt } from '#shared/problem.ts';
import type { Facts, SignatureLevel } from '#shared/validation/facts.ts';
import {
  addEvidenceRecord,
  readEvidenceRecord,
  type RecordContext,
} from '#shared/validation/read-evidence-record.ts';
import {
  type EvidencePlace,
  type Reading,
  type SignedContent,
  addUnread,
  attemptEvidence,
} from '#shared/validation/reading.ts';
import {
  type ReferenceReading,
  type XmlContext,
  type XmlSource,
  checkManifests,
  readManifests,
  readReference,
} from '#shared/validation/xml-references.ts';
import { judgeableXml } from '#shared/validation/xml-signature.ts';
import { addXmlTimestamps, objectsIn } from '#shared/validation/xml-timestamps.ts';
import { sealedInput } from '#shared/xades/imprint.ts';
import { type XadesSignature, findSignatures, readXadesSignature } from '#shared/xades/read.ts';
import { namedSigner, seemingSigner } from '#shared/xades/verify.ts';
import { signedDocument } from '#shared/xmldsig/process.ts';
import { signatureError } from '#shared/xmldsig/references.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { type XmlElement, isElement } from '#shared/xml/tree.ts';

function levelOf(signature: XadesSignature): SignatureLevel {
  const types = new Set(signature.timestamps.map(({ type }) => type));
  if (types.has('archive')) return 'LTA';
  if (!types.has('signature')) return 'B';
  return signature.crls.length + signature.ocspResponses.length > 0 ? 'LT' : 'T';
}

/** The signature that one is over: its id in the facts, and its value. */
type Countersigned = { readonly id: string; readonly value: XmlElement; readonly depth: number };

/**
 * The certificate that SigningCertificate names by digest; without that, the first of KeyInfo. Where the one that is
 * named is not at hand, who seems to have signed: that it is another one is for the verdict (EN 319 132-1 §5.2.2).
 */
function signerOf(
  { home }: XmlSource,
  signature: XadesSignature,
  keyCertificates: readonly Certificate[],
  others: readonly Certificate[],
): Certificate | undefined {
  if (signature.signingCertificates.length === 0) return keyCertificates[0];
  return (
    namedSigner(signature, [...keyCertificates, ...others]) ??
    seemingSigner({ signature, home, keyCertificates })
  );
}

function addSignature(
  source: XmlSource,
  element: XmlElement,
  countersigned: Countersigned | undefined,
): 'XML' | 'XAdES' {
  const { reading, place } = source;
  const { collector } = reading;
  const depth = countersigned?.depth ?? 0;
  if (depth > 8) throw signatureError('countersignatures nested too deep');
  const signature = readXadesSignature(element);
  collector.addProblems(signature.problems, place);
  checkManifests(source, element);
  const add = (octets: Uint8Array): Certificate | undefined =>
    collector.addCertificateOctets(octets, place);
  const keyCertificates = signature.keyCertificates.map(add).filter((one) => one !== undefined);
  const others = signature.certificates.map(add).filter((one) => one !== undefined);
  for (const octets of signature.crls) collector.addCrlOctets(octets, place);
  for (const octets of signature.ocspResponses) collector.addOcspOctets(octets, place);
  const references = signature.references.map((reference) =>
    readReference(source, signature, reference, 'xml-reference'),
  );
  const facts = references.map((reference) => reference.facts);
  const entries = readManifests(source, signature, references);
  const id = collector.addSignature({
    by: {
      kind: 'xml',
      certificate: signerOf(source, signature, keyCertificates, others),
      digestAlgorithm: facts[0]?.algorithm,
      signatureAlgorithm: signature.signatureMethod,
    },
    format: signature.isXades ? 'XAdES' : 'XML',
    level: levelOf(signature),
    place: [place, signature.id].filter((part) => part !== undefined).join('#') || undefined,
    countersigns: countersigned?.id,
    claimedSigningTime: signature.claimedSigningTime,
    detached: facts.some(({ uri }) => uri !== undefined && !/^(?:#|$)/.test(uri)),
    references: [...facts, ...entries],
  });
  reading.xmlSignatures.push(
    judgeableXml(source, signature, {
      id,
      references,
      entries,
      keyCertificates,
      others,
      countersigned: countersigned?.value,
    }),
  );
  addXmlTimestamps(source, signature, references, id);
  const sealing: EvidencePlace = { subject: 'evidence-record', of: id, type: 'sealing', place };
  addUnread(reading, sealing, signature.unreadRecords);
  for (const { property, record } of signature.evidenceRecords)
    attemptEvidence(reading, sealing, () => {
      const sealed = sealedBy(source, property, signature, references);
      if (record instanceof Uint8Array)
        readEvidenceRecord(reading, record, { of: id, place, ...sealed });
      else addXmlEvidenceRecord(source, record, { of: id, ...sealed });
    });
  const countersigning: EvidencePlace = { subject: 'signature', of: id, type: 'counter', place };
  for (const counter of signature.countersignatures)
    attemptEvidence(reading, countersigning, () => {
      addSignature(source, counter, {
        id,
        value: signature.signatureValueElement,
        depth: depth + 1,
      });
    });
  return signature.isXades ? 'XAdES' : 'XML';
}

/**
 * What a record that seals a signature is over: the hash of the hashes of its parts, as of one group; beside it
 * may stand detached content. Nothing where that cannot be computed, and the reason among the problems.
 * TS 119 132-3 §5.2
 */
function sealedBy(
  { reading, place, home }: XmlSource,
  property: XmlElement,
  signature: XadesSignature,
  references: readonly ReferenceReading[],
): Pick<RecordContext, 'dataObjects' | 'covers'> {
  const data = new Map(signature.references.map((one, index) => [one, references[index]?.data]));
  const input = attempt(reading.collector.problems, place, () =>
    sealedInput(property, signature, { home, process: (reference) => data.get(reference) }),
  );
  if (!input) return { dataObjects: [] };
  const { parts, elements } = input;
  const sealed: SignedContent = {
    name: 'signature',
    digest: (algorithm) =>
      parts &&
      leafDigest(
        algorithm,
        parts.map((part) => digest(algorithm, part)),
      ),
  };
  return {
    dataObjects: (isHeld) => [sealed, ...reading.detached.filter(isHeld)],
    covers: objectsIn(elements),
  };
}

function addXmlEvidenceRecord(
  { reading, place, home, dataObjects = [], entries }: XmlSource,
  element: XmlElement,
  sealing?: Pick<RecordContext, 'of' | 'dataObjects' | 'covers'>,
): void {
  const { collector } = reading;
  const record = readXmlEvidenceRecord(element);
  for (const { type, octets } of record.cryptographicInformation) {
    if (/cert/i.test(type)) collector.addCertificateOctets(octets, place);
    else if (/crl/i.test(type)) collector.addCrlOctets(octets, place);
    else if (/ocsp/i.test(type)) collector.addOcspOctets(octets, place);
  }
  addEvidenceRecord(reading, asEvidenceRecord(record, home.canonicalize), {
    place,
    dataObjects,
    ...(sealing ?? { entries }),
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
  const document = parseXml(octets);
  const { root } = document;
  const source: XmlSource = { ...context, reading, home: signedDocument(document) };
  if (isElement(root, xmlErsNamespace, 'EvidenceRecord')) {
    addXmlEvidenceRecord(source, root);
    return 'ER-XML';
  }
  const { place } = context;
  const kinds = findSignatures(root).map((element) =>
    attemptEvidence(reading, { subject: 'signature', type: 'xml', place }, () =>
      addSignature(source, element, undefined),
    ),
  );
  return kinds.includes('XAdES') ? 'XAdES' : 'XML';
}

/** @throws FormatError, UnsupportedError as readXmlSignatures */
export function readXmlDocument(reading: Reading, octets: Uint8Array): Pick<Facts, 'format'> {
  return { format: readXmlSignatures(reading, octets, { dataObjects: reading.detached }) };
}
