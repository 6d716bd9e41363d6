// Trusted lists of ETSI TS 119 612 (versions 2.1.1 to 2.4.1: TSLVersionIdentifier 5 and 6): who runs which trust
// services, with which certificates, and since when under which status. Read only; whose list it is, and
// what follows from it, stand in trusted-list-chain.ts and trusted-list-services.ts.
import { fromBase64 } from '#shared/bytes.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import { additionalTypesNamespace, tslNamespace as tsl } from './trusted-list-names.ts';
import { type Certificate, parseCertificate } from '#shared/x509/certificate.ts';
import { parseXml } from '#shared/xml/parse.ts';
import {
  type XmlDocument,
  type XmlElement,
  childNamed,
  childrenNamed,
  isElement,
  textOf,
  walkElements,
} from '#shared/xml/tree.ts';

/** §5.5, §5.6: a service as of one period: the present one, or an entry of its history. */
export type ServiceStatus = {
  readonly serviceType: string;
  readonly status: string;
  /** From this instant on, until the entry above it begins. */
  readonly startingTime: Temporal.Instant;
  /** Additional information on what the service is for, by URI (§5.5.9.4). */
  readonly additional: readonly string[];
};

export type TrustService = {
  readonly provider: string;
  readonly name: string;
  /** Certificates of its digital identity (§5.5.3). */
  readonly certificates: readonly Certificate[];
  /** The present one first, then its history as listed. */
  readonly statuses: readonly ServiceStatus[];
};

/** §5.3.13: another list, and whose keys may have signed it. */
export type ListPointer = {
  readonly location: string;
  readonly type: string | undefined;
  readonly territory: string | undefined;
  readonly signers: readonly Certificate[];
};

export type TrustedList = {
  readonly document: XmlDocument;
  readonly version: number;
  readonly sequenceNumber: number;
  readonly type: string;
  readonly territory: string | undefined;
  readonly operator: string;
  readonly issued: Temporal.Instant;
  /** Absent: the list is closed and has no successor (§5.3.15). */
  readonly nextUpdate: Temporal.Instant | undefined;
  /** Where a list of lists names its pivots, and where all explain themselves (§5.3.7). */
  readonly informationUris: readonly string[];
  readonly pointers: readonly ListPointer[];
  readonly services: readonly TrustService[];
  /** Certificates that could not be read: their services have none of them. */
  readonly warnings: readonly string[];
};

const limits = {
  maxOctets: 32 * 1024 * 1024,
  maxDepth: 60,
  maxNodes: 1_000_000,
  maxAttributes: 100,
} as const;
const maxServices = 20_000;
const maxCertificates = 50_000;
/** The editions that are read: 2.1.1 and 2.2.1 write 5, 2.3.1 and 2.4.1 write 6. */
const versions: readonly number[] = [5, 6];

function tslError(message: string, clause: string): FormatError {
  return new FormatError('ERR_FORMAT_XML', message, { clause: `ETSI TS 119 612 ${clause}` });
}

function child(parent: XmlElement | undefined, name: string): XmlElement | undefined {
  return childNamed(parent, tsl, name);
}

function text(parent: XmlElement | undefined, name: string, clause: string): string {
  const value = textOf(child(parent, name))?.trim();
  if (!value) throw tslError(`no ${name}`, clause);
  return value;
}

/** The English name where there is one: those that all lists have to give (§5.1.4). */
function nameIn(parent: XmlElement | undefined, name: string, clause: string): string {
  const names = childrenNamed(child(parent, name), tsl, 'Name');
  const english = names.find((one) =>
    one.attributes.some(
      ({ localName, value }) => localName === 'lang' && value.toLowerCase() === 'en',
    ),
  );
  const value = textOf(english ?? names[0])?.trim();
  if (!value) throw tslError(`no ${name}`, clause);
  return value;
}

/** §5.1.3: UTC, in whole seconds; fractions are read where a list has them. */
function instantOf(value: string, clause: string): Temporal.Instant {
  try {
    return Temporal.Instant.from(value);
  } catch (cause) {
    throw new FormatError('ERR_FORMAT_XML', `${JSON.stringify(value)} is no instant`, {
      clause: `ETSI TS 119 612 ${clause}`,
      cause,
    });
  }
}

function countOf(parent: XmlElement | undefined, name: string, clause: string): number {
  const value = text(parent, name, clause);
  if (!/^\d{1,9}$/.test(value)) throw tslError(`${name} is no number`, clause);
  return Number(value);
}

/** One run over one list: certificates that recur are read once. */
class ListReader {
  readonly warnings: string[] = [];
  readonly #certificates = new Map<string, Certificate | undefined>();

  /** X509Certificate elements of digital identities; what is none is said, and the service lives on. */
  certificates(identities: readonly XmlElement[], where: string): Certificate[] {
    const found = identities
      .flatMap((identity) => childrenNamed(identity, tsl, 'DigitalId'))
      .flatMap((id) => childrenNamed(id, tsl, 'X509Certificate'))
      .flatMap((element) => this.#read(textOf(element) ?? '', where) ?? []);
    return [...new Set(found)];
  }

  #read(base64: string, where: string): Certificate | undefined {
    const key = base64.replace(/\s+/g, '');
    if (this.#certificates.has(key)) return this.#certificates.get(key);
    if (this.#certificates.size >= maxCertificates)
      throw new FormatError('ERR_FORMAT_LIMIT', `more than ${maxCertificates} certificates`);
    let certificate: Certificate | undefined;
    try {
      const octets = fromBase64(key);
      if (!octets) throw tslError('certificate that is no Base64', '§5.5.3');
      certificate = parseCertificate(octets);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      this.warnings.push(`${where}: ${error.message}`);
    }
    this.#certificates.set(key, certificate);
    return certificate;
  }
}

function readStatus(element: XmlElement, startName: string): ServiceStatus {
  const extensions = child(element, 'ServiceInformationExtensions');
  const additional = childrenNamed(extensions, tsl, 'Extension')
    .flatMap((extension) => childrenNamed(extension, tsl, 'AdditionalServiceInformation'))
    .flatMap((information) => textOf(child(information, 'URI'))?.trim() || []);
  return {
    serviceType: text(element, 'ServiceTypeIdentifier', '§5.5.1'),
    status: text(element, 'ServiceStatus', '§5.5.4'),
    startingTime: instantOf(text(element, startName, '§5.5.5'), '§5.5.5'),
    additional,
  };
}

function readService(element: XmlElement, provider: string, reader: ListReader): TrustService {
  const information = child(element, 'ServiceInformation');
  if (!information) throw tslError('service without information', '§5.5');
  const name = nameIn(information, 'ServiceName', '§5.5.2');
  const history = childrenNamed(child(element, 'ServiceHistory'), tsl, 'ServiceHistoryInstance');
  return {
    provider,
    name,
    certificates: reader.certificates(
      childrenNamed(information, tsl, 'ServiceDigitalIdentity'),
      `${provider}, ${name}`,
    ),
    statuses: [information, ...history].map((one) => readStatus(one, 'StatusStartingTime')),
  };
}

function readServices(root: XmlElement, reader: ListReader): readonly TrustService[] {
  const providers = childrenNamed(
    child(root, 'TrustServiceProviderList'),
    tsl,
    'TrustServiceProvider',
  );
  const services = providers.flatMap((provider) => {
    const name = nameIn(child(provider, 'TSPInformation'), 'TSPName', '§5.4.1');
    return childrenNamed(child(provider, 'TSPServices'), tsl, 'TSPService').map((service) =>
      readService(service, name, reader),
    );
  });
  if (services.length > maxServices)
    throw new FormatError('ERR_FORMAT_LIMIT', `more than ${maxServices} services`);
  return services;
}

function readPointer(element: XmlElement, reader: ListReader): ListPointer {
  const location = text(element, 'TSLLocation', '§5.3.13');
  const identities = childrenNamed(
    child(element, 'ServiceDigitalIdentities'),
    tsl,
    'ServiceDigitalIdentity',
  );
  const information = [...walkElements(child(element, 'AdditionalInformation') ?? element)];
  const said = (name: string): string | undefined =>
    textOf(
      information.find((one) => isElement(one, [tsl, additionalTypesNamespace], name)),
    )?.trim();
  return {
    location,
    type: said('TSLType'),
    territory: said('SchemeTerritory'),
    signers: reader.certificates(identities, location),
  };
}

/**
 * A trusted list, or a list of lists, from its XML. Nothing is verified.
 * @throws FormatError ERR_FORMAT_XML: no such list; ERR_FORMAT_LIMIT; UnsupportedError: another version
 * @see ETSI TS 119 612 §5
 */
export function parseTrustedList(octets: Uint8Array): TrustedList {
  const document = parseXml(octets, limits);
  const { root } = document;
  if (!isElement(root, tsl, 'TrustServiceStatusList'))
    throw tslError('no TrustServiceStatusList at the root', '§5.2');
  const scheme = child(root, 'SchemeInformation');
  const version = countOf(scheme, 'TSLVersionIdentifier', '§5.3.1');
  if (!versions.includes(version))
    throw new UnsupportedError(
      'ERR_UNSUPPORTED_VERSION',
      `trusted list of TSLVersionIdentifier ${version}: 5 (ETSI TS 119 612 v2.1.1 and v2.2.1) and 6 (v2.3.1 and v2.4.1) are read`,
      { feature: `TSLVersionIdentifier ${version}` },
    );
  const reader = new ListReader();
  const next = textOf(childNamed(child(scheme, 'NextUpdate'), tsl, 'dateTime'))?.trim();
  const pointers = childrenNamed(child(scheme, 'PointersToOtherTSL'), tsl, 'OtherTSLPointer');
  return {
    document,
    version,
    sequenceNumber: countOf(scheme, 'TSLSequenceNumber', '§5.3.2'),
    type: text(scheme, 'TSLType', '§5.3.3'),
    territory: textOf(child(scheme, 'SchemeTerritory'))?.trim(),
    operator: nameIn(scheme, 'SchemeOperatorName', '§5.3.4'),
    issued: instantOf(text(scheme, 'ListIssueDateTime', '§5.3.14'), '§5.3.14'),
    nextUpdate: next ? instantOf(next, '§5.3.15') : undefined,
    informationUris: childrenNamed(child(scheme, 'SchemeInformationURI'), tsl, 'URI').flatMap(
      (uri) => textOf(uri)?.trim() || [],
    ),
    pointers: pointers.map((pointer) => readPointer(pointer, reader)),
    services: readServices(root, reader),
    warnings: reader.warnings,
  };
}
