// ISO 14533-1: which profile a signature has the elements of, and which element is lacking where it has not.
import test from 'ava';
import { checkLongTermProfiles } from '#shared/cades/long-term-profile.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { addArchiveTimestampV2, addArchiveTimestampV3 } from '../../_archive-timestamp.ts';
import { buildTestCms, type TestCms } from '../../_cms.ts';
import { issueCrl } from '../../_authority.ts';
import { oids } from '#shared/oid.ts';
import { createTsu, issueToken, testAttribute } from '../../_tsu.ts';

const tsu = createTsu();
const crl = issueCrl({ issuer: tsu.root, thisUpdate: '2026-01-01T00:00:00Z' }).raw;
const stamped: TestCms = {
  unsigned: () => [testAttribute(oids.idAaSignatureTimeStampToken, issueToken(tsu))],
};
const both: TestCms = { ...stamped, crls: [crl] };

/** What each profile lacks; nothing where the signature conforms. */
function lacking(octets: Uint8Array): Readonly<Record<string, readonly string[]>> {
  const signedData = parseSignedData(octets);
  const [signerInfo] = signedData.signerInfos;
  if (!signerInfo) throw new Error('no signer');
  return Object.fromEntries(
    checkLongTermProfiles({ signedData, signerInfo }).map(({ profile, elements, conforms }) => {
      const names = elements.filter(({ met }) => !met).map(({ name }) => name);
      if (conforms !== (names.length === 0)) throw new Error('conforms contradicts its elements');
      return [profile, names];
    }),
  );
}

const archiveTimestamp = 'archive-time-stamp-v2, archive-time-stamp-v3';
const rows: readonly (readonly [
  name: string,
  octets: Uint8Array,
  t: readonly string[],
  a: readonly string[],
])[] = [
  [
    'a bare signature',
    buildTestCms(),
    ['unsignedAttrs', 'signature-time-stamp'],
    ['unsignedAttrs', 'signature-time-stamp', 'revocation-values, crls', archiveTimestamp],
  ],
  [
    'a signature with a timestamp',
    buildTestCms(stamped),
    [],
    ['revocation-values, crls', archiveTimestamp],
  ],
  [
    'one without signing-certificate',
    buildTestCms({ ...stamped, cades: false }),
    ['signing-certificate, signing-certificate-v2'],
    ['signing-certificate, signing-certificate-v2', 'revocation-values, crls', archiveTimestamp],
  ],
  ['an archive timestamp of version 2', addArchiveTimestampV2(tsu, buildTestCms(both)), [], []],
  ['an archive timestamp of version 3', addArchiveTimestampV3(tsu, buildTestCms(both)), [], []],
  [
    'an archive timestamp over no revocation data',
    addArchiveTimestampV3(tsu, buildTestCms(stamped)),
    [],
    ['revocation-values, crls'],
  ],
];

for (const [name, octets, t1, a] of rows) {
  test(`${name}: what CAdES-T and CAdES-A lack`, (t) => {
    t.deepEqual(lacking(octets), { 'CAdES-T': t1, 'CAdES-A': a });
  });
}
