// A signature that was judged under one set of trust data, asked under another: the answer is that of judging it
// anew, from what was kept alone; what nobody looked at when it was judged stays open.
import test from 'ava';
import { oids } from '#shared/oid.ts';
import type { AnchorClass, TrustAnchor } from '#shared/trust/anchors.ts';
import { judgeSignatures } from '#shared/validation/judge-signatures.ts';
import { signersUnder } from '#shared/validation/signer-trust.ts';
import type { JudgedSigner } from '#shared/validation/signer-verdicts.ts';
import { type Issued, issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { buildTestCms } from '../../_cms.ts';
import { createHpki, issueProfessional } from '../../_hpki.ts';
import { materialOf } from '../../_material.ts';

const at = Temporal.Instant.from('2026-06-01T00:00:00Z');
const hpki = createHpki();
/** The root's key in a certificate that was issued again. */
const rootAgain = issueRoot({
  subject: hpki.root.subject,
  key: hpki.root.key,
  notAfter: '2045-01-01T00:00:00Z',
});
const namesake = issueRoot({ subject: hpki.root.subject });
const plainRoot = issueRoot({ subject: 'CN=Another Service' });
const stranger = issueRoot({ subject: 'CN=Stranger' });
const crls = [...Object.values(hpki), plainRoot].map((issuer) =>
  issueCrl({ issuer, thisUpdate: '2026-05-30T00:00:00Z' }),
);

const notBefore = '2024-01-01T00:00:00Z';
const doctor = issueProfessional(hpki.ca, { roles: ['Medical Doctor'], notBefore });
const underTest = issueProfessional(hpki.testCa, {
  policy: oids.hpkiCPSignatureTest,
  roles: ['Medical Doctor'],
});
const plain = issueSigner(plainRoot);

type Trust = { readonly anchors: readonly TrustAnchor[]; readonly testMode?: boolean };

function trusting(
  issued: Issued,
  anchorClass?: AnchorClass,
  more: Partial<TrustAnchor> = {},
): Trust {
  return {
    anchors: [
      { certificate: issued.certificate, ...(anchorClass && { class: anchorClass }), ...more },
    ],
  };
}

function judged(signer: Issued, { anchors, testMode = false }: Trust, ca?: Issued): JudgedSigner {
  const certificates = [signer, ...(ca ? [ca] : [])].map(({ certificate }) => certificate);
  const [verdict] = judgeSignatures({
    bytes: buildTestCms({ signer, certificates }),
    detached: [],
    at,
    material: materialOf({ signerAnchors: anchors, crls, testCertificates: testMode }),
  });
  if (!verdict) throw new Error('no signature');
  return { ...verdict, signer: verdict.signer?.subject };
}

function asked(signature: JudgedSigner, { anchors, testMode = false }: Trust): JudgedSigner {
  // What was kept is read from a journal.
  const kept = JSON.parse(JSON.stringify(signature)) as JudgedSigner;
  return signersUnder(anchors, testMode).ask(kept, at.toString());
}

function answer({ status, subIndication, qualification, findings }: JudgedSigner): object {
  const errors = findings.filter(({ level }) => level === 'error').map(({ check }) => check);
  const refusals = errors.filter((check) => check.startsWith('signer-policy'));
  return { status, subIndication, qualification, refusals };
}

type Row = {
  readonly signer?: Issued;
  readonly ca?: Issued | undefined;
  readonly from?: Trust;
  readonly to: Trust;
  /** Of the answer: the check is that of judging anew, and here to be read. */
  readonly status: JudgedSigner['status'];
};

const ofHpki = trusting(hpki.root, 'hpki');
const instant = (text: string): Temporal.Instant => Temporal.Instant.from(text);
const ended = (sunset: string): Trust => trusting(hpki.root, 'hpki', { sunset: instant(sunset) });
const listed = (until: string): Trust =>
  trusting(hpki.root, 'hpki', {
    periods: [{ since: instant('2020-01-01T00:00:00Z'), until: instant(until) }],
  });
const underPlain = { signer: plain, ca: undefined };

const rows: Readonly<Record<string, Row>> = {
  'to another class that asks for no policy': { to: trusting(hpki.root, 'other'), status: 'valid' },
  'to a class whose policies it does not assert': {
    to: trusting(hpki.root, 'jpki'),
    status: 'indeterminate',
  },
  'a service without policies to HPKI': {
    ...underPlain,
    from: trusting(plainRoot, 'other'),
    to: trusting(plainRoot, 'hpki'),
    status: 'indeterminate',
  },
  'an anchor that is gone': { to: trusting(stranger, 'hpki'), status: 'indeterminate' },
  'a namesake in its place': { to: trusting(namesake, 'hpki'), status: 'indeterminate' },
  'no anchors at all': { to: { anchors: [] }, status: 'indeterminate' },
  'an anchor that was issued again': { to: trusting(rootAgain, 'hpki'), status: 'valid' },
  'the authority below it instead': { to: trusting(hpki.ca, 'accredited'), status: 'valid' },
  'an anchor that ended before it signed': {
    to: ended('2026-05-31T00:00:00Z'),
    status: 'indeterminate',
  },
  'an anchor that ended before the signer’s certificate began': {
    to: ended('2023-06-01T00:00:00Z'),
    status: 'indeterminate',
  },
  'an anchor that ends later': { to: ended('2026-06-02T00:00:00Z'), status: 'valid' },
  'a service that was withdrawn before it signed': {
    to: listed('2023-06-01T00:00:00Z'),
    status: 'indeterminate',
  },
  'a service that was withdrawn while the certificate ran': {
    to: listed('2025-06-01T00:00:00Z'),
    status: 'indeterminate',
  },
  'a service that is withdrawn later': { to: listed('2026-06-02T00:00:00Z'), status: 'valid' },
  'policies that are asked for now': {
    to: trusting(hpki.root, 'hpki', { certificatePolicies: ['1.2.3'] }),
    status: 'indeterminate',
  },
  'policies that are asked for no longer': {
    from: trusting(hpki.root, 'hpki', { certificatePolicies: ['1.2.3'] }),
    to: ofHpki,
    status: 'valid',
  },
  'test certificates that sign now': {
    signer: underTest,
    ca: hpki.testCa,
    to: { ...ofHpki, testMode: true },
    status: 'valid',
  },
  'test certificates that sign no longer': {
    signer: underTest,
    ca: hpki.testCa,
    from: { ...ofHpki, testMode: true },
    to: ofHpki,
    status: 'indeterminate',
  },
};

for (const [what, { signer = doctor, ca, from = ofHpki, to, status }] of Object.entries(rows))
  test(what, (t) => {
    const issuer = signer === doctor ? hpki.ca : ca;
    const found = answer(asked(judged(signer, from, issuer), to));
    t.deepEqual(found, answer(judged(signer, to, issuer)));
    t.like(found, { status });
  });

const open: Readonly<Record<string, Row & { readonly as?: AnchorClass }>> = {
  'an anchor that is new': { from: trusting(stranger), to: ofHpki, status: 'indeterminate' },
  'a service that is new and asks for policies': {
    ...underPlain,
    from: trusting(stranger),
    to: trusting(plainRoot, 'hpki'),
    status: 'indeterminate',
    as: 'hpki',
  },
  'an anchor whose end is taken back': {
    from: ended('2026-05-31T00:00:00Z'),
    to: ofHpki,
    status: 'indeterminate',
  },
};

for (const [what, { signer = doctor, ca, from = ofHpki, to, status }] of Object.entries(open))
  test(`stays open, as nobody asked about revocation: ${what}`, (t) => {
    const found = asked(judged(signer, from, signer === doctor ? hpki.ca : ca), to);
    t.is(found.status, status);
    const refused = found.findings.some(({ check }) => check === 'signer-policy');
    t.is(found.subIndication, refused ? 'CHAIN_CONSTRAINTS_FAILURE' : 'TRY_LATER');
    t.is(found.qualification?.anchorClass, 'hpki');
    t.is(found.qualification?.licences.length, signer === doctor ? 1 : 0);
  });

test('nothing moves under the same trust data', (t) => {
  const every = [...Object.values(rows), ...Object.values(open)];
  for (const { signer = doctor, ca, from = ofHpki, to } of every)
    for (const trust of [from, to]) {
      const signature = judged(signer, trust, signer === doctor ? hpki.ca : ca);
      t.is(
        signersUnder(trust.anchors, trust.testMode ?? false).ask(signature, at.toString()),
        signature,
      );
    }
});

test('what is proven to be older than the end of an anchor stays', (t) => {
  const signature = judged(doctor, ofHpki, hpki.ca);
  const { signerPath } = signature;
  t.truthy(signerPath);
  const older = {
    ...signature,
    signerPath: signerPath && { ...signerPath, existsSince: '2026-05-01T00:00:00Z' },
  };
  const to = ended('2026-05-31T00:00:00Z');
  t.is(asked(signature, to).status, 'indeterminate');
  t.is(asked(older, to).status, 'valid');
});

const settled = [
  ['invalid', 'HASH_FAILURE'],
  ['indeterminate', 'REVOKED_NO_POE'],
  ['indeterminate', 'REVOKED_CA_NO_POE'],
  ['indeterminate', 'OUT_OF_BOUNDS_NO_POE'],
  ['indeterminate', 'OUT_OF_BOUNDS_NOT_REVOKED'],
] as const;
for (const [status, subIndication] of settled)
  test(`what was ${status} (${subIndication}) stays so under any anchor, and under none`, (t) => {
    const broken: JudgedSigner = { ...judged(doctor, ofHpki, hpki.ca), status, subIndication };
    for (const to of [trusting(stranger), trusting(hpki.root, 'jpki'), { anchors: [] }])
      t.like(asked(broken, to), { status, subIndication });
  });

test('rows that kept the anchor alone follow its class, removal and end, and no unknown policies', (t) => {
  const former = { ...judged(doctor, ofHpki, hpki.ca), signerPath: undefined };
  t.is(asked(former, trusting(hpki.root, 'other')).qualification?.anchorClass, 'other');
  t.is(asked(former, trusting(hpki.root, 'other')).status, 'valid');
  t.is(asked(former, trusting(stranger)).subIndication, 'NO_CERTIFICATE_CHAIN_FOUND');
  t.is(asked(former, ended('2026-05-31T00:00:00Z')).status, 'indeterminate');
  t.is(asked(former, trusting(hpki.root, 'jpki')).subIndication, 'CHAIN_CONSTRAINTS_FAILURE');
  t.deepEqual(asked(former, ofHpki), JSON.parse(JSON.stringify(former)));
});

test('an edition is that of what is said of the anchors, in any order', (t) => {
  const edition = (...all: readonly Trust[]): string =>
    signersUnder(
      all.flatMap(({ anchors }) => anchors),
      false,
    ).edition;
  t.regex(edition(ofHpki, trusting(plainRoot)), /^hpki 1; other 1; [0-9a-f]{16}$/);
  t.is(edition(ofHpki, trusting(plainRoot)), edition(trusting(plainRoot), ofHpki));
  const others = [
    trusting(hpki.root, 'jpki'),
    trusting(rootAgain, 'hpki'),
    ended('2026-05-31T00:00:00Z'),
    listed('2026-05-31T00:00:00Z'),
    trusting(hpki.root, 'hpki', { certificatePolicies: ['1.2.3'] }),
  ];
  t.is(new Set([ofHpki, ...others].map((one) => edition(one))).size, 1 + others.length);
  t.not(signersUnder(ofHpki.anchors, true).edition, edition(ofHpki));
});
