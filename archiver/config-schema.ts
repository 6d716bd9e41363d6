// What may stand in the archiver's configuration file, each key with its default and a sentence;
// docs/configuration.md is made from these.
import { z } from 'zod';
import { contactSchema, contactsSchema } from '#shared/contacts.ts';
import { algorithmSettings } from '#shared/yaml-config/algorithms.ts';

const folderStore = z.strictObject({
  kind: z.literal('folder'),
  name: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/)
    .default('documents')
    .describe('Part of a document’s identity: do not rename it later.'),
  path: z.string().describe('The folder.'),
  prefix: z.string().default('').describe('Only keys under this prefix.'),
});

const s3Store = z.strictObject({
  kind: z.literal('s3'),
  name: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/)
    .default('documents')
    .describe('Part of a document’s identity: do not rename it later.'),
  bucket: z.string().describe('The bucket.'),
  prefix: z.string().default('').describe('Only keys under this prefix.'),
  endpoint: z
    .url()
    .optional()
    .describe('Address of the service; absent: AWS. Credentials come from the SDK’s usual chain.'),
  region: z.string().default('us-east-1').describe('Region that requests are signed for.'),
  forcePathStyle: z
    .boolean()
    .default(true)
    .describe('Bucket in the path, as most services other than AWS want it.'),
});

const store = z.discriminatedUnion('kind', [folderStore, s3Store]);

const price = z.strictObject({
  amount: z.number().nonnegative().describe('What one token costs.'),
  currency: z.string().length(3).describe('ISO 4217 code, such as `JPY`.'),
});

const auth = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('none') }),
  z.strictObject({
    kind: z.literal('basic'),
    user: z
      .string()
      .describe('User of HTTP Basic authentication; never over plain http to another machine.'),
    passwordFile: z.string().describe('File whose content is the password.'),
  }),
]);

/** A TSA as the archiver reaches it. */
const authority = z.strictObject({
  url: z.url().describe('RFC 3161 over HTTP: the proxy or any provider.'),
  anchors: z.array(z.string()).min(1).describe('PEM or DER files or folders: anchors of the TSU.'),
  crls: z
    .array(z.string())
    .default([])
    .describe('CRLs and OCSP responses of the TSU’s authorities: files, folders, or URLs of CRLs.'),
  auth: auth.default({ kind: 'none' }),
  tsaPolicy: z.string().optional().describe('Policy OID to ask for.'),
  price: price.optional(),
  revocation: z
    .enum(['require', 'soft', 'none'])
    .default('soft')
    .describe('What unknown revocation means for a fresh token.'),
  clockToleranceSeconds: z
    .number()
    .positive()
    .default(300)
    .describe('Largest distance between genTime and our clock.'),
  responseMs: z
    .number()
    .int()
    .positive()
    .default(30_000)
    .describe('How long an answer is waited for.'),
  contact: contactSchema
    .extend({ name: contactSchema.shape.name.describe('Whom to call at this TSA.') })
    .optional(),
});

const rule = z.strictObject({
  name: z.string().optional().describe('Shown in reports; default: the preset’s id.'),
  match: z
    .string()
    .describe(
      'Regular expression on the document’s key; a group named `start` gives the start date.',
    ),
  preset: z.string().describe('Id of a retention preset.'),
  years: z
    .number()
    .int()
    .positive()
    .max(200)
    .optional()
    .describe('The operator’s own period instead of the preset’s.'),
  dates: z
    .record(z.string(), z.string())
    .optional()
    .describe('Dates that the preset leaves open, by placeholder.'),
  fallback: z
    .enum(['signing-time', 'modified-time'])
    .optional()
    .describe('Start where none is given; shown as estimated.'),
  renewal: z
    .enum(['evidence-record', 'augmentation', 'both'])
    .default('evidence-record')
    .describe(
      'How evidence is kept: one record beside the document, shared with others; archive timestamps in the document itself, as a new version (CAdES; one token a signature); or both. What cannot be augmented gets a record.',
    ),
  protectWithinHours: z
    .number()
    .positive()
    .default(36)
    .describe('A document unprotected for longer is an alarm.'),
  requires: z
    .array(z.string())
    .default([])
    .describe('Licences, one of which a signer has to show, such as `医師` or `Medical Doctor`.'),
});

const day = z.iso.date('a date such as 2026-04-01');
/** As `openssl x509 -fingerprint -sha256` prints it, with or without colons. */
const fingerprint = z
  .string()
  .regex(/^([0-9a-f]{2}:?){31}[0-9a-f]{2}$/i, 'a SHA-256 fingerprint')
  .transform((text) => text.replaceAll(':', '').toLowerCase());

/** Nothing makes a provider accredited but what an operator read and confirmed. */
const accredited = z.strictObject({
  name: z.string().min(1).describe('The provider’s service, as reports name it.'),
  scheme: z.string().describe('`mic-2021-146` or `jadac`.'),
  from: day.describe('First day of its accreditation.'),
  until: day.optional().describe('First day on which it is no longer accredited.'),
  anchors: z
    .array(fingerprint)
    .min(1)
    .describe('SHA-256 fingerprints of the trust anchors that its TSUs lead to.'),
  tsaPolicies: z
    .array(z.string().regex(/^\d+(\.\d+)+$/, 'a dotted object identifier'))
    .min(1)
    .describe('Policies of accredited tokens; others of the same TSU do not count.'),
  confirmedBy: z.string().min(1).describe('Who confirmed it.'),
  confirmedOn: day.describe('When.'),
  document: z.string().min(1).describe('By which document, such as the ministry’s list of a day.'),
});

const objectIdentifier = z.string().regex(/^\d+(\.\d+)+$/, 'a dotted object identifier');

function suffixes(meaning: string) {
  return z
    .array(z.string().regex(/^\.[^/]+$/, 'the end of a name, such as .licence.pdf'))
    .default([])
    .describe(meaning);
}

function anchorFiles(meaning: string) {
  return z.array(z.string()).default([]).describe(meaning);
}

/** what an operator found out of a provider of certificates, and until when it counts. */
const assessment = z.strictObject({
  anchor: fingerprint.describe('SHA-256 fingerprint of the anchor that its certificates lead to.'),
  provider: z.string().min(1).describe('The provider, as reports name it.'),
  method: z
    .union([z.literal(1), z.literal(2), z.literal(3), z.literal(4), z.literal(5)])
    .describe('How licences are confirmed: the guideline’s methods ① to ⑤, as a number.'),
  evaluator: z.string().min(1).describe('Who evaluated it.'),
  date: day.describe('When.'),
  validUntil: day.describe('Last day on which it counts; reports warn 90 days before.'),
  document: z.string().min(1).describe('What it rests on, such as the evaluation’s file.'),
});

export const archiverSettings = z.strictObject({
  state: z
    .string()
    .default('./state')
    .describe('Folder of the catalogue, reports and the default evidence store.'),
  archiveId: z
    .string()
    .optional()
    .describe('Id of the archive: a run that finds another one stops before it buys.'),
  stores: z.array(store).min(1).describe('Where documents are.'),
  evidence: store.optional().describe('Where evidence is kept; default: `<state>/evidence`.'),
  tsa: authority.extend({
    local: z
      .strictObject({
        state: z.string().describe('Folder of its keys and journal.'),
        port: z.number().int().min(1).max(65535).describe('Where it listens, on the loopback.'),
      })
      .optional()
      .describe(
        'Run the embedded proxy with its local TSU when nothing answers at `url`. Not accredited.',
      ),
  }),
  secondTsa: authority
    .optional()
    .describe(
      'A second, independent TSA: each document gets a record by either. The same keys as `tsa`, but for `local`.',
    ),
  signers: z
    .strictObject({
      anchors: z
        .array(z.string())
        .default([])
        .describe('Anchors of document signers of no class below: they count as `other`.'),
      classes: z
        .strictObject({
          hpki: anchorFiles('Anchors of the healthcare PKI: licences of its certificates count.'),
          accredited: anchorFiles('Anchors of accredited certification services.'),
          jpki: anchorFiles('Anchors of the public personal PKI (公的個人認証).'),
          'witness-provider': anchorFiles(
            'Anchors of providers that sign as a witness: the key is the provider’s, not the user’s.',
          ),
        })
        .prefault({}),
      policies: z
        .array(
          z.strictObject({
            anchor: fingerprint.describe('SHA-256 fingerprint of an anchor named above.'),
            policies: z
              .array(objectIdentifier)
              .min(1)
              .describe(
                'Certificate policies, one of which its signers have to assert; compared as a whole.',
              ),
          }),
        )
        .default([]),
      testCertificates: z
        .boolean()
        .default(false)
        .describe('Let HPKI and JPKI test certificates sign documents: for trying things out.'),
      assessments: z.array(assessment).default([]),
      proofs: z
        .strictObject({
          licence: suffixes(
            'Ends of names: `rx.xml.licence.pdf` proves the licence of who signed `rx.xml`, joins its group and is kept with it.',
          ),
          instruction: suffixes(
            'Ends of names: `contract.pdf.instruction.pdf` shows who instructed the witness that signed `contract.pdf`.',
          ),
        })
        .prefault({}),
      crls: z
        .array(z.string())
        .default([])
        .describe(
          'CRLs and OCSP responses for document signers and their TSUs: files, folders, or URLs of CRLs.',
        ),
      tsuAnchors: z
        .array(z.string())
        .default([])
        .describe('Anchors of the TSUs of timestamps in documents, beside `tsa.anchors`.'),
    })
    .prefault({}),
  trustedLists: z
    .array(
      z.strictObject({
        lists: z
          .array(z.string())
          .min(1)
          .describe('Files of trusted lists (ETSI TS 119 612), such as a member state’s.'),
        listOfLists: z
          .array(z.string())
          .default([])
          .describe(
            'Files of the list of lists that points to them, and of the pivots before it; in any order.',
          ),
        signedBy: z
          .array(z.string())
          .min(1)
          .describe(
            'PEM or DER files of certificates that may have signed it: of the oldest pivot, of the list of lists where there is none, of the lists where there is neither.',
          ),
        roles: z
          .array(z.enum(['tsu', 'signer']))
          .min(1)
          .default(['tsu', 'signer'])
          .describe(
            'What its services are anchors of: TSUs of timestamps in documents (qualified timestamping), signers (qualified certificates, of class `accredited`).',
          ),
      }),
    )
    .default([]),
  anchorEnds: z
    .array(
      z.strictObject({
        anchor: fingerprint.describe('SHA-256 fingerprint of a trust anchor named above.'),
        end: day.describe(
          'First day on which it is trusted no longer, in place of its certificate’s own end.',
        ),
      }),
    )
    .default([]),
  status: z
    .strictObject({
      fetch: z
        .boolean()
        .default(false)
        .describe(
          'Ask the addresses that certificates name for issuers, CRLs and OCSP. Off: files and URLs given here alone.',
        ),
      allowedHosts: z
        .array(z.string().regex(/^[^\s/@]+$/))
        .default([])
        .describe(
          'Hosts (`name` or `name:port`) that may be asked although their address is not public.',
        ),
    })
    .default({ fetch: false, allowedHosts: [] }),
  algorithms: z
    .strictObject({
      profile: z.string().default('jp-medical').describe('Combination of algorithm policies.'),
      ...algorithmSettings.shape,
    })
    .prefault({}),
  digestAlgorithm: z
    .string()
    .default('SHA-256')
    .describe(
      'Tree hash of new batches, as long as the algorithm policy accepts it; `SHA-512` for a stronger one, read beside SHA-256.',
    ),
  nextDigestAlgorithm: z
    .string()
    .default('SHA-512')
    .describe('Tree hash to go to when the present one ends.'),
  leadTimeDays: z
    .number()
    .int()
    .positive()
    .default(90)
    .describe('How long before its proof horizon evidence is renewed.'),
  timeZone: z
    .string()
    .default('Asia/Tokyo')
    .describe('Where retention periods and the schedule count.'),
  accreditation: z
    .strictObject({
      guideline: z
        .string()
        .default('5.2')
        .describe('Edition of the guideline that says which schemes count for which documents.'),
      entries: z.array(accredited).default([]),
    })
    .prefault({}),
  retention: z.strictObject({ rules: z.array(rule).default([]) }).default({ rules: [] }),
  detachedSuffixes: z
    .array(z.string())
    .default(['.p7s', '.sig', '.tsr', '.ers', '.er', '.ers.xml'])
    .describe(
      '`report.pdf.p7s` belongs to `report.pdf`. An evidence record among them is taken over.',
    ),
  ceiling: z
    .strictObject({
      tokens: z
        .number()
        .int()
        .positive()
        .default(100)
        .describe('A plan above it stops before the first purchase and asks.'),
      cost: z
        .number()
        .positive()
        .optional()
        .describe('The same in money, in the price’s currency.'),
    })
    .default({ tokens: 100 }),
  fixityDays: z
    .number()
    .int()
    .positive()
    .default(90)
    .describe('Every document is re-read within this many days.'),
  inspectLimitBytes: z
    .number()
    .int()
    .positive()
    .default(64 * 1024 * 1024)
    .describe(
      'Larger documents are protected as bytes only, but for CMS signatures of which only the content is larger: that is streamed.',
    ),
  maxLeaves: z.number().int().positive().default(1_000_000).describe('Groups in one batch.'),
  joinBatches: z
    .number()
    .int()
    .min(2)
    .default(1000)
    .describe(
      'So many small batches (of intake between nights, or records taken over) become one batch in the night in which they are renewed; no document is read for it.',
    ),
  blind: z
    .boolean()
    .default(false)
    .describe('Add 32 random octets to each group, so that siblings say nothing.'),
  xmlRecords: z
    .boolean()
    .default(true)
    .describe(
      'Whether hash-tree renewals serve records in XML (RFC 6283), too: their leaf tables are three to four times as large.',
    ),
  schedule: z
    .strictObject({
      cron: z.string().default('0 2 * * *').describe('When the nightly run starts.'),
    })
    .default({ cron: '0 2 * * *' }),
  web: z
    .strictObject({
      host: z
        .string()
        .default('127.0.0.1')
        .describe('Address of the report page. It has no users and no passwords.'),
      port: z
        .number()
        .int()
        .min(0)
        .max(65535)
        .default(3180)
        .describe('Its port; 0 takes a free one.'),
    })
    .default({ host: '127.0.0.1', port: 3180 }),
  intake: z
    .strictObject({
      store: z
        .string()
        .optional()
        .describe(
          'Name of the store into which `POST /documents` puts; it has to be writable. Absent: no documents are taken.',
        ),
      digests: z
        .boolean()
        .default(true)
        .describe('Take digests of documents that stay with their owner: `POST /digests`.'),
      intervalSeconds: z
        .number()
        .min(0)
        .max(86_400)
        .default(60)
        .describe('What comes in is collected for this long, then stamped by one token.'),
      maxGroups: z
        .number()
        .int()
        .positive()
        .default(10_000)
        .describe('Objects at which it is stamped at once.'),
      maxWaiting: z
        .number()
        .int()
        .positive()
        .default(100_000)
        .describe('Objects that may wait; above it 503.'),
      maxBytes: z
        .number()
        .int()
        .positive()
        .default(1024 * 1024 * 1024)
        .describe('A larger document gets 413.'),
      maxUploads: z
        .number()
        .int()
        .positive()
        .default(8)
        .describe('Documents that are received at a time; above it 503.'),
    })
    .optional()
    .describe('Documents over HTTP; without it the page takes none.'),
  contacts: contactsSchema,
  webhook: z
    .strictObject({
      url: z
        .url()
        .describe(
          'Receives a JSON POST for broken, overdue, waiting and ceiling. Path and query may hold a token: they are in no message.',
        ),
    })
    .optional(),
});

export type ArchiverSettings = z.infer<typeof archiverSettings>;
