// CAdES signatures whose signers differ: in key, digest, what is stored beside them and what already archives them. Each
// is put together from signatures of one signer.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { derNull, derSetOf } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { addArchiveTimestampV2, addArchiveTimestampV3 } from '../_archive-timestamp.ts';
import { type Issued, issueSigner } from '../_authority.ts';
import { buildTestCms, buildTestSignerInfo, testContent } from '../_cms.ts';
import { edited, membersOf, type SignerParts } from '../_edited-cms.ts';
import { freshKey, type KeyName } from '../_keys.ts';
import { testAttribute } from '../_tsu.ts';
import { ca, day, signatureTimestamp, tsuOf } from '../shared/validation/_world.ts';
import { named, type Sample, type Signed, withIndefiniteLengths } from './_cades-samples.ts';

type OneSigner = {
  readonly key: KeyName;
  readonly digest: DigestAlgorithm;
  readonly countersigned?: boolean;
  /** Signed by an earlier software: unsigned attributes of its own, in an order that DER does not have. */
  readonly oddOrder?: boolean;
  readonly archived?: 2 | 3;
};

function issue(key: KeyName, digest: DigestAlgorithm, name: string): Issued {
  return issueSigner(ca, {
    subject: `CN=${name}`,
    key: freshKey(key, digest),
    notBefore: day('2026-01-01'),
    notAfter: day('2028-01-01'),
  });
}

/** All signers over one content, in one SignedData with all certificates. */
function together(signers: readonly OneSigner[], detached: boolean): Signed {
  const issued = signers.map(({ key, digest }, index) => issue(key, digest, `Signer ${index + 1}`));
  const countersigner = issue('P-256', 'SHA-256', 'Countersigner');
  const certificates = [...issued, countersigner, ca].map(({ certificate }) => certificate);
  const alone = signers.map((spec, index) =>
    buildTestCms({
      ...(issued[index] && { signer: issued[index] }),
      detached,
      digestAlgorithm: spec.digest,
      certificates,
      unsigned: (signature) => [
        ...(spec.oddOrder ? [testAttribute('1.2.392.99999.9.9', derNull())] : []),
        ...((spec.archived ?? spec.oddOrder)
          ? signatureTimestamp('first', '2026-11-01')(signature)
          : []),
        ...(spec.oddOrder ? [testAttribute('1.2.392.99999.1.1', derNull())] : []),
        ...(spec.countersigned
          ? [
              testAttribute(
                oids.idCountersignature,
                buildTestSignerInfo({
                  signer: countersigner,
                  content: signature,
                  countersigns: true,
                }),
              ),
            ]
          : []),
      ],
    }),
  );
  const [first] = alone;
  if (!first) throw new Error('no signer');
  const genTime = '2026-12-01T00:00:00Z';
  const signed = signers.map(({ archived }, index): Uint8Array => {
    const cms = alone[index] ?? first;
    if (archived === 2)
      return addArchiveTimestampV2(tsuOf('first'), cms, {
        genTime,
        ...(detached && { content: testContent }),
      });
    return archived === 3 ? addArchiveTimestampV3(tsuOf('first'), cms, { genTime }) : cms;
  });
  const partsOf = (cms: Uint8Array): SignerParts[] => {
    const parts: SignerParts[] = [];
    edited(cms, ({ signers: own }) => {
      parts.push(...own);
      return {};
    });
    return parts;
  };
  const digestAlgorithms = new Map(
    alone
      .flatMap((cms) => membersOf(parseSignedData(cms).elements.digestAlgorithms.raw))
      .map((algorithm) => [Buffer.from(algorithm).toString('hex'), algorithm]),
  );
  return {
    cms: edited(first, () => ({
      digestAlgorithms: derSetOf(...digestAlgorithms.values()),
      signers: signed.flatMap(partsOf),
    })),
    issued: [...issued, countersigner],
  };
}

type Mixed = Pick<Sample, 'detached' | 'form' | 'status'> & {
  readonly what: string;
  readonly signers: readonly OneSigner[];
};

const mixed: readonly Mixed[] = [
  {
    what: 'five kinds of keys and three digests',
    signers: [
      { key: 'RSA-2048', digest: 'SHA-256' },
      { key: 'RSA-PSS-2048', digest: 'SHA-512' },
      { key: 'P-384', digest: 'SHA-384' },
      { key: 'P-521', digest: 'SHA-512' },
      { key: 'Ed25519', digest: 'SHA-512' },
    ],
    ...{ detached: true, form: 'BER', status: 'OCSP' },
  },
  {
    what: 'brainpool curves, one countersigned',
    signers: [
      { key: 'brainpoolP256r1', digest: 'SHA-256', countersigned: true },
      { key: 'brainpoolP384r1', digest: 'SHA-384' },
      { key: 'brainpoolP512r1', digest: 'SHA-512' },
    ],
    ...{ detached: false, form: 'DER', status: 'CRL' },
  },
  {
    what: 'attributes in an order of their own, countersigned',
    signers: [
      { key: 'P-256', digest: 'SHA-256', oddOrder: true, countersigned: true },
      { key: 'RSA-3072', digest: 'SHA-256', oddOrder: true },
    ],
    ...{ detached: false, form: 'BER', status: 'CRL' },
  },
  {
    what: 'archived by version 2 and by version 3',
    signers: [
      { key: 'P-256', digest: 'SHA-256', archived: 2 },
      { key: 'P-384', digest: 'SHA-384', archived: 3 },
    ],
    ...{ detached: false, form: 'DER', status: 'CRL' },
  },
  {
    what: 'archived by version 2, by version 3 and not at all',
    signers: [
      { key: 'RSA-2048', digest: 'SHA-256', archived: 2 },
      { key: 'P-521', digest: 'SHA-512', archived: 3, countersigned: true },
      { key: 'P-256', digest: 'SHA-256' },
    ],
    ...{ detached: true, form: 'DER', status: 'OCSP' },
  },
];

export const mixedSamples: readonly Sample[] = mixed.map(({ what, signers, ...rest }) => {
  const { detached, form } = rest;
  return {
    ...named({
      ...rest,
      key: signers.some(({ key }) => key === 'Ed25519') ? 'Ed25519' : (signers[0]?.key ?? 'P-256'),
      signers: signers.length,
      withV2: signers.some(({ archived }) => archived === 2),
    }),
    name: `${what}, ${detached ? 'detached' : 'attached'}, ${form}, ${rest.status}`,
    countersigned: signers.filter((one) => one.countersigned).length,
    make: () => {
      const made = together(signers, detached);
      return form === 'BER' ? { ...made, cms: withIndefiniteLengths(made.cms) } : made;
    },
  };
});
