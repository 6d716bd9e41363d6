// Every check on a token and on its signer has an input that only this check refuses; with the check
// left out, the same input passes. So no check is there without effect, and none hides another.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import { signerChecks } from '#shared/cms/signer-checks.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derBoolean,
  derContext,
  derContextPrimitive,
  derElement,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import { compareBytes, concatBytes } from '#shared/bytes.ts';
import { oids } from '#shared/oid.ts';
import { parseTimeStampReq, buildTimeStampReq } from '#shared/tsp/request.ts';
import { buildMessageImprint } from '#shared/tsp/build-token.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import {
  tokenChecks,
  verifyToken,
  type TokenVerdict,
  type VerifyTokenOptions,
} from '#shared/tsp/verify-token.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { selectProfile } from '#shared/policy/algorithm-policy.ts';
import type { CrlReason } from '#shared/x509/crl.ts';
import { issueCertificate, issueCrl, issueTsu } from '../../_authority.ts';
import { basicConstraints, extendedKeyUsage, extension, keyUsage } from '../../_extensions.ts';
import { freshKey } from '../../_keys.ts';
import {
  assembleToken,
  createTsu,
  issueToken,
  testAccuracy,
  testAttribute,
  testData,
  testExtensions,
  testGenTime,
  testPolicy,
  testSignedAttrs,
  testSigningCertificate,
  testTstInfo,
  tokenSignerOf,
  type TestTsu,
  type TokenParts,
  type TSTInfoElements,
} from '../../_tsu.ts';

const tsu = createTsu();
const shared = digest('SHA-256', testData);

type Case = {
  readonly check: string;
  readonly what: string;
  readonly level: 'error' | 'unknown' | 'warning';
  readonly token: Uint8Array;
  readonly options?: Partial<VerifyTokenOptions>;
};

function verify(
  { token, options = {} }: Pick<Case, 'token' | 'options'>,
  without: { readonly check?: string } = {},
): TokenVerdict {
  return verifyToken(parseTimeStampToken(token), {
    anchors: tsu.anchors,
    revocationMode: 'none',
    ...options,
    checks: tokenChecks.filter(({ name }) => name !== without.check),
    signerChecks: signerChecks.filter(({ name }) => name !== without.check),
  });
}

const withInfo = (elements: TSTInfoElements): Uint8Array =>
  assembleToken(tsu, { tstInfo: testTstInfo(elements) });

const [contentType, messageDigest, signingCertificate] = testSignedAttrs(tsu, testTstInfo());
const withAttributes = (...signedAttrs: readonly Uint8Array[]): Uint8Array =>
  assembleToken(tsu, { signedAttrs: signedAttrs.toSorted(compareBytes) });

function query(changes: Partial<Parameters<typeof buildTimeStampReq>[0]> = {}) {
  return parseTimeStampReq(
    buildTimeStampReq({ algorithm: 'SHA-256', digest: shared, certReq: true, ...changes }),
  );
}

/** A token of another TSU under the same anchors. */
function byOther(issue: (ca: TestTsu['ca']) => TestTsu['tsu'], parts: TokenParts = {}): Uint8Array {
  const issued = issue(tsu.ca);
  const other = { ...tsu, tsu: issued, signer: tokenSignerOf(issued, [tsu.ca.certificate]) };
  return assembleToken(other, parts);
}

const weaklyIssued = createTsu({ caKey: freshKey('P-256', 'SHA-1') });
const ed25519 = createTsu({ keyName: 'Ed25519', digest: 'SHA-512' });
const info = testTstInfo();
const shaMd5 = digest('MD5', testData);
const issuerSerialOff = testSigningCertificate(2, tsu.tsu.certificate, { serialNumber: 1n });
const eku = extendedKeyUsage([oids.idKpTimeStamping], true);

/** `signatureAlgorithm [1]` of CMSAlgorithmProtection, implicit. */
const signatureMeant = Uint8Array.of(0xa1, ...tsu.signer.signatureAlgorithm.subarray(1));

const cases: readonly Case[] = [
  {
    check: 'token-encoding',
    what: 'a length in more octets than needed',
    level: 'warning',
    token: (() => {
      const token = issueToken(tsu);
      const content = token.subarray(4);
      return concatBytes(
        Uint8Array.of(0x30, 0x83, 0, content.length >> 8, content.length),
        content,
      );
    })(),
  },
  {
    check: 'tst-info-encoding',
    what: 'TRUE as 01',
    level: 'error',
    token: withInfo({ ordering: Uint8Array.of(1, 1, 1) }),
  },
  {
    check: 'tst-info-encoding',
    what: 'a default written out',
    level: 'warning',
    token: withInfo({ ordering: derBoolean(false) }),
  },
  {
    check: 'tst-info-version',
    what: 'version 2',
    level: 'error',
    token: withInfo({ version: derInteger(2) }),
  },
  {
    check: 'imprint-algorithm',
    what: 'an identifier that is no digest',
    level: 'unknown',
    token: withInfo({
      messageImprint: derSequence(buildAlgorithmIdentifier('1.2.3.4').raw, derOctetString(shared)),
    }),
  },
  {
    check: 'imprint-algorithm',
    what: 'a digest that is not allowed',
    level: 'error',
    token: issueToken(tsu),
    options: { allowed: { digestAlgorithms: ['SHA-512'] } },
  },
  {
    check: 'imprint-parameters',
    what: 'an octet string',
    level: 'error',
    token: withInfo({
      messageImprint: derSequence(
        buildAlgorithmIdentifier(oids.sha256, derOctetString(Uint8Array.of(1))).raw,
        derOctetString(shared),
      ),
    }),
  },
  {
    check: 'imprint-length',
    what: 'one octet short',
    level: 'error',
    token: withInfo({ messageImprint: buildMessageImprint('SHA-256', shared.subarray(1)) }),
  },
  {
    check: 'imprint',
    what: 'other data',
    level: 'error',
    token: issueToken(tsu),
    options: { imprint: { algorithm: 'SHA-256', digest: digest('SHA-256', Uint8Array.of(1)) } },
  },
  {
    check: 'imprint',
    what: 'the same octets under another algorithm',
    level: 'error',
    token: issueToken(tsu),
    options: { imprint: { algorithm: 'SHA3-256', digest: shared } },
  },
  {
    check: 'imprint',
    what: 'another query',
    level: 'error',
    token: issueToken(tsu),
    options: { request: query({ digest: digest('SHA-256', Uint8Array.of(2)) }) },
  },
  {
    check: 'nonce',
    what: 'another nonce',
    level: 'error',
    token: issueToken(tsu, { nonce: 5n }),
    options: { request: query({ nonce: 5n + (1n << 64n) }) },
  },
  {
    check: 'nonce',
    what: 'no nonce where one was asked for',
    level: 'error',
    token: issueToken(tsu),
    options: { request: query({ nonce: 0n }) },
  },
  {
    check: 'nonce',
    what: 'a nonce that nobody asked for',
    level: 'error',
    token: issueToken(tsu, { nonce: 0n }),
    options: { request: query() },
  },
  {
    check: 'tsa-policy',
    what: 'a policy below the one asked for',
    level: 'error',
    token: issueToken(tsu, { policy: `${testPolicy}.1` }),
    options: { request: query({ reqPolicy: testPolicy }) },
  },
  {
    check: 'tsa-policy',
    what: 'a policy that is not allowed',
    level: 'error',
    token: issueToken(tsu),
    options: { allowed: { tsaPolicies: ['1.2.3'] } },
  },
  {
    check: 'serial-number',
    what: 'negative',
    level: 'error',
    token: withInfo({ serialNumber: derInteger(-1) }),
  },
  {
    check: 'serial-number',
    what: '161 bits',
    level: 'error',
    token: withInfo({ serialNumber: derInteger(1n << 160n) }),
  },
  ...(
    [
      [-1, undefined, undefined],
      [1, 0, undefined],
      [1, 1000, undefined],
      [1, 1, 0],
      [1, 1, 1000],
      [86_400, 1, undefined],
    ] as const
  ).map((parts): Case => ({
    check: 'accuracy',
    what: parts.join(' '),
    level: 'error',
    token: withInfo({ accuracy: testAccuracy(...parts) }),
  })),
  {
    check: 'accuracy',
    what: 'none where one is required',
    level: 'error',
    token: issueToken(tsu),
    options: { requireAccuracy: true },
  },
  {
    check: 'tst-info-extensions',
    what: 'an unknown critical one',
    level: 'error',
    token: withInfo({ extensions: testExtensions(1, [{ oid: '1.2.3', critical: true }]) }),
  },
  {
    check: 'tst-info-extensions',
    what: 'one twice',
    level: 'error',
    token: withInfo({
      extensions: testExtensions(1, [
        { oid: '1.2.3', critical: false },
        { oid: '1.2.3', critical: false },
      ]),
    }),
  },
  ...([-301, 301] as const).map((seconds): Case => ({
    check: 'clock',
    what: `${seconds} seconds off`,
    level: 'error',
    token: issueToken(tsu),
    options: { clock: { now: testGenTime.add({ seconds }), toleranceSeconds: 300 } },
  })),
  {
    check: 'clock',
    what: 'stored, and ahead of the clock',
    level: 'error',
    token: issueToken(tsu),
    options: {
      clock: { now: testGenTime.subtract({ seconds: 301 }), toleranceSeconds: 300, stored: true },
    },
  },
  {
    check: 'signed-data-version',
    what: 'version 1',
    level: 'warning',
    token: assembleToken(tsu, { version: 1 }),
  },
  { check: 'one-signer', what: 'two', level: 'error', token: assembleToken(tsu, { signers: 2 }) },
  { check: 'one-signer', what: 'none', level: 'error', token: assembleToken(tsu, { signers: 0 }) },
  {
    check: 'certificates-readable',
    what: 'a certificate that is none',
    level: 'warning',
    token: assembleToken(tsu, {
      certificates: [tsu.tsu.certificate.raw, tsu.ca.certificate.raw, derSequence(derInteger(1))],
    }),
  },
  {
    check: 'cert-req',
    what: 'missing',
    level: 'error',
    token: issueToken(tsu, { certReq: false }),
    options: {
      request: query(),
      certificates: [tsu.tsu.certificate, tsu.ca.certificate],
    },
  },
  {
    check: 'cert-req',
    what: 'not asked for',
    level: 'error',
    token: issueToken(tsu),
    options: { request: query({ certReq: false }) },
  },
  {
    check: 'tsa-name',
    what: 'the name of the CA',
    level: 'error',
    token: withInfo({ tsa: derContext(0, derContext(4, tsu.ca.certificate.subject.raw)) }),
  },
  {
    check: 'tsa-name',
    what: 'no GeneralName',
    level: 'error',
    token: withInfo({ tsa: derContext(0, derNull()) }),
  },
  {
    check: 'tsu-no-ca',
    what: 'a CA',
    level: 'error',
    token: byOther((ca) =>
      issueCertificate({ subject: 'CN=CA and TSU', issuer: ca }, [
        eku,
        keyUsage(['digitalSignature']),
        basicConstraints(true),
      ]),
    ),
  },
  {
    check: 'private-key-usage-period',
    what: 'ended before genTime',
    level: 'warning',
    token: byOther((ca) =>
      issueTsu(ca, {
        extraExtensions: [
          extension(
            oids.privateKeyUsagePeriod,
            derSequence(derContextPrimitive(1, new TextEncoder().encode('20260101000000Z'))),
          ),
        ],
      }),
    ),
  },
  {
    check: 'gen-time-within-validity',
    what: 'ended before genTime',
    level: 'error',
    token: byOther((ca) => issueTsu(ca, { notAfter: '2026-03-04T05:06:06Z' })),
    options: { at: Temporal.Instant.from('2026-03-01T00:00:00Z') },
  },
  {
    check: 'gen-time-within-validity',
    what: 'begins after genTime',
    level: 'error',
    token: byOther((ca) => issueTsu(ca, { notBefore: '2026-03-04T05:06:08Z' })),
    options: { at: Temporal.Instant.from('2026-04-01T00:00:00Z') },
  },
  {
    check: 'minimum-remaining',
    what: 'ends in a year',
    level: 'error',
    token: byOther((ca) => issueTsu(ca, { notAfter: '2027-03-04T00:00:00Z' })),
    options: { minimumRemaining: { seconds: 370 * 86_400 } },
  },
  {
    check: 'token-algorithms',
    what: 'an imprint of MD5',
    level: 'error',
    token: withInfo({ messageImprint: buildMessageImprint('MD5', shaMd5) }),
    options: { algorithmPolicy: selectProfile(bundledPolicies, 'jp-medical') },
  },
  {
    check: 'signing-certificate-digest',
    what: 'version 2 by SHA-1',
    level: 'error',
    token: withAttributes(
      contentType,
      messageDigest,
      testAttribute(
        oids.idAaSigningCertificateV2,
        testSigningCertificate(2, tsu.tsu.certificate, {
          algorithm: buildAlgorithmIdentifier(oids.sha1).raw,
          certHash: digest('SHA-1', tsu.tsu.certificate.raw),
        }),
      ),
    ),
    options: { algorithmPolicy: selectProfile(bundledPolicies, 'jp-medical') },
  },
  {
    check: 'path-algorithms',
    what: 'a certificate signed with SHA-1',
    level: 'error',
    token: issueToken(weaklyIssued),
    options: {
      anchors: weaklyIssued.anchors,
      algorithmPolicy: selectProfile(bundledPolicies, 'jp-medical'),
    },
  },
  // the signer
  {
    check: 'signer-info-version',
    what: 'version 3',
    level: 'warning',
    token: assembleToken(tsu, { signerVersion: 3 }),
  },
  {
    check: 'digest-algorithm',
    what: 'an identifier that is no digest',
    level: 'unknown',
    token: assembleToken(tsu, { digestIdentifier: buildAlgorithmIdentifier('1.2.3.4').raw }),
  },
  {
    check: 'digest-algorithm-listed',
    what: 'an empty list',
    level: 'warning',
    token: assembleToken(tsu, { digestAlgorithms: [] }),
  },
  {
    check: 'digest-algorithm-fits-signature',
    what: 'Ed25519 with SHA-256',
    level: 'error',
    token: assembleToken(ed25519),
    options: { anchors: ed25519.anchors },
  },
  {
    check: 'content-type',
    what: 'id-data',
    level: 'error',
    token: withAttributes(
      testAttribute(oids.idContentType, derObjectIdentifier(oids.idData)),
      messageDigest,
      signingCertificate,
    ),
  },
  {
    check: 'content-type',
    what: 'missing',
    level: 'error',
    token: withAttributes(messageDigest, signingCertificate),
  },
  {
    check: 'content-type',
    what: 'twice',
    level: 'error',
    token: withAttributes(contentType, contentType, messageDigest, signingCertificate),
  },
  {
    check: 'message-digest',
    what: 'of other content',
    level: 'error',
    token: withAttributes(
      contentType,
      testAttribute(oids.idMessageDigest, derOctetString(shared)),
      signingCertificate,
    ),
  },
  {
    check: 'message-digest',
    what: 'two values',
    level: 'error',
    token: withAttributes(
      contentType,
      testAttribute(
        oids.idMessageDigest,
        derOctetString(digest('SHA-256', info)),
        derOctetString(shared),
      ),
      signingCertificate,
    ),
  },
  {
    check: 'message-digest',
    what: 'no OCTET STRING',
    level: 'error',
    token: withAttributes(
      contentType,
      testAttribute(oids.idMessageDigest, derInteger(1)),
      signingCertificate,
    ),
  },
  {
    check: 'signed-attributes-present',
    what: 'none',
    level: 'error',
    token: assembleToken(tsu, { signedAttrs: null }),
  },
  {
    check: 'signed-attributes-encoding',
    what: 'not sorted, signed as stored',
    level: 'warning',
    token: assembleToken(tsu, { signedAttrs: [signingCertificate, messageDigest, contentType] }),
  },
  {
    check: 'signing-time',
    what: 'no Time',
    level: 'error',
    token: withAttributes(
      contentType,
      messageDigest,
      signingCertificate,
      testAttribute(oids.idSigningTime, derInteger(1)),
    ),
  },
  {
    check: 'signer-certificate',
    what: 'nobody',
    level: 'unknown',
    token: assembleToken(tsu, {
      sid: derSequence(tsu.tsu.certificate.issuer.raw, derInteger(99)),
    }),
  },
  {
    check: 'signing-certificate-attribute',
    what: 'none',
    level: 'error',
    token: withAttributes(contentType, messageDigest),
  },
  {
    check: 'signing-certificate-attribute',
    what: 'an OCTET STRING',
    level: 'error',
    token: withAttributes(
      contentType,
      messageDigest,
      testAttribute(oids.idAaSigningCertificateV2, derOctetString(shared)),
    ),
  },
  {
    check: 'signing-certificate',
    what: 'version 1 wrong beside a right version 2',
    level: 'error',
    token: withAttributes(
      contentType,
      messageDigest,
      signingCertificate,
      testAttribute(
        oids.idAaSigningCertificate,
        testSigningCertificate(1, tsu.tsu.certificate, { certHash: digest('SHA-1', shared) }),
      ),
    ),
  },
  {
    check: 'signing-certificate-issuer-serial',
    what: 'another serial number',
    level: 'error',
    token: withAttributes(
      contentType,
      messageDigest,
      testAttribute(oids.idAaSigningCertificateV2, issuerSerialOff),
    ),
  },
  {
    check: 'signature-algorithm',
    what: 'RSA named for a key on a curve',
    level: 'error',
    token: assembleToken(tsu, {
      signatureAlgorithm: buildAlgorithmIdentifier(oids.sha256WithRSAEncryption, derNull()).raw,
    }),
  },
  ...(
    [
      ['another digest', [buildAlgorithmIdentifier(oids.sha512).raw, signatureMeant]],
      ['no signature algorithm', [buildAlgorithmIdentifier(oids.sha256).raw]],
      [
        'another signature algorithm',
        [
          buildAlgorithmIdentifier(oids.sha256).raw,
          derContext(1, derObjectIdentifier(oids.ecdsaWithSHA512)),
        ],
      ],
    ] as const
  ).map(([what, members]): Case => ({
    check: 'algorithm-protection',
    what,
    level: 'error',
    token: withAttributes(
      contentType,
      messageDigest,
      signingCertificate,
      testAttribute(oids.idAaCmsAlgorithmProtect, derSequence(...members)),
    ),
  })),
  {
    check: 'signature',
    what: 'another key',
    level: 'error',
    token: assembleToken(tsu, { signature: freshKey().sign(info) }),
  },
];

const title = (_: string | undefined, { check, what }: Case): string => `${check}: ${what}`;

const onlyThisCheck = test.macro<[Case]>({
  exec: (t, one) => {
    const verdict = verify(one);
    const found = verdict.findings.filter(({ level }) => level === one.level);
    t.deepEqual([...new Set(found.map(({ check }) => check))], [one.check]);
    t.is(verdict.status === 'valid', one.level === 'warning');
    t.is(verdict.subIndication === undefined, one.level === 'warning');
    const without = verify(one, { check: one.check });
    t.is(without.status, 'valid');
    t.false(without.findings.some(({ check }) => check === one.check));
  },
  title,
});

for (const one of cases) test(onlyThisCheck, one);

test('every check on a token or its signer has a case', (t) => {
  // content-found speaks of detached content, which no token has: verify-signer.test.ts.
  const names = [...tokenChecks, ...signerChecks].map(({ name }) => name);
  const covered = new Set([...cases.map(({ check }) => check), 'content-found']);
  t.deepEqual(
    names.filter((name) => !covered.has(name)),
    [],
  );
  t.is(new Set(names).size, names.length);
});

test('a good token is valid, with its path and end', (t) => {
  const verdict = verify({
    token: issueToken(tsu, {
      nonce: 7n,
      accuracy: { seconds: 1, millis: 500, micros: 1 },
      ordering: true,
      tsa: true,
      signingTime: testGenTime,
    }),
    options: {
      imprint: { algorithm: 'SHA-256', digest: shared },
      request: query({ nonce: 7n, reqPolicy: testPolicy }),
      clock: { now: testGenTime, toleranceSeconds: 1 },
      algorithmPolicy: selectProfile(bundledPolicies, 'jp-medical'),
      minimumRemaining: { seconds: 86_400 },
      requireAccuracy: true,
    },
  });
  t.deepEqual(verdict.findings, []);
  t.is(verdict.status, 'valid');
  t.deepEqual(
    verdict.path.map(({ fingerprint }) => fingerprint),
    [tsu.tsu, tsu.ca, tsu.root].map(({ certificate }) => certificate.fingerprint),
  );
  t.is(verdict.genTime.toString(), '2026-03-04T05:06:07.123456Z');
  t.is(verdict.notAfter?.toString(), '2040-01-01T00:00:00Z');
});

test('algorithms that are those the signer meant', (t) => {
  const token = withAttributes(
    contentType,
    messageDigest,
    signingCertificate,
    testAttribute(
      oids.idAaCmsAlgorithmProtect,
      // NULL parameters mean the same as none.
      derSequence(buildAlgorithmIdentifier(oids.sha256, derNull()).raw, signatureMeant),
    ),
  );
  t.deepEqual(verify({ token }).findings, []);
});

test('the anchor ends the path by its sunset', (t) => {
  const sunset = Temporal.Instant.from('2030-01-01T00:00:00Z');
  const anchors = [{ certificate: tsu.root.certificate, sunset }];
  t.is(
    verify({ token: issueToken(tsu), options: { anchors } }).notAfter?.toString(),
    sunset.toString(),
  );
});

test('a signer named by key identifier is found', (t) => {
  const identifier = tsu.tsu.certificate.subjectKeyIdentifier ?? new Uint8Array();
  const token = assembleToken(tsu, { sid: derElement(0x80, identifier), signerVersion: 3 });
  t.is(verify({ token }).status, 'valid');
});

test('the signer is taken by its identifier and hash, wherever it stands in the bag', (t) => {
  const { serialNumber } = tsu.tsu.certificate;
  const twin = issueTsu(tsu.ca, { serialNumber });
  const token = assembleToken(tsu, {
    certificates: [tsu.ca, twin, tsu.tsu].map(({ certificate }) => certificate.raw),
  });
  const verdict = verify({ token });
  t.is(verdict.status, 'valid');
  t.is(verdict.signer?.fingerprint, tsu.tsu.certificate.fingerprint);
});

const afterwards = test.macro<[CrlReason | undefined, string, TokenVerdict['status']]>({
  exec: (t, reason, revokedAt, status) => {
    const at = Temporal.Instant.from('2026-06-01T00:00:00Z');
    const crls = [
      issueCrl({
        issuer: tsu.ca,
        thisUpdate: at,
        revoked: [{ certificate: tsu.tsu, at: revokedAt, ...(reason && { reason }) }],
      }),
      issueCrl({ issuer: tsu.root, thisUpdate: at }),
    ];
    const verdict = verify({
      token: issueToken(tsu),
      options: { at, crls, revocationMode: 'require' },
    });
    t.is(verdict.status, status);
    t.is(verdict.revocation[0]?.status, 'revoked');
  },
  title: (_, reason, revokedAt) => `TSU revoked ${revokedAt}: ${reason ?? 'no reason'}`,
});
const later = '2026-05-01T00:00:00Z';
test(afterwards, 'superseded', later, 'valid');
test(afterwards, 'cessationOfOperation', later, 'valid');
test(afterwards, 'keyCompromise', later, 'invalid');
test(afterwards, undefined, later, 'invalid');
test(afterwards, 'superseded', '2026-01-01T00:00:00Z', 'invalid');
