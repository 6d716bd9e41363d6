// Trusted lists: what is read of them, statuses as of a time, the anchors that follow, and whose list it is.
import test from 'ava';
import { toBase64 } from '#shared/bytes.ts';
import { type ErrorCode, FormatError, UnsupportedError } from '#shared/errors.ts';
import {
  type ListFile,
  type ListVerdict,
  verifyListOfLists,
  verifyPointedLists,
  verifyTrustedList,
} from '#shared/trust/trusted-list-chain.ts';
import { listOfLists, serviceTypes } from '#shared/trust/trusted-list-names.ts';
import { listedAnchors, statusAt, statusPeriods } from '#shared/trust/trusted-list-services.ts';
import { parseTrustedList } from '#shared/trust/trusted-list.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import { type Issued, issueRoot, issueTsu } from '../../_authority.ts';
import { signEnveloped } from '../../_enveloped.ts';

const operator = issueRoot({ subject: 'CN=List operator' });
const nextOperator = issueRoot({ subject: 'CN=Next list operator' });
const national = issueRoot({ subject: 'CN=National operator' });
const stranger = issueRoot({ subject: 'CN=Stranger' });
const ca = issueRoot({ subject: 'CN=Qualified CA' });
const tsu = issueTsu(ca);

const statuses = 'http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/';
const qtst = serviceTypes.qualifiedTimestamping;

type StatusSpec = readonly [type: string, status: string, start: string];

function information([type, status, start]: StatusSpec, certificate: string): string {
  return `<ServiceTypeIdentifier>${type}</ServiceTypeIdentifier><ServiceName><Name xml:lang="ja">役務</Name><Name xml:lang="en">A service</Name></ServiceName><ServiceDigitalIdentity><DigitalId><X509Certificate>${certificate}</X509Certificate></DigitalId></ServiceDigitalIdentity><ServiceStatus>${status}</ServiceStatus><StatusStartingTime>${start}</StatusStartingTime><ServiceInformationExtensions><Extension Critical="true"><AdditionalServiceInformation><URI xml:lang="en">urn:for</URI></AdditionalServiceInformation></Extension></ServiceInformationExtensions>`;
}

function serviceOf(
  [present, ...history]: readonly StatusSpec[],
  certificate = toBase64(ca.certificate.raw),
): string {
  if (!present) return '';
  const before = history.map(
    (one) => `<ServiceHistoryInstance>${information(one, certificate)}</ServiceHistoryInstance>`,
  );
  return `<TSPService><ServiceInformation>${information(present, certificate)}</ServiceInformation><ServiceHistory>${before.join('')}</ServiceHistory></TSPService>`;
}

function pointer(territory: string, type: string, signers: readonly Issued[]): string {
  const identities = signers.map(
    ({ certificate }) =>
      `<ServiceDigitalIdentity><DigitalId><X509Certificate>${toBase64(certificate.raw)}</X509Certificate></DigitalId></ServiceDigitalIdentity>`,
  );
  return `<OtherTSLPointer><ServiceDigitalIdentities>${identities.join('')}</ServiceDigitalIdentities><TSLLocation>https://lists.example/${territory}</TSLLocation><AdditionalInformation><OtherInformation><TSLType>${type}</TSLType></OtherInformation><OtherInformation><SchemeTerritory>${territory}</SchemeTerritory></OtherInformation></AdditionalInformation></OtherTSLPointer>`;
}

const generic = 'http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric';

type ListSpec = {
  readonly version?: string;
  readonly sequence?: number;
  readonly type?: string;
  readonly territory?: string;
  readonly pointers?: readonly string[];
  readonly services?: readonly string[];
};

function listXml(spec: ListSpec = {}): string {
  const { version = '6', sequence = 7, type = generic, territory = 'XX' } = spec;
  const { pointers = [], services = [] } = spec;
  return `<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#"><SchemeInformation><TSLVersionIdentifier>${version}</TSLVersionIdentifier><TSLSequenceNumber>${sequence}</TSLSequenceNumber><TSLType>${type}</TSLType><SchemeOperatorName><Name xml:lang="en">An operator</Name></SchemeOperatorName><SchemeInformationURI><URI xml:lang="en">https://lists.example/pivot</URI></SchemeInformationURI><SchemeTerritory>${territory}</SchemeTerritory><PointersToOtherTSL>${pointers.join('')}</PointersToOtherTSL><ListIssueDateTime>2026-01-01T00:00:00Z</ListIssueDateTime><NextUpdate><dateTime>2026-07-01T00:00:00Z</dateTime></NextUpdate></SchemeInformation><TrustServiceProviderList><TrustServiceProvider><TSPInformation><TSPName><Name xml:lang="en">A provider</Name></TSPName></TSPInformation><TSPServices>${services.join('')}</TSPServices></TrustServiceProvider></TrustServiceProviderList></TrustServiceStatusList>`;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Granted, withdrawn for half a year, granted again. */
const granted: readonly StatusSpec[] = [
  [qtst, `${statuses}granted`, '2022-07-01T00:00:00Z'],
  [qtst, `${statuses}withdrawn`, '2022-01-01T00:00:00Z'],
  [qtst, `${statuses}granted`, '2020-01-01T00:00:00Z'],
  [qtst, `${statuses}undersupervision`, '2018-01-01T00:00:00Z'],
];

test('the scheme, a service and its history', (t) => {
  const list = parseTrustedList(encode(listXml({ services: [serviceOf(granted)] })));
  t.is(list.version, 6);
  t.is(list.sequenceNumber, 7);
  t.is(list.territory, 'XX');
  t.is(list.nextUpdate?.toString(), '2026-07-01T00:00:00Z');
  t.deepEqual(list.informationUris, ['https://lists.example/pivot']);
  const [service] = list.services;
  t.is(service?.provider, 'A provider');
  t.is(service?.name, 'A service');
  t.is(service?.certificates[0]?.fingerprint, ca.certificate.fingerprint);
  t.deepEqual(service?.statuses[0]?.additional, ['urn:for']);
  t.is(service?.statuses.length, 4);
});

const asOf: Readonly<Record<string, string | undefined>> = {
  '2017-12-31T23:59:59Z': undefined,
  '2018-01-01T00:00:00Z': 'undersupervision',
  '2021-12-31T23:59:59Z': 'granted',
  '2022-01-01T00:00:00Z': 'withdrawn',
  '2022-06-30T23:59:59Z': 'withdrawn',
  '2022-07-01T00:00:00Z': 'granted',
  '2050-01-01T00:00:00Z': 'granted',
};

const [service] = parseTrustedList(encode(listXml({ services: [serviceOf(granted)] }))).services;

for (const [at, expected] of Object.entries(asOf))
  test(`the status as of ${at} is ${expected ?? 'not known'}`, (t) => {
    const found = service && statusAt(service, Temporal.Instant.from(at));
    t.is(found?.status, expected && statuses + expected);
  });

test('a history out of order is put in order', (t) => {
  const shuffled = granted.toReversed();
  const [found] = parseTrustedList(encode(listXml({ services: [serviceOf(shuffled)] }))).services;
  t.deepEqual(
    found && statusPeriods(found).map(({ startingTime }) => startingTime.toString().slice(0, 7)),
    ['2018-01', '2020-01', '2022-01', '2022-07'],
  );
});

test('an anchor is trusted in the periods of its service, and in no other role', (t) => {
  const list = parseTrustedList(encode(listXml({ services: [serviceOf(granted)] })));
  const [anchor, another] = listedAnchors(list, 'tsu');
  t.is(another, undefined);
  t.is(anchor?.sunset, undefined);
  t.deepEqual(
    anchor?.periods?.map(({ since, until }) => [since.toString(), until?.toString()]),
    [
      ['2018-01-01T00:00:00Z', '2022-01-01T00:00:00Z'],
      ['2022-07-01T00:00:00Z', undefined],
    ],
  );
  t.deepEqual(listedAnchors(list, 'signer'), []);
});

test('one certificate of two services is one anchor, trusted in the periods of either', (t) => {
  const withdrawn: readonly StatusSpec[] = [
    [qtst, `${statuses}withdrawn`, '2023-01-01T00:00:00Z'],
    [qtst, `${statuses}granted`, '2021-06-01T00:00:00Z'],
  ];
  const older: readonly StatusSpec[] = [
    [qtst, `${statuses}withdrawn`, '2022-01-01T00:00:00Z'],
    [qtst, `${statuses}granted`, '2020-01-01T00:00:00Z'],
  ];
  const list = parseTrustedList(
    encode(listXml({ services: [serviceOf(withdrawn), serviceOf(older)] })),
  );
  const [anchor, another] = listedAnchors(list, 'tsu');
  t.is(another, undefined);
  t.is(anchor?.sunset?.toString(), '2023-01-01T00:00:00Z');
  t.is(anchor?.periods?.length, 1);
});

test('services of qualified certificates are anchors of signers, of an accredited class', (t) => {
  const one: StatusSpec = [
    serviceTypes.qualifiedCertificates,
    `${statuses}granted`,
    '2020-01-01T00:00:00Z',
  ];
  const list = parseTrustedList(encode(listXml({ services: [serviceOf([one])] })));
  const [anchor] = listedAnchors(list, 'signer');
  t.is(anchor?.class, 'accredited');
  t.deepEqual(listedAnchors(list, 'tsu'), []);
});

for (const [at, status] of [
  ['2021-06-01T00:00:00Z', 'valid'],
  ['2022-03-01T00:00:00Z', 'indeterminate'],
  ['2023-03-01T00:00:00Z', 'valid'],
] as const)
  test(`a TSU under it as of ${at} is ${status}`, (t) => {
    const list = parseTrustedList(encode(listXml({ services: [serviceOf(granted)] })));
    const verdict = verifyCertificatePath({
      target: tsu.certificate,
      intermediates: [],
      anchors: listedAnchors(list, 'tsu'),
      crls: [],
      ocspResponses: [],
      at: Temporal.Instant.from(at),
      purpose: 'tsu',
      revocationMode: 'none',
    });
    t.is(verdict.status, status);
  });

test('a certificate that cannot be read is said, and its service stays', (t) => {
  const list = parseTrustedList(encode(listXml({ services: [serviceOf(granted, 'AAAA')] })));
  t.deepEqual(list.services[0]?.certificates, []);
  t.is(list.warnings.length, 1);
});

const malformed: Readonly<Record<string, readonly [string, ErrorCode]>> = {
  'another root': ['<a/>', 'ERR_FORMAT_XML'],
  'version 1': [listXml({ version: '3' }), 'ERR_UNSUPPORTED_VERSION'],
  'the version before 2.1': [listXml({ version: '4' }), 'ERR_UNSUPPORTED_VERSION'],
  'a version after 2.4': [listXml({ version: '7' }), 'ERR_UNSUPPORTED_VERSION'],
  'no version': [
    listXml().replace(/<TSLVersionIdentifier>.*?<\/TSLVersionIdentifier>/, ''),
    'ERR_FORMAT_XML',
  ],
  'no type': [listXml({ type: '' }), 'ERR_FORMAT_XML'],
  'a sequence number that is none': [listXml().replace('>7<', '>seven<'), 'ERR_FORMAT_XML'],
  'an issue date that is none': [
    listXml().replace('2026-01-01T00:00:00Z', 'yesterday'),
    'ERR_FORMAT_XML',
  ],
  'a service without a status': [
    listXml({ services: [serviceOf(granted).replace(/<ServiceStatus>.*?<\/ServiceStatus>/, '')] }),
    'ERR_FORMAT_XML',
  ],
  'a provider without a name': [
    listXml({ services: [serviceOf(granted)] }).replace(/<TSPName>.*?<\/TSPName>/, ''),
    'ERR_FORMAT_XML',
  ],
  'a document type': [`<!DOCTYPE a>${listXml()}`, 'ERR_UNSUPPORTED_FEATURE'],
};

for (const [what, [xml, code]] of Object.entries(malformed))
  test(`refused: ${what}`, (t) => {
    const error = t.throws(() => parseTrustedList(encode(xml)), { any: true });
    t.true(error instanceof FormatError || error instanceof UnsupportedError);
    if (error instanceof FormatError || error instanceof UnsupportedError) t.is(error.code, code);
  });

for (const [version, editions] of [
  ['5', '2.1.1 and 2.2.1'],
  ['6', '2.3.1 and 2.4.1'],
] as const)
  test(`TSLVersionIdentifier ${version} is read: ETSI TS 119 612 v${editions}`, (t) => {
    t.is(parseTrustedList(encode(listXml({ version }))).version, Number(version));
  });

test('a list of another version is refused with those that are read, whoever signed it', (t) => {
  const verdict = verifyTrustedList(file('old.xml', { version: '4' }, operator), [
    operator.certificate,
  ]);
  t.regex(reasonOf(verdict), /TSLVersionIdentifier 4: 5 .*v2\.1\.1.* and 6 .*v2\.4\.1/);
});

function file(name: string, spec: ListSpec, signer: Issued): ListFile {
  return { name, octets: signEnveloped(listXml(spec), signer) };
}

function reasonOf(verdict: ListVerdict | undefined): string {
  return verdict?.kind === 'refused' ? verdict.reason : (verdict?.kind ?? 'no verdict');
}

test('a list by an expected signer, by another one, and changed', (t) => {
  const signed = file('list', { services: [serviceOf(granted)] }, operator);
  t.is(reasonOf(verifyTrustedList(signed, [operator.certificate])), 'verified');
  t.regex(reasonOf(verifyTrustedList(signed, [stranger.certificate])), /none of the signers/);
  const text = new TextDecoder().decode(signed.octets);
  const spoilt = { name: 'list', octets: encode(text.replace('withdrawn', 'withdrawm')) };
  t.regex(reasonOf(verifyTrustedList(spoilt, [operator.certificate])), /was changed/);
  const unsigned = { name: 'list', octets: encode(listXml()) };
  t.regex(reasonOf(verifyTrustedList(unsigned, [operator.certificate])), /not signed/);
  const none = { name: 'list', octets: encode('<a/>') };
  t.regex(reasonOf(verifyTrustedList(none, [operator.certificate])), /TrustServiceStatusList/);
});

const lotl = (sequence: number, successors: readonly Issued[], signer: Issued): ListFile =>
  file(
    `lotl ${sequence}`,
    {
      type: listOfLists,
      territory: 'EU',
      sequence,
      pointers: [pointer('EU', listOfLists, successors), pointer('XX', generic, [national])],
    },
    signer,
  );

test('a new operator of the list of lists is known by the pivot that names it', (t) => {
  const pivot = lotl(8, [nextOperator], operator);
  const newest = lotl(9, [nextOperator], nextOperator);
  const verdict = verifyListOfLists([newest, pivot], [operator.certificate]);
  t.is(verdict.kind === 'verified' && verdict.verified.list.sequenceNumber, 9);
  t.regex(reasonOf(verifyListOfLists([newest], [operator.certificate])), /none of the signers/);
});

test('the old operator cannot sign once a pivot has replaced it', (t) => {
  const pivot = lotl(8, [nextOperator], operator);
  const verdict = verifyListOfLists([pivot, lotl(9, [operator], operator)], [operator.certificate]);
  t.regex(reasonOf(verdict), /none of the signers/);
});

test('no list of lists: none, another kind, one that cannot be read', (t) => {
  t.regex(reasonOf(verifyListOfLists([], [operator.certificate])), /there is none/);
  const other = file('list', {}, operator);
  t.regex(reasonOf(verifyListOfLists([other], [operator.certificate])), /no list of lists/);
  const broken = { name: 'broken', octets: encode('<a') };
  t.not(reasonOf(verifyListOfLists([broken], [operator.certificate])), 'verified');
});

test('of the lists that are pointed to, each by its own signers', (t) => {
  const verdict = verifyListOfLists([lotl(8, [operator], operator)], [operator.certificate]);
  if (verdict.kind !== 'verified') {
    t.fail(verdict.reason);
    return;
  }
  const reasons = verifyPointedLists(verdict.verified, [
    file('as named', { territory: 'XX' }, national),
    file('by the operator of the list of lists', { territory: 'XX' }, operator),
    file('of another territory', { territory: 'YY' }, national),
    { name: 'no list', octets: encode('<a/>') },
  ]).map(reasonOf);
  t.is(reasons[0], 'verified');
  t.regex(reasons[1] ?? '', /none of the signers/);
  t.regex(reasons[2] ?? '', /points to no list of YY/);
  t.regex(reasons[3] ?? '', /TrustServiceStatusList/);
});
