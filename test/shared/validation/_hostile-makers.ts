// Signatures that hold, and edits of them: what the rows of hostile CAdES signatures are made with.
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { digest } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { derSequence } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import {
  addArchiveTimestampV2,
  addArchiveTimestampV3,
  buildIndex,
  type TestIndex,
} from '../../_archive-timestamp.ts';
import { issueCrl, issueSigner } from '../../_authority.ts';
import { type TestCms } from '../../_cms.ts';
import { type CmsEdit, edited, membersOf, ofUnsigned, valueOf } from '../../_edited-cms.ts';
import { testAttribute, tokenSignerOf, type TestTsu } from '../../_tsu.ts';
import { ca, day, elsewhere, sign, signatureTimestamp, signer, stamp, tsuOf } from './_world.ts';

export const [first, second] = [tsuOf('first'), tsuOf('second')];
export const [early, archived, renewed] = ['2026-12-01', '2027-02-01', '2029-06-01'];
export const at = (on: string): { readonly genTime: string } => ({ genTime: `${on}T00:00:00Z` });

export const cosigner = issueSigner(ca, {
  subject: 'CN=Cosigner',
  notBefore: day('2026-01-01'),
  notAfter: day('2028-01-01'),
});
/** Over the same key, under another name. */
export const namesake = issueSigner(ca, {
  subject: 'CN=Namesake',
  key: signer.key,
  serialNumber: signer.certificate.serialNumber,
  notAfter: day('2028-01-01'),
});
export const otherList = issueCrl({
  issuer: ca,
  thisUpdate: day(archived),
  nextUpdate: day('2027-03-15'),
});
/** A unit that is no TSU, and one that nobody trusts. */
export const [noTsu, stranger] = [
  issueSigner(ca, { subject: 'CN=No TSU', notAfter: day('2030-01-01') }),
  elsewhere.tsu,
].map((tsu): TestTsu => ({ ...first, tsu, signer: tokenSignerOf(tsu, [ca.certificate]) })) as [
  TestTsu,
  TestTsu,
];

export const signed = (spec: TestCms = {}): Uint8Array =>
  sign({ unsigned: signatureTimestamp('first', early), crlsOn: [archived, renewed], ...spec });
export const stamped = signed();
export const archive = (before: Uint8Array, index: TestIndex = {}, on = archived): Uint8Array =>
  addArchiveTimestampV3(first, before, { ...at(on), index });
export const lta = archive(stamped);
export const twice = addArchiveTimestampV3(second, lta, at(renewed));
export const version2 = addArchiveTimestampV2(first, stamped, at(archived));

export const signatureOf = (cms: Uint8Array): Uint8Array =>
  parseSignedData(cms).signerInfos[0]?.signature ?? new Uint8Array();
export const unsignedOf = (cms: Uint8Array): readonly Uint8Array[] =>
  parseSignedData(cms).signerInfos[0]?.unsignedAttrs.map(({ raw }) => raw) ?? [];
export const archiveToken = valueOf(unsignedOf(lta).at(-1));
export const stampToken = valueOf(unsignedOf(stamped)[0]);
export const stampWith = (over: Uint8Array): Uint8Array =>
  signed({
    unsigned: () => [
      testAttribute(
        oids.idAaSignatureTimeStampToken,
        stamp('first', early, digest('SHA-256', over)),
      ),
    ],
  });

export const index = buildIndex(stamped);
/** The index with another list in one place: 1 certificates, 2 CRLs, 3 attributes. */
export const indexWith = (
  place: 1 | 2 | 3,
  edit: (entries: readonly Uint8Array[]) => readonly Uint8Array[],
): TestIndex => ({
  value: derSequence(
    ...membersOf(index).map((member, at) =>
      at === place ? derSequence(...edit(membersOf(member))) : member,
    ),
  ),
});
export const indexUnder = (oid: string): TestIndex => ({
  value: derSequence(buildAlgorithmIdentifier(oid).raw, ...membersOf(index).slice(1)),
});
/** The last archive timestamp, its token edited. */
export const withToken = (edit: CmsEdit): Uint8Array =>
  edited(
    lta,
    ofUnsigned((all) => [
      ...all.slice(0, -1),
      testAttribute(oids.idAaEtsArchiveTimestampV3, edited(archiveToken, edit)),
    ]),
  );
export const lastAs = (
  cms: Uint8Array,
  oid: string,
  ...values: readonly Uint8Array[]
): Uint8Array =>
  edited(
    cms,
    ofUnsigned((all) => [...all.slice(0, -1), testAttribute(oid, ...values)]),
  );

/** Two signers, each with a signature timestamp and an archive timestamp of the state before. */
export const pair = ((): Uint8Array => {
  const before = signed({
    cosigners: [cosigner],
    certificates: [signer.certificate, cosigner.certificate, ca.certificate],
  });
  return edited(before, ({ signers }) => ({
    signers: signers.map((one) => ({
      ...one,
      unsigned: unsignedOf(archive(edited(before, () => ({ signers: [one] })))),
    })),
  }));
})();
/** The attributes in one place exchanged between both. */
export const exchanged = (place: number): Uint8Array =>
  edited(pair, ({ signers }) => ({
    signers: signers.map((one, index) => ({
      ...one,
      unsigned: one.unsigned.map(
        (attribute, at) => (at === place && signers[1 - index]?.unsigned[at]) || attribute,
      ),
    })),
  }));
export const added = (signerInfo: Uint8Array, ...certificates: readonly Uint8Array[]): Uint8Array =>
  edited(lta, (parts) => ({
    certificates: [...parts.certificates, ...certificates],
    signers: [...parts.signers, { fields: membersOf(signerInfo), unsigned: [] }],
  }));
export const outsider = issueSigner(elsewhere.root);

/** `dssPasses`: why EU DSS has nothing against it, where it has not. */
export type Row = readonly [name: string, octets: Uint8Array, says: string, dssPasses?: string];

export const hash = 'invalid HASH_FAILURE';
export const crypto = 'invalid SIG_CRYPTO_FAILURE';
export const format = 'invalid FORMAT_FAILURE';
export const order = 'indeterminate TIMESTAMP_ORDER_FAILURE';
export const constraints = 'indeterminate SIG_CONSTRAINTS_FAILURE';
export const less =
  'what an index does not list is not covered, and nothing is wrong (EN 319 122-1 §5.5.2)';
export const spare = 'once more is no harm: each token stands for itself';
export const noOrder = 'it compares no times of timestamps with one another';
export const asWell = 'it lets the index of another algorithm, or another version beside, pass';
export const unread = 'it does not take an attribute that holds no token for a timestamp';
export const der = 'it hashes what DER makes of the SignerInfo (EN 319 122-1 §5.5.3: as stored)';
