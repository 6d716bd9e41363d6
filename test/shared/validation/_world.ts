// The world of the long-term tests: one authority, a signer until 2028, three time-stamping units one
// after the other, CRLs as of any day, and a judgement of whatever a row puts together.
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { oids } from '#shared/oid.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import { buildMessageImprint, buildTimeStampToken } from '#shared/tsp/build-token.ts';
import type { LongTermInput } from '#shared/validation/judgement-scope.ts';
import { type LongTermVerdict, validateLongTerm } from '#shared/validation/long-term.ts';
import type { VerdictNode } from '#shared/validation/verdict.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import {
  anchorOf,
  issueCa,
  issueCrl,
  issueRoot,
  issueSigner,
  issueTsu,
  type Issued,
  type RevokedSpec,
} from '../../_authority.ts';
import { freshKey } from '../../_keys.ts';
import { buildTestCms, type TestCms } from '../../_cms.ts';
import { testAttribute, testPolicy, tokenSignerOf, type TestTsu } from '../../_tsu.ts';
import { createArchive, recordOf, renewTimestamps, type Stamping } from '../ers/_archive.ts';

export const day = (text: string): Temporal.Instant => Temporal.Instant.from(`${text}T00:00:00Z`);

export const root = issueRoot({ notAfter: day('2090-01-01') });
export const ca = issueCa(root, { notAfter: day('2080-01-01') });
export const signer = issueSigner(ca, {
  key: freshKey('RSA-2048'),
  notBefore: day('2026-01-01'),
  notAfter: day('2028-01-01'),
});
const tsuFor = (name: string, from: string, to: string): Issued =>
  issueTsu(ca, { subject: `CN=${name}`, notBefore: day(from), notAfter: day(to) });
/** Units that follow one another; each begins before the one before has ended. */
export const tsus = {
  first: tsuFor('First TSU', '2025-01-01', '2030-01-01'),
  second: tsuFor('Second TSU', '2028-01-01', '2040-01-01'),
  third: tsuFor('Third TSU', '2038-01-01', '2060-01-01'),
} as const;
export type TsuName = keyof typeof tsus;

/** A unit with the hierarchy above it. */
export function tsuOf(name: TsuName): TestTsu {
  const tsu = tsus[name];
  const signer = tokenSignerOf(tsu, [ca.certificate]);
  return { root, ca, tsu, anchors: [anchorOf(root)], signer };
}

function tokenBy(
  tsu: Issued,
  chain: readonly Certificate[],
  on: string,
  imprint: Uint8Array,
  algorithm: DigestAlgorithm,
): Uint8Array {
  return buildTimeStampToken({
    tstInfo: {
      policy: testPolicy,
      messageImprint: buildMessageImprint(algorithm, imprint),
      serialNumber: 7n,
      genTime: day(on),
    },
    signer: tokenSignerOf(tsu, chain),
    certReq: true,
  });
}

/** A token of one unit over a digest, on a day. */
export function stamp(
  tsu: TsuName,
  on: string,
  imprint: Uint8Array,
  algorithm: DigestAlgorithm = 'SHA-256',
): Uint8Array {
  return tokenBy(tsus[tsu], [ca.certificate], on, imprint, algorithm);
}

/** An authority that shares nothing with the others. */
const elsewhereRoot = issueRoot({ subject: 'CN=Elsewhere Root' });
export const elsewhere = {
  root: elsewhereRoot,
  tsu: issueTsu(elsewhereRoot, { subject: 'CN=Elsewhere TSU' }),
} as const;

export function stampElsewhere(on: string, imprint: Uint8Array): Uint8Array {
  return tokenBy(elsewhere.tsu, [], on, imprint, 'SHA-256');
}

export function crlsElsewhere(on: string): readonly CertificateList[] {
  const nextUpdate = day(on).add({ hours: 30 * 24 });
  return [issueCrl({ issuer: elsewhere.root, thisUpdate: day(on), nextUpdate })];
}

/** CRLs of root and CA issued on a day, good for 30 more. */
export function crlsOf(
  on: string,
  revoked: readonly RevokedSpec[] = [],
  revokedCa: readonly RevokedSpec[] = [],
): readonly CertificateList[] {
  const nextUpdate = day(on).add({ hours: 30 * 24 });
  return [
    issueCrl({ issuer: root, thisUpdate: day(on), nextUpdate, revoked: revokedCa }),
    issueCrl({ issuer: ca, thisUpdate: day(on), nextUpdate, revoked }),
  ];
}

/** A signature timestamp as an unsigned attribute. */
export function signatureTimestamp(
  tsu: TsuName,
  on: string,
): (signature: Uint8Array) => readonly Uint8Array[] {
  return (signature) => [
    testAttribute(oids.idAaSignatureTimeStampToken, stamp(tsu, on, digest('SHA-256', signature))),
  ];
}

/** A signature of the world's signer with its CA and, where wanted, CRLs of some days inside. */
export function sign(spec: TestCms & { readonly crlsOn?: readonly string[] } = {}): Uint8Array {
  const { crlsOn = [], ...rest } = spec;
  const inside = crlsOn.flatMap((on) => crlsOf(on)).map(({ raw }) => raw);
  return buildTestCms({
    signer,
    certificates: [signer.certificate, ca.certificate],
    ...(inside.length > 0 && { crls: inside }),
    ...rest,
  });
}

/** An evidence record over a document, or a group: one archive timestamp, then timestamp renewals. */
export function recordOver(
  document: Uint8Array | readonly Uint8Array[],
  steps: readonly (readonly [TsuName, string])[],
  algorithm: DigestAlgorithm = 'SHA-256',
): Uint8Array {
  const stamping = (tsu: TsuName, on: string): Stamping => ({
    tsu: {
      anchor: anchorOf(root),
      stamp: (request) => stamp(tsu, on, request.imprint, request.algorithm),
    },
  });
  const [[tsu, on] = ['first', '2027-01-01'] as const, ...renewals] = steps;
  const group = document instanceof Uint8Array ? [document] : document;
  const others = [group, [new TextEncoder().encode('another document')]];
  let archive = createArchive(algorithm, others, day(on), stamping(tsu, on));
  for (const [next, when] of renewals) archive = renewTimestamps(archive, stamping(next, when));
  return recordOf(archive, 0);
}

/** Everything counts, but for what a row ends. */
export function profileWith(...overrides: AlgorithmProfile['overrides']): AlgorithmProfile {
  const row = { uses: ['verify'], endExclusive: null, confidence: 'test', source: 'test' };
  const all = { evaluations: [row] };
  return {
    id: 'everything',
    uses: 'verify',
    policies: [
      {
        id: 'everything',
        title: { en: 'everything', ja: 'すべて' },
        publisher: 'test',
        version: '1',
        policyIssueDate: null,
        confidence: 'test',
        hashAlgorithms: [
          { alg: 'SHA-256', ...all },
          { alg: 'SHA-512', ...all },
        ],
        signatureAlgorithms: [
          { alg: 'RSASSA-PKCS1-v1_5', ...all },
          { alg: 'ECDSA', ...all },
        ],
        curves: [],
      },
    ],
    overrides,
  };
}

export type Row = {
  readonly bytes: Uint8Array;
  readonly at: string;
  readonly crls?: readonly CertificateList[];
  readonly records?: readonly Uint8Array[];
  readonly validationData?: readonly Uint8Array[];
  readonly tokens?: readonly Uint8Array[];
  readonly detached?: LongTermInput['detached'];
  readonly material?: Partial<LongTermInput['material']>;
};

/** The verdict on a row; fresh CRLs of the day of judgement unless it brings its own. */
export function judge(row: Row): LongTermVerdict {
  const { bytes, at } = row;
  const anchors = [anchorOf(root)];
  const named = (octets: readonly Uint8Array[] = [], name: string) =>
    octets.map((one, index) => ({ name: `${name}-${index + 1}`, octets: one }));
  return validateLongTerm({
    name: 'document',
    bytes,
    size: bytes.length,
    digest: (algorithm) => digest(algorithm, bytes),
    detached: row.detached,
    evidenceRecords: named(row.records, 'record'),
    validationData: named(row.validationData, 'validation-data'),
    tokens: named(row.tokens, 'token'),
    at: day(at),
    material: {
      signerAnchors: anchors,
      tsuAnchors: anchors,
      certificates: [],
      crls: row.crls ?? crlsOf(at),
      ocspResponses: [],
      revocationMode: 'require',
      ...row.material,
    },
  });
}

/** `status SUB_INDICATION` of a node. */
export function said(node: VerdictNode | undefined): string {
  return node ? [node.status, node.subIndication].filter(Boolean).join(' ') : 'missing';
}

/** All nodes of a tree, the root first. */
export function nodesOf(node: VerdictNode): readonly VerdictNode[] {
  return [node, ...node.children.flatMap(nodesOf)];
}
