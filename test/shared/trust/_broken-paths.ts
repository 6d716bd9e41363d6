// Paths that are good but for one rule each: what shows that the rule is there, that its finding is named
// after it, and that nothing else would have noticed.
import { derNull } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import type { CandidatePath } from '#shared/trust/path-build.ts';
import type { PathInputs } from '#shared/trust/path-query.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import {
  anchorOf,
  issueCa,
  issueCertificate,
  issueRoot,
  issueSigner,
  issueTsu,
} from '../../_authority.ts';
import type { Issued } from '../../_authority.ts';
import {
  authorityInfoAccess,
  authorityKeyIdentifier,
  basicConstraints,
  buildName,
  certificatePolicies,
  extendedKeyUsage,
  extension,
  generalizedTime,
  keyUsage,
  nameConstraints,
  policyConstraints,
  policyMappings,
  subjectAltName,
  subjectKeyIdentifier,
} from '../../_extensions.ts';
import { freshKey, testKey } from '../../_keys.ts';

export type BrokenPath = {
  /** Name of the one rule that refuses it. */
  readonly rule: string;
  readonly path: CandidatePath;
  readonly inputs: PathInputs;
};

export const at = Temporal.Instant.from('2025-06-01T00:00:00Z');

/** Target first, as the product has it. */
export function pathOf(anchor: Issued | TrustAnchor, ...issued: readonly Issued[]): CandidatePath {
  const trusted = 'key' in anchor ? anchorOf(anchor) : anchor;
  const certificates: readonly Certificate[] = [
    ...issued.map(({ certificate }) => certificate).toReversed(),
    trusted.certificate,
  ];
  return { certificates, anchor: trusted };
}

const tsuInputs: PathInputs = { at, purpose: 'tsu', certificateProfile: 'enforce' };
const anyInputs: PathInputs = { ...tsuInputs, purpose: 'any' };

export const root = issueRoot();
export const ca = issueCa(root, { subject: 'CN=CA 1' });
export const tsu = issueTsu(ca);

/** Root, CA and TSU, for which nothing is wrong. */
export const goodPath = pathOf(root, ca, tsu);
export const goodInputs = tsuInputs;

const identifier = Uint8Array.of(1, 2, 3);
const unknownCritical = extension('1.2.3.4.5', derNull(), true);

/** A TSU below a CA that was issued like this. */
function underCa(spec: Parameters<typeof issueCa>[1]): CandidatePath {
  const odd = issueCa(root, { subject: 'CN=Odd CA', ...spec });
  return pathOf(root, odd, issueTsu(odd));
}

/** A TSU below the good CA that was issued like this. */
function withTsu(spec: Parameters<typeof issueTsu>[1]): CandidatePath {
  return pathOf(root, ca, issueTsu(ca, spec));
}

/** A leaf for any purpose with exactly these extensions. */
function withLeaf(extensions: readonly Uint8Array[], subject = 'CN=Leaf'): CandidatePath {
  const leaf = issueCertificate({
    subject: subject === '' ? buildName('') : subject,
    issuer: ca,
    extensions: [authorityKeyIdentifier(identifier), ...extensions],
  });
  return pathOf(root, ca, leaf);
}

/** A TSU directly below an anchor that was issued like this. */
function underRoot(spec: Parameters<typeof issueRoot>[0]): CandidatePath {
  const odd = issueRoot({ subject: 'CN=Odd Root', ...spec });
  return pathOf(odd, issueTsu(odd));
}

function rowsOfPathChecks(): readonly BrokenPath[] {
  const constrained = issueCa(root, {
    subject: 'CN=Constrained CA',
    extraExtensions: [nameConstraints({ permitted: [{ directory: 'O=Elsewhere' }] })],
  });
  const explicit = issueCa(root, {
    subject: 'CN=Explicit CA',
    extraExtensions: [
      certificatePolicies(['1.2.3']),
      policyConstraints({ requireExplicitPolicy: 0 }),
    ],
  });
  const explicitSub = issueCa(explicit, { subject: 'CN=Explicit Sub CA' });
  const narrow = issueCa(root, { subject: 'CN=Narrow CA', pathLenConstraint: 0 });
  const deep = issueCa(narrow, { subject: 'CN=Deep CA' });
  const rsa = issueCa(root, { subject: 'CN=RSA CA', key: testKey('RSA-2048', 'default', 'SHA-1') });
  return [
    { rule: 'certificate-signature', path: withTsu({ breakSignature: true }), inputs: tsuInputs },
    {
      rule: 'signature-algorithms-agree',
      path: withTsu({ innerAlgorithm: testKey('P-256', 'default', 'SHA-512').algorithm }),
      inputs: tsuInputs,
    },
    {
      rule: 'signature-algorithm-acceptable',
      path: pathOf(root, rsa, issueTsu(rsa)),
      inputs: {
        ...tsuInputs,
        checkSignatureAlgorithm: ({ digest }) =>
          digest === 'SHA-1' ? 'is signed with SHA-1' : undefined,
      },
    },
    {
      rule: 'not-yet-valid',
      path: withTsu({ notBefore: '2025-06-01T00:00:01Z' }),
      inputs: tsuInputs,
    },
    { rule: 'expired', path: withTsu({ notAfter: '2025-05-31T23:59:59Z' }), inputs: tsuInputs },
    {
      rule: 'name-chaining',
      path: withTsu({ issuerName: buildName('CN=CA 2') }),
      inputs: tsuInputs,
    },
    {
      rule: 'name-constraints',
      path: pathOf(root, constrained, issueTsu(constrained)),
      inputs: tsuInputs,
    },
    {
      rule: 'name-constraints-well-formed',
      path: underCa({
        extraExtensions: [nameConstraints({ permitted: [{ dns: '.example' }] })],
      }),
      inputs: tsuInputs,
    },
    {
      rule: 'policy-mapping-without-any',
      path: underCa({ extraExtensions: [policyMappings([[oids.anyPolicy, '1.2.3']])] }),
      inputs: tsuInputs,
    },
    {
      rule: 'certificate-policies',
      path: pathOf(root, explicit, explicitSub, issueTsu(explicitSub)),
      inputs: tsuInputs,
    },
    {
      rule: 'basic-constraints',
      path: underCa({
        extensions: [authorityKeyIdentifier(identifier), basicConstraints(false)],
      }),
      inputs: tsuInputs,
    },
    { rule: 'path-length', path: pathOf(root, narrow, deep, issueTsu(deep)), inputs: tsuInputs },
    {
      rule: 'key-cert-sign',
      path: underCa({
        extensions: [
          subjectKeyIdentifier(identifier),
          authorityKeyIdentifier(identifier),
          basicConstraints(true),
          keyUsage(['cRLSign']),
        ],
      }),
      inputs: tsuInputs,
    },
    {
      rule: 'issuer-purpose',
      path: underCa({ extraExtensions: [extendedKeyUsage([oids.idKpServerAuth])] }),
      inputs: tsuInputs,
    },
    {
      rule: 'critical-extensions',
      path: withTsu({ extraExtensions: [unknownCritical] }),
      inputs: tsuInputs,
    },
    {
      rule: 'extensions-well-formed',
      path: withTsu({ extraExtensions: [subjectAltName([])] }),
      inputs: tsuInputs,
    },
    {
      rule: 'public-key-usable',
      path: withTsu({ key: { ...freshKey(), publicKey: testKeyOffCurve() } }),
      inputs: tsuInputs,
    },
    {
      rule: 'target-is-ca',
      path: pathOf(root, ca, issueSigner(ca, { extensions: [authorityKeyIdentifier(identifier)] })),
      inputs: { ...tsuInputs, purpose: 'ca' },
    },
    {
      rule: 'key-usage',
      path: withLeaf([
        keyUsage(['keyEncipherment']),
        extendedKeyUsage([oids.idKpTimeStamping], true),
      ]),
      inputs: tsuInputs,
    },
    {
      rule: 'extended-key-usage',
      path: withLeaf([keyUsage(['digitalSignature'])]),
      inputs: tsuInputs,
    },
  ];
}

/** A P-256 key whose point is not on the curve. */
function testKeyOffCurve(): Uint8Array {
  const { publicKey } = freshKey();
  const copy = Uint8Array.from(publicKey);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}

function rowsOfAnchorChecks(): readonly BrokenPath[] {
  return [
    {
      rule: 'anchor-sunset',
      path: pathOf(anchorOf(root, '2025-06-01T00:00:00Z'), ca, tsu),
      inputs: tsuInputs,
    },
    {
      rule: 'anchor-periods',
      path: pathOf(
        {
          ...anchorOf(root),
          periods: [
            {
              since: Temporal.Instant.from('2021-01-01T00:00:00Z'),
              until: Temporal.Instant.from('2025-06-01T00:00:00Z'),
            },
            { since: Temporal.Instant.from('2025-06-02T00:00:00Z') },
          ],
        },
        ca,
        tsu,
      ),
      inputs: tsuInputs,
    },
    {
      rule: 'anchor-expired',
      path: underRoot({ notAfter: '2025-05-31T00:00:00Z' }),
      inputs: tsuInputs,
    },
    {
      rule: 'anchor-not-yet-valid',
      path: underRoot({ notBefore: '2025-06-02T00:00:00Z' }),
      inputs: tsuInputs,
    },
    {
      rule: 'anchor-extensions-well-formed',
      path: underRoot({ extraExtensions: [subjectAltName([])] }),
      inputs: tsuInputs,
    },
    {
      rule: 'anchor-critical-extensions',
      path: underRoot({ extraExtensions: [unknownCritical] }),
      inputs: tsuInputs,
    },
    {
      rule: 'anchor-name-constraints-well-formed',
      path: underRoot({
        extraExtensions: [nameConstraints({ permitted: [{ ip: [192, 0, 2, 1] }] })],
      }),
      inputs: tsuInputs,
    },
    {
      rule: 'anchor-basic-constraints',
      path: underRoot({
        extensions: [
          subjectKeyIdentifier(identifier),
          basicConstraints(true, undefined, false),
          keyUsage(['keyCertSign']),
        ],
      }),
      inputs: tsuInputs,
    },
    {
      rule: 'anchor-key-usage',
      path: underRoot({
        extensions: [
          subjectKeyIdentifier(identifier),
          basicConstraints(true),
          keyUsage(['cRLSign']),
        ],
      }),
      inputs: tsuInputs,
    },
  ];
}

function rowsOfProfile(): readonly BrokenPath[] {
  return [
    { rule: 'serial-number', path: withTsu({ serialNumber: -5n }), inputs: tsuInputs },
    {
      rule: 'issuer-not-empty',
      path: underRoot({ issuerName: buildName('') }),
      inputs: tsuInputs,
    },
    {
      rule: 'time-form',
      path: withTsu({ notBefore: generalizedTime(Temporal.Instant.from('2020-01-01T00:00:00Z')) }),
      inputs: tsuInputs,
    },
    {
      rule: 'ca-subject-not-empty',
      path: pathOf(root, issueCa(root, { subject: buildName('') })),
      inputs: anyInputs,
    },
    {
      rule: 'empty-subject-has-critical-alternative',
      path: withLeaf([subjectAltName([{ dns: 'tsu.example' }], false)], ''),
      inputs: anyInputs,
    },
    {
      rule: 'dns-name-syntax',
      path: withLeaf([subjectAltName([{ dns: 'a-1.example' }, { dns: 'time_stamp.example' }])]),
      inputs: anyInputs,
    },
    { rule: 'version-fits-fields', path: withTsu({ version: 2 }), inputs: tsuInputs },
    {
      rule: 'authority-key-identifier-present',
      path: pathOf(
        root,
        ca,
        issueCertificate({
          subject: 'CN=Leaf',
          issuer: ca,
          extensions: [keyUsage(['digitalSignature'])],
        }),
      ),
      inputs: anyInputs,
    },
    {
      rule: 'subject-key-identifier-present',
      path: underRoot({ extensions: [basicConstraints(true), keyUsage(['keyCertSign'])] }),
      inputs: tsuInputs,
    },
    {
      rule: 'never-critical',
      path: withLeaf([extension(oids.authorityInfoAccess, authorityInfoAccessValue(), true)]),
      inputs: anyInputs,
    },
    {
      rule: 'always-critical',
      path: underCa({
        extraExtensions: [nameConstraints({ excluded: [{ dns: 'example' }] }, false)],
      }),
      inputs: tsuInputs,
    },
    { rule: 'cert-sign-means-ca', path: withLeaf([keyUsage(['keyCertSign'])]), inputs: anyInputs },
    {
      rule: 'path-length-means-ca',
      path: withLeaf([basicConstraints(false, 1)]),
      inputs: anyInputs,
    },
    { rule: 'key-usage-not-empty', path: withLeaf([keyUsage([])]), inputs: anyInputs },
    {
      rule: 'name-constraints-mean-ca',
      path: withLeaf([nameConstraints({ permitted: [{ dns: 'example' }] })]),
      inputs: anyInputs,
    },
  ];
}

/** Contents of an AuthorityInfoAccess extension, taken from one built elsewhere. */
function authorityInfoAccessValue(): Uint8Array {
  const { certificate } = issueCertificate({
    subject: 'CN=X',
    extensions: [authorityInfoAccess([{ method: oids.idAdOcsp, uri: 'http://ocsp.example/' }])],
  });
  return certificate.extensions[0]?.value ?? new Uint8Array();
}

/** Every rule of the lists, each broken alone. */
export const brokenPaths: readonly BrokenPath[] = [
  ...rowsOfPathChecks(),
  ...rowsOfAnchorChecks(),
  ...rowsOfProfile(),
];
