// Documents that are not raised, each with exactly one thing wrong, and what is said of it.
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { concatBytes } from '#shared/bytes.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { digest } from '#shared/crypto/digest.ts';
import { derSequence } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import type { Indication } from '#shared/validation/verdict.ts';
import { addArchiveTimestampV3 } from '../../_archive-timestamp.ts';
import { testContent } from '../../_cms.ts';
import { testAttribute } from '../../_tsu.ts';
import {
  crlsOf,
  day,
  profileWith,
  recordOver,
  root,
  sign,
  signatureTimestamp,
  signer,
  stamp,
  tsuOf,
} from '../../shared/validation/_world.ts';
import { raised, type Raising, flipped } from './_raising.ts';

const first = tsuOf('first');
const raising: Raising = { on: '2027-02-01' };

const stamped = sign({ unsigned: signatureTimestamp('first', '2026-12-01') });
const old = await raised(sign(), raising);

export type Refused = {
  readonly name: string;
  readonly octets: Uint8Array;
  readonly raising: Raising;
  readonly says: readonly [reason: string, subIndication: string | undefined];
};
const revokedOn = (on: string) =>
  crlsOf('2027-02-01', [{ certificate: signer, at: `${on}T00:00:00Z`, reason: 'keyCompromise' }]);
export const refusals: readonly Refused[] = [
  {
    name: 'content that was changed',
    octets: flipped(sign(), testContent),
    raising,
    says: ['not-valid', 'HASH_FAILURE'],
  },
  {
    name: 'a signature value that was changed',
    octets: flipped(stamped, parseSignedData(stamped).signerInfos[0]?.signature),
    raising,
    says: ['not-valid', 'SIG_CRYPTO_FAILURE'],
  },
  {
    name: 'a signer who was revoked and no proof from before',
    octets: sign(),
    raising: { ...raising, crls: revokedOn('2027-01-15') },
    says: ['not-valid', 'REVOKED_NO_POE'],
  },
  {
    name: 'a signer who was revoked before the signature timestamp',
    octets: stamped,
    raising: { ...raising, crls: revokedOn('2026-11-15') },
    says: ['not-valid', 'REVOKED_NO_POE'],
  },
  {
    name: 'a signer whose certificate has ended and no timestamp',
    octets: sign(),
    raising: { on: '2029-01-01', tsu: 'second' },
    says: ['not-valid', 'OUT_OF_BOUNDS_NO_POE'],
  },
  {
    name: 'a TSU whose certificate has ended with no later proof',
    octets: old,
    raising: { on: '2030-06-01', tsu: 'second' },
    says: ['not-valid', 'OUT_OF_BOUNDS_NO_POE'],
  },
  {
    name: 'a digest that the policy has ended with no later proof',
    octets: old,
    raising: {
      on: '2029-06-01',
      tsu: 'second',
      algorithm: 'SHA-512',
      material: {
        algorithmPolicy: profileWith({
          algorithm: 'SHA-256',
          endExclusive: day('2029-01-01'),
          source: 'test',
        }),
      },
    },
    says: ['not-valid', 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE'],
  },
  {
    name: 'a hash index that lists what is not there',
    octets: addArchiveTimestampV3(first, stamped, {
      genTime: '2026-12-02T00:00:00Z',
      index: { foreign: 'certificates' },
    }),
    raising,
    says: ['not-valid', 'HASH_FAILURE'],
  },
  {
    name: 'a timestamp over other data',
    octets: sign({
      unsigned: () => [
        testAttribute(
          oids.idAaSignatureTimeStampToken,
          stamp('first', '2026-12-01', digest('SHA-256', testContent)),
        ),
      ],
    }),
    raising,
    says: ['not-valid', 'HASH_FAILURE'],
  },
  {
    name: 'revocation data that cannot be had',
    octets: sign(),
    raising: { ...raising, crls: [] },
    says: ['not-valid', 'TRY_LATER'],
  },
  {
    name: 'a signature that is CMS and not CAdES',
    octets: sign({ cades: false }),
    raising,
    says: ['unsupported', undefined],
  },
  {
    name: 'an evidence record in the signature',
    octets: sign({
      unsigned: () => [
        testAttribute(oids.idAaErInternal, recordOver(sign(), [['first', '2026-12-01']])),
      ],
    }),
    raising,
    says: ['unsupported', undefined],
  },
  {
    // RFC 5126 §6.3.5: it is over the signature timestamps that are there, and there are none.
    name: 'an earlier timestamp over the place where a new one has to go',
    octets: sign({
      unsigned: (signature) => {
        const references = testAttribute(oids.idAaEtsCertificateRefs, derSequence());
        const inside = references.subarray(2);
        return [
          references,
          testAttribute(
            oids.idAaEtsEscTimeStamp,
            stamp('first', '2026-12-01', digest('SHA-256', concatBytes(signature, inside))),
          ),
        ];
      },
    }),
    raising,
    says: ['imprint-changed', undefined],
  },
];

/** What an operator meets most, shown by every way in which a document can be raised; with its main indication. */
export const mostMet: readonly (Refused & { readonly indication: Indication })[] = (
  [
    ['a signer who was revoked and no proof from before', 'INDETERMINATE'],
    ['a TSU whose certificate has ended with no later proof', 'INDETERMINATE'],
    ['a digest that the policy has ended with no later proof', 'INDETERMINATE'],
    ['a hash index that lists what is not there', 'FAILED'],
    ['a timestamp over other data', 'FAILED'],
    ['revocation data that cannot be had', 'INDETERMINATE'],
  ] as const
).map(([name, indication]) => {
  const found = refusals.find((one) => one.name === name);
  if (!found) throw new Error(`no document: ${name}`);
  return { ...found, indication };
});

/** Writes the anchor and the revocation data with which such a document is judged. */
export async function writeTrustOf(
  { raising: { on, crls } }: Refused,
  folder: string,
): Promise<{ readonly anchor: string; readonly crls: string }> {
  const files = { anchor: path.join(folder, 'world.der'), crls: path.join(folder, 'lists') };
  await mkdir(files.crls, { recursive: true });
  await writeFile(files.anchor, root.certificate.raw);
  for (const [index, { raw }] of (crls ?? crlsOf(on)).entries())
    await writeFile(path.join(files.crls, `${index}.crl`), raw);
  return files;
}
