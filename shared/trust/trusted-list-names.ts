// Names of ETSI TS 119 612 that decide something: namespaces, kinds of lists and services, statuses.
// Annex D and §5.5.1, §5.5.4 of version 2.1.1 and later; older statuses as their lists still carry them.

export const tslNamespace = 'http://uri.etsi.org/02231/v2#';
export const additionalTypesNamespace = 'http://uri.etsi.org/02231/v2/additionaltypes#';

const base = 'http://uri.etsi.org/TrstSvc/';

/** A list of lists has pointers and no services. */
export const listOfLists = `${base}TrustedList/TSLType/EUlistofthelists`;

export const serviceTypes = {
  qualifiedTimestamping: `${base}Svctype/TSA/QTST`,
  qualifiedCertificates: `${base}Svctype/CA/QC`,
} as const;

/** Statuses under which a service is what its type says: of eIDAS, and of the directive before it. */
export const trustedStatuses: ReadonlySet<string> = new Set([
  `${base}TrustedList/Svcstatus/granted`,
  `${base}TrustedList/Svcstatus/undersupervision`,
  `${base}TrustedList/Svcstatus/supervisionincessation`,
  `${base}TrustedList/Svcstatus/accredited`,
  // Before July 2013 lists wrote these without the middle part.
  `${base}Svcstatus/undersupervision`,
  `${base}Svcstatus/supervisionincessation`,
  `${base}Svcstatus/accredited`,
]);
