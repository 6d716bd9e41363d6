// Rows for report tests: a document and a batch in good order, changed where a test wants it, and a
// catalogue in memory that holds one document of every state.
import { openSqliteCatalogue } from '#archiver/adapters/sql-catalogue.ts';
import type { ReportRules } from '#archiver/reports/report.ts';
import { bundledAccreditation, bundledPolicies } from '#shared/policy/bundled.ts';
import { selectProfile } from '#shared/policy/algorithm-policy.ts';
import type {
  BatchRow,
  Catalogue,
  DocumentRow,
  IntakeSignature,
  NewDocument,
  RetentionFacts,
} from '#shared/ports/catalogue.ts';
import { noFacts, type Facts } from '#shared/validation/facts.ts';

export const at = Temporal.Instant.from('2030-01-01T00:00:00Z');

export const rules: ReportRules = {
  leadTime: Temporal.Duration.from({ days: 90 }),
  timeZone: 'Asia/Tokyo',
  profile: selectProfile(bundledPolicies, 'jp-medical'),
  accreditation: { file: bundledAccreditation, guideline: '5.2', entries: [] },
  assessments: [],
  proofs: { licence: ['.licence.txt'], instruction: ['.instruction.pdf'] },
  rules: [],
  price: { amount: 10, currency: 'JPY' },
  contacts: [],
};

export const retention: RetentionFacts = {
  rule: 'jp-medical-record',
  presets: ['jp-medical-record'],
  start: '2029-12-01',
  source: 'sidecar',
  estimated: false,
  lastDay: '2034-12-01',
  hold: false,
  protectWithinHours: 36,
};

export function signature(status: IntakeSignature['status'], more?: object): IntakeSignature {
  return { id: 'signature-1', status, signer: 'CN=見本 太郎,O=見本病院', findings: [], ...more };
}

export function documentRow(key: string, change: Partial<NewDocument> = {}): NewDocument {
  const day = Temporal.Instant.from('2029-12-31T17:00:00Z');
  return {
    store: 'documents',
    key,
    versionId: '',
    sha256: 'ab'.repeat(32),
    size: 1234,
    digests: {},
    etag: 'etag',
    lastModified: day,
    firstSeen: day,
    facts: noFacts('plain'),
    intake: { status: 'unsigned', at: day.toString(), signatures: [] },
    retention,
    state: 'protected',
    stateSince: day,
    stateReason: undefined,
    attachedTo: undefined,
    regroup: false,
    lastRead: day,
    ...change,
  };
}

/** The row as the catalogue would give it. */
export function storedRow(key: string, change: Partial<NewDocument> = {}): DocumentRow {
  return { id: 1, ...documentRow(key, change) };
}

export function batchRow(batchId: string, change: Partial<BatchRow> = {}): BatchRow {
  const genTime = Temporal.Instant.from('2029-12-31T17:05:00Z');
  return {
    batchId,
    kind: 'initial',
    anchor: 1,
    madeUp: false,
    digestAlgorithm: 'SHA-256',
    groupCount: 1,
    genTime,
    newestBatchId: batchId,
    newestToken: {
      genTime: genTime.toString(),
      imprintAlgorithm: 'SHA-256',
      tsaPolicy: '1.2.3',
      serialNumber: '1',
      signature: {
        name: 'ecdsa-with-SHA256',
        digest: 'SHA-256',
        key: { kind: 'EC', bits: 256, curve: 'P-256' },
      },
      chain: [
        { fingerprint: 'aa', subject: 'CN=TSU 1,O=Example', notAfter: '2034-01-01T00:00:00Z' },
        { fingerprint: 'bb', subject: 'CN=TSA Root,O=Example', notAfter: '2044-01-01T00:00:00Z' },
      ],
    },
    tokenCount: 1,
    horizon: Temporal.Instant.from('2034-01-01T00:00:00Z'),
    horizonElement: { kind: 'tsu-certificate', name: 'CN=TSU 1,O=Example' },
    state: 'valid',
    stateReason: undefined,
    fruitlessSince: undefined,
    leafTableRead: genTime,
    ...change,
  };
}

export const signerFacts: Facts = {
  ...noFacts('PAdES'),
  level: 'T',
  timestamps: [
    {
      id: 'timestamp-1',
      type: 'signature',
      of: 'signature-1',
      genTime: Temporal.Instant.from('2029-12-01T00:00:00Z'),
      serialNumber: '7',
      tsaPolicy: '1.2.3',
      imprintAlgorithm: 'SHA-256',
      imprint: '00',
    },
  ],
  certificates: [
    {
      fingerprint: 'cc',
      subject: 'CN=見本 太郎,O=見本病院',
      issuer: 'CN=CA',
      serialNumber: '3',
      notBefore: Temporal.Instant.from('2028-01-01T00:00:00Z'),
      notAfter: Temporal.Instant.from('2031-03-31T00:00:00Z'),
      key: { kind: 'RSA', bits: 2048 },
      signatureAlgorithm: 'sha256WithRSAEncryption',
      roles: ['signer'],
    },
  ],
  algorithms: [
    { kind: 'digest', name: 'SHA-256', usedBy: 'signature' },
    {
      kind: 'signature',
      name: 'sha256WithRSAEncryption',
      key: { kind: 'RSA', bits: 2048 },
      usedBy: 'signature',
    },
    {
      kind: 'signature',
      name: 'rsaEncryption',
      key: { kind: 'RSA', bits: 2048 },
      usedBy: 'signature',
    },
  ],
};

type Member = { readonly document: NewDocument; readonly batch?: string };

/** A catalogue in memory with these rows; every document has a place in the batch that it names. */
export async function catalogueOf(
  members: readonly Member[],
  batches: readonly BatchRow[] = [batchRow('b1')],
): Promise<Catalogue> {
  const catalogue = await openSqliteCatalogue(':memory:');
  for (const batch of batches) await catalogue.putBatch(batch);
  for (const [groupIndex, { document, batch }] of members.entries()) {
    const documentId = await catalogue.addDocument(document);
    await catalogue.putCertificates(documentId, document.facts);
    if (batch !== undefined)
      await catalogue.addMemberships([{ documentId, batchId: batch, groupIndex, active: true }]);
  }
  return catalogue;
}

const intakeAt = at.toString();

/** One document of every state and verdict. */
export const everyState: readonly Member[] = [
  {
    batch: 'b1',
    document: documentRow('診療録/valid.pdf', {
      facts: signerFacts,
      intake: { status: 'valid', at: intakeAt, signatures: [signature('valid')] },
    }),
  },
  {
    batch: 'b1',
    document: documentRow('診療録/altered.pdf', {
      facts: signerFacts,
      intake: {
        status: 'not-valid',
        at: intakeAt,
        signatures: [signature('invalid', { subIndication: 'HASH_FAILURE' })],
      },
    }),
  },
  {
    batch: 'b1',
    document: documentRow('xml', {
      validationPending: true,
      retention: { ...retention, source: 'signing-time', estimated: true },
      intake: { status: 'not-judged', at: intakeAt, signatures: [signature('not-judged')] },
    }),
  },
  {
    batch: 'b1',
    document: documentRow('expired', {
      intake: { status: 'indeterminate', at: intakeAt, signatures: [signature('indeterminate')] },
      retention: {
        ...retention,
        rule: undefined,
        presets: [],
        start: undefined,
        source: undefined,
        lastDay: undefined,
      },
    }),
  },
  { document: documentRow('new', { state: 'waiting' }) },
  {
    document: documentRow('forgotten', {
      state: 'waiting',
      firstSeen: Temporal.Instant.from('2029-12-01T00:00:00Z'),
    }),
  },
  {
    batch: 'b1',
    document: documentRow('damaged', { state: 'broken', stateReason: 'SHA-256 differs' }),
  },
  { batch: 'b1', document: documentRow('gone', { state: 'missing' }) },
  { batch: 'b1', document: documentRow('other', { state: 'changed' }) },
];
