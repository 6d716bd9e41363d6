// Signers by the kind of service behind them: licences shown by their Japanese names, test and authentication
// certificates refused for documents, JPKI with and without revocation data from elsewhere.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import { oids } from '#shared/oid.ts';
import type { AnchorClass, TrustAnchor } from '#shared/trust/anchors.ts';
import { validateLongTerm } from '#shared/validation/long-term.ts';
import { qualifySigner } from '#shared/validation/signer-qualification.ts';
import type { VerdictNode } from '#shared/validation/verdict.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { type Issued, issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { buildTestCms } from '../../_cms.ts';
import { certificatePolicies } from '../../_extensions.ts';
import { hcRole, createHpki, createJpki, issueProfessional } from '../../_hpki.ts';
import { materialOf } from '../../_material.ts';

const at = Temporal.Instant.from('2026-06-01T00:00:00Z');
const thisUpdate = '2026-05-30T00:00:00Z';
const hpki = createHpki();
const jpki = createJpki();
const other = issueRoot({ subject: 'CN=Another Service' });

const issuers = [
  hpki.root,
  hpki.ca,
  hpki.testCa,
  hpki.authenticationCa,
  hpki.anyCa,
  jpki.ca,
  other,
];
const crls = issuers.map((issuer) => issueCrl({ issuer, thisUpdate }));

const anchors = (
  anchorClass: AnchorClass | undefined,
  root: Issued,
  policies?: string[],
): TrustAnchor[] => [
  {
    certificate: root.certificate,
    ...(anchorClass && { class: anchorClass }),
    ...(policies && { certificatePolicies: policies }),
  },
];

type Question = {
  readonly signer: Issued;
  readonly chain?: readonly Certificate[];
  readonly anchors: readonly TrustAnchor[];
  readonly testCertificates?: boolean;
  readonly status?: typeof crls;
};

function judge({
  signer,
  chain = [],
  anchors: signerAnchors,
  testCertificates,
  status,
}: Question): VerdictNode {
  const bytes = buildTestCms({ signer, certificates: [signer.certificate, ...chain] });
  const { tree } = validateLongTerm({
    bytes,
    detached: [],
    at,
    name: 'document',
    size: bytes.length,
    digest: (algorithm) => digest(algorithm, bytes),
    material: materialOf({ signerAnchors, crls: status ?? crls, testCertificates }),
  });
  const [signature] = tree.children;
  if (!signature) throw new Error('no signature');
  return signature;
}

const ofHpki = anchors('hpki', hpki.root);

test('a licence is shown by its Japanese name, and the class of the anchor', (t) => {
  const signer = issueProfessional(hpki.ca, { roles: ['Medical Doctor', 'Director of Hospital'] });
  const { indication, facts, sentence } = judge({
    signer,
    chain: [hpki.ca.certificate],
    anchors: ofHpki,
  });
  t.is(indication, 'TOTAL-PASSED');
  t.is(facts['licence'], '医師、病院長');
  t.is(facts['signerClass'], 'hpki');
  t.regex(sentence.ja, /資格は「医師、病院長」です/);
});

test('the name of another coding scheme is not taken for a licence of this country', (t) => {
  const signer = issueProfessional(hpki.ca, {
    roles: [{ name: 'Medical Doctor', codingScheme: '1.2.3' }],
  });
  const { facts } = judge({ signer, chain: [hpki.ca.certificate], anchors: ofHpki });
  t.is(facts['licence'], 'Medical Doctor (1.2.3)');
});

test('a role that cannot be read takes nothing from the signature, and is said', (t) => {
  const signer = issueProfessional(hpki.ca, {
    extraExtensions: [hcRole([], { values: Uint8Array.of(0x30, 0x00) })],
  });
  const { status, facts, findings } = judge({
    signer,
    chain: [hpki.ca.certificate],
    anchors: ofHpki,
  });
  t.is(status, 'valid');
  t.is(facts['licence'], undefined);
  t.true(findings.some(({ check, level }) => check === 'signer-role' && level === 'warning'));
});

const roles = ['Medical Doctor'];
const underTest = issueProfessional(hpki.testCa, { policy: oids.hpkiCPSignatureTest, roles });
const underAuthentication = issueProfessional(hpki.authenticationCa, {
  policy: oids.hpkiCPAuthentication,
  roles,
});

type Refused = Question & { readonly check: string; readonly ja: RegExp };
const refused: Readonly<Record<string, Refused>> = {
  'a test certificate': {
    signer: underTest,
    chain: [hpki.testCa.certificate],
    anchors: ofHpki,
    check: 'signer-policy-test',
    ja: /テスト用の証明書/,
  },
  'a test certificate under an anchor of no class': {
    signer: underTest,
    chain: [hpki.testCa.certificate],
    anchors: anchors(undefined, hpki.root),
    check: 'signer-policy-test',
    ja: /テスト用の証明書/,
  },
  'an authentication certificate': {
    signer: underAuthentication,
    chain: [hpki.authenticationCa.certificate],
    anchors: ofHpki,
    check: 'signer-policy-authentication',
    ja: /認証用の証明書/,
  },
  'an authentication certificate in test mode': {
    signer: underAuthentication,
    chain: [hpki.authenticationCa.certificate],
    anchors: ofHpki,
    testCertificates: true,
    check: 'signer-policy-authentication',
    ja: /認証用の証明書/,
  },
  'a policy that differs in one arc': {
    signer: issueProfessional(hpki.anyCa, { policy: '1.2.392.100495.1.5.1.1.4.1', roles }),
    chain: [hpki.anyCa.certificate],
    anchors: ofHpki,
    check: 'signer-policy',
    ja: /この用途/,
  },
  'a policy below the one that is meant': {
    signer: issueProfessional(hpki.anyCa, { policy: `${oids.hpkiCPSignature}.1`, roles }),
    chain: [hpki.anyCa.certificate],
    anchors: ofHpki,
    check: 'signer-policy',
    ja: /この用途/,
  },
  'the signing policy under an authority of another one': {
    signer: issueProfessional(hpki.testCa, { roles }),
    chain: [hpki.testCa.certificate],
    anchors: ofHpki,
    check: 'signer-policy',
    ja: /この用途/,
  },
  'no policy at all': {
    signer: issueSigner(hpki.ca),
    chain: [hpki.ca.certificate],
    anchors: ofHpki,
    check: 'signer-policy',
    ja: /この用途/,
  },
  'not the policy that the operator asks of an anchor': {
    signer: issueSigner(other),
    anchors: anchors('accredited', other, ['1.2.3']),
    check: 'signer-policy',
    ja: /この用途/,
  },
  'a JPKI certificate for authentication': {
    signer: jpki.issueHolder(oids.jpkiCPAuthenticationCard),
    anchors: anchors('jpki', jpki.ca),
    check: 'signer-policy-authentication',
    ja: /認証用の証明書/,
  },
  'a JPKI test certificate': {
    signer: jpki.issueHolder(oids.jpkiCPSignatureTest),
    anchors: anchors('jpki', jpki.ca),
    check: 'signer-policy-test',
    ja: /テスト用の証明書/,
  },
};

for (const [what, { check, ja, ...question }] of Object.entries(refused))
  test(`refused for documents: ${what}`, (t) => {
    const { status, subIndication, findings, sentence } = judge(question);
    t.is(status, 'indeterminate');
    t.is(subIndication, 'CHAIN_CONSTRAINTS_FAILURE');
    t.deepEqual(
      findings.filter(({ level }) => level === 'error').map((finding) => finding.check),
      [check],
    );
    t.regex(sentence.ja, ja);
  });

const accepted: Readonly<Record<string, Question & { readonly as: AnchorClass }>> = {
  'a test certificate in test mode': {
    signer: underTest,
    chain: [hpki.testCa.certificate],
    anchors: ofHpki,
    testCertificates: true,
    as: 'hpki',
  },
  'the signing policy under an authority that leaves it open': {
    signer: issueProfessional(hpki.anyCa, { roles }),
    chain: [hpki.anyCa.certificate],
    anchors: ofHpki,
    as: 'hpki',
  },
  'a witness, under the class of its anchor': {
    signer: issueSigner(other),
    anchors: anchors('witness-provider', other),
    as: 'witness-provider',
  },
  'an anchor of no class counts as other': {
    signer: issueSigner(other),
    anchors: anchors(undefined, other),
    as: 'other',
  },
  'JPKI with revocation data from elsewhere': {
    signer: jpki.issueHolder(),
    anchors: anchors('jpki', jpki.ca),
    as: 'jpki',
  },
};

for (const [what, { as, ...question }] of Object.entries(accepted))
  test(`accepted: ${what}`, (t) => {
    const { status, facts } = judge(question);
    t.is(status, 'valid');
    t.is(facts['signerClass'], as);
  });

test('JPKI without revocation data is indeterminate, and the reason is said', (t) => {
  const { indication, subIndication, sentence } = judge({
    signer: jpki.issueHolder(),
    anchors: anchors('jpki', jpki.ca),
    status: [],
  });
  t.is(indication, 'INDETERMINATE');
  t.is(subIndication, 'TRY_LATER');
  t.regex(sentence.ja, /J-LIS に届け出た検証者/);
});

test('another root than the configured one is no HPKI', (t) => {
  const elsewhere = createHpki();
  const signer = issueProfessional(elsewhere.ca, { roles });
  const { subIndication, facts } = judge({
    signer,
    chain: [elsewhere.ca.certificate, elsewhere.root.certificate],
    anchors: anchors('hpki', other),
  });
  t.is(subIndication, 'NO_CERTIFICATE_CHAIN_FOUND');
  t.is(facts['licence'], undefined);
});

const arcs = (count: number): string => `1.2${'.3'.repeat(count)}`;
const kept: Readonly<Record<string, readonly [readonly string[], boolean]>> = {
  'as many policies as occur': [Array.from({ length: 20 }, (_, index) => `1.2.${index}`), true],
  'more policies': [Array.from({ length: 21 }, (_, index) => `1.2.${index}`), false],
  'a long policy': [[arcs(62)], true],
  'a longer one': [[arcs(63)], false],
};

for (const [what, [policies, isKept]] of Object.entries(kept))
  test(`what is kept of a path is bounded: ${what}`, (t) => {
    const { certificate } = issueSigner(other, {
      extraExtensions: [certificatePolicies(policies)],
    });
    const { signerPath } = qualifySigner([certificate, other.certificate], [], false);
    t.is(signerPath !== undefined, isKept);
  });

test('a path that is longer than any is not kept', (t) => {
  const path = (count: number) => Array.from({ length: count }, () => other.certificate);
  t.truthy(qualifySigner(path(12), [], false).signerPath);
  t.is(qualifySigner(path(13), [], false).signerPath, undefined);
});
