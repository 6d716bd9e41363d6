// CAdES signatures that hold, each with one thing that its maker or somebody later did to it: what a document is
// worth then, and what EU DSS says of the same file.
import { digestOid } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derContext,
  derElement,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { withAttributes } from '../../_archive-timestamp.ts';
import { buildTestSignerInfo, testContent } from '../../_cms.ts';
import { edited, membersOf, ofFirstSigner } from '../../_edited-cms.ts';
import { testAttribute, testSigningCertificate } from '../../_tsu.ts';
import { ca, signer } from './_world.ts';
import { evidenceRows } from './_hostile-evidence.ts';
import {
  cosigner,
  namesake,
  otherList,
  signed,
  lta,
  twice,
  version2,
  pair,
  added,
  outsider,
  hash,
  format,
  constraints,
  der,
  type Row,
} from './_hostile-makers.ts';

/** As of when they are judged; every unit is in force, the signer's certificate has ended. */
export const hostileOn = '2029-07-01';

export type Hostile = {
  readonly name: string;
  readonly octets: Uint8Array;
  /** Of the document, and where that is valid of the first part that is not: `status SUB_INDICATION`. */
  readonly says: string;
  /** Why EU DSS has nothing against it, where it has not. */
  readonly dssPasses?: string;
};

const rows: readonly Row[] = [
  ['nothing', lta, 'valid'],
  ['nothing, renewed', twice, 'valid'],
  ['nothing, by two signers', pair, 'valid'],
  ['nothing, version 2', version2, 'valid'],

  ...evidenceRows,
  [
    'a certificate taken away',
    edited(lta, ({ certificates }) => ({ certificates: certificates.slice(0, 1) })),
    hash,
  ],
  ['all certificates taken away', edited(lta, () => ({ certificates: [] })), hash],
  [
    'certificates in another order',
    edited(lta, ({ certificates }) => ({ certificates: certificates.toReversed() })),
    'valid',
    'the index has no order',
  ],
  ['a CRL taken away', edited(lta, ({ crls }) => ({ crls: crls.slice(1) })), hash],
  [
    'a CRL swapped for another of the day',
    edited(lta, ({ crls }) => ({ crls: [...crls.slice(0, 1), otherList.raw, ...crls.slice(2)] })),
    hash,
  ],
  [
    'version 2, a certificate added',
    edited(version2, ({ certificates }) => ({
      certificates: [...certificates, cosigner.certificate.raw],
    })),
    hash,
  ],
  ['version 2, a CRL taken away', edited(version2, ({ crls }) => ({ crls: crls.slice(1) })), hash],
  [
    'version 2, CRLs in another order',
    edited(version2, ({ crls }) => ({ crls: crls.toReversed() })),
    hash,
  ],

  [
    'a certificate over the same key',
    signed({ certificates: [namesake.certificate, ca.certificate], unsigned: () => [] }),
    constraints,
  ],
  [
    'a certificate over the same key under an archive timestamp',
    edited(lta, ({ certificates }) => ({
      certificates: [namesake.certificate.raw, ...certificates.slice(1)],
    })),
    hash,
  ],
  [
    'one of two references to another certificate',
    signed({
      extraSigned: [
        testAttribute(oids.idAaSigningCertificate, testSigningCertificate(1, cosigner.certificate)),
      ],
    }),
    constraints,
    'two references are no CAdES to it, and it goes by the second',
  ],
  [
    'a signer added without a signature',
    added(buildTestSignerInfo({ signer, content: Uint8Array.of(1) })),
    hash,
  ],
  [
    'a stranger added as a signer',
    added(
      buildTestSignerInfo({ signer: outsider, content: testContent }),
      outsider.certificate.raw,
    ),
    'indeterminate NO_CERTIFICATE_CHAIN_FOUND',
  ],
  [
    'a countersignature over other data',
    withAttributes(
      lta,
      testAttribute(
        oids.idCountersignature,
        buildTestSignerInfo({ signer: cosigner, content: testContent, countersigns: true }),
      ),
    ),
    hash,
  ],

  [
    'another digest algorithm of the signer',
    edited(
      lta,
      ofFirstSigner(({ fields }) => ({
        fields: fields.with(2, buildAlgorithmIdentifier(digestOid('SHA-512')).raw),
      })),
    ),
    hash,
  ],
  [
    'another version of the signer',
    edited(
      lta,
      ofFirstSigner(({ fields }) => ({ fields: fields.with(0, derInteger(3)) })),
    ),
    hash,
  ],
  [
    'signed attributes in another order',
    edited(
      lta,
      ofFirstSigner(({ fields }) => ({
        fields: fields.with(3, derElement(0xa0, ...membersOf(fields[3] ?? lta).toReversed())),
      })),
    ),
    hash,
    der,
  ],
  [
    'another content type',
    edited(lta, ({ encapContentInfo }) => ({
      encapContentInfo: derSequence(
        derObjectIdentifier('1.2.3.4'),
        ...membersOf(encapContentInfo).slice(1),
      ),
    })),
    format,
  ],
  [
    'no content',
    edited(lta, ({ encapContentInfo }) => ({
      encapContentInfo: derSequence(...membersOf(encapContentInfo).slice(0, 1)),
    })),
    'indeterminate SIGNED_DATA_NOT_FOUND',
  ],
  [
    'content of no octets',
    edited(lta, ({ encapContentInfo }) => ({
      encapContentInfo: derSequence(
        ...membersOf(encapContentInfo).slice(0, 1),
        derContext(0, derOctetString(new Uint8Array())),
      ),
    })),
    hash,
  ],
];

export const hostile: readonly Hostile[] = rows.map(([name, octets, says, dssPasses]) => ({
  name,
  octets,
  says,
  ...(dssPasses !== undefined && { dssPasses }),
}));
