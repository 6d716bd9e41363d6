// Namespaces and element names of XAdES. EN 319 132-1 Annex; the older versions that old documents
// still carry.
export const xadesNamespaces = [
  'http://uri.etsi.org/01903/v1.3.2#',
  'http://uri.etsi.org/01903/v1.4.1#',
  'http://uri.etsi.org/01903/v1.2.2#',
  'http://uri.etsi.org/01903/v1.1.1#',
] as const;

/** TS 119 132-3: evidence records in XAdES. */
export const xadesEvidenceNamespace = 'http://uri.etsi.org/19132/v1.1.1#';

export type XadesTimestampType =
  | 'signature'
  | 'references-only'
  | 'validation-data'
  | 'archive'
  | 'all-data-objects'
  | 'individual-data-objects';

/** What a timestamp container's name says. EN 319 132-1 §5.2, §5.3, §5.5 and Annex A. */
export const timestampTypes: ReadonlyMap<string, XadesTimestampType> = new Map([
  ['AllDataObjectsTimeStamp', 'all-data-objects'],
  ['IndividualDataObjectsTimeStamp', 'individual-data-objects'],
  ['SignatureTimeStamp', 'signature'],
  ['RefsOnlyTimeStamp', 'references-only'],
  ['RefsOnlyTimeStampV2', 'references-only'],
  ['SigAndRefsTimeStamp', 'validation-data'],
  ['SigAndRefsTimeStampV2', 'validation-data'],
  ['ArchiveTimeStamp', 'archive'],
]);
