// Hash indexes and timestamps that say something else than what is there, with the verdict on each.
import { concatBytes } from '#shared/bytes.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { digest } from '#shared/crypto/digest.ts';
import { derNull, derOctetString } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { addArchiveTimestampV3, indexTypes, withAttributes } from '../../_archive-timestamp.ts';
import { testContent } from '../../_cms.ts';
import { edited, ofUnsigned, valueOf } from '../../_edited-cms.ts';
import { testAttribute } from '../../_tsu.ts';
import { signatureTimestamp, stamp, stampElsewhere } from './_world.ts';
import { flipped } from '../../archiver/augmentation/_raising.ts';
import {
  at,
  signed,
  stamped,
  archive,
  lta,
  twice,
  version2,
  signatureOf,
  unsignedOf,
  archiveToken,
  stampToken,
  stampWith,
  index,
  indexWith,
  indexUnder,
  withToken,
  lastAs,
  exchanged,
  hash,
  crypto,
  format,
  order,
  constraints,
  less,
  spare,
  noOrder,
  asWell,
  unread,
  first,
  second,
  early,
  archived,
  noTsu,
  stranger,
  type Row,
} from './_hostile-makers.ts';

export const evidenceRows: readonly Row[] = [
  [
    'an index with one certificate less',
    archive(
      stamped,
      indexWith(1, (l) => l.slice(1)),
    ),
    'valid',
    less,
  ],
  [
    'an index without attributes',
    archive(
      stamped,
      indexWith(3, () => []),
    ),
    'valid',
    less,
  ],
  ['an index with one certificate more', archive(stamped, { foreign: 'certificates' }), hash],
  ['an index with one CRL more', archive(stamped, { foreign: 'crls' }), hash],
  ['an index with one attribute more', archive(stamped, { foreign: 'unsignedAttrs' }), hash],
  [
    'an index with one certificate twice',
    archive(
      stamped,
      indexWith(1, (l) => [...l, ...l.slice(1)]),
    ),
    hash,
  ],
  [
    'an index of half hash values',
    archive(
      stamped,
      indexWith(1, (l) => l.map((e) => derOctetString(e.slice(2, 18)))),
    ),
    hash,
  ],
  [
    'an index that names another algorithm than it has',
    archive(stamped, indexUnder(oids.sha512)),
    hash,
  ],
  [
    'an index by another algorithm than the imprint',
    archive(stamped, { hashIndAlgorithm: 'SHA-512' }),
    hash,
    asWell,
  ],
  [
    'an index of two versions',
    archive(stamped, {
      attributes: [
        testAttribute(indexTypes['ats-hash-index-v3'], index),
        testAttribute(indexTypes['ats-hash-index'], index),
      ],
    }),
    hash,
    asWell,
  ],
  ['an index by an algorithm that nobody knows', archive(stamped, indexUnder('1.2.3.4')), hash],
  [
    'an index with octets after it',
    archive(stamped, { value: concatBytes(index, derNull()) }),
    hash,
  ],
  ['no index', archive(stamped, { attributes: [] }), hash],
  ['an index taken away afterwards', withToken(ofUnsigned(() => [])), hash],
  [
    'an index replaced afterwards',
    withToken(
      ofUnsigned(() => [
        testAttribute(oids.idAaATSHashIndexV3, indexWith(2, () => []).value ?? index),
      ]),
    ),
    hash,
  ],

  ['archive timestamps of the other signer', exchanged(1), hash],
  ['signature timestamps of the other signer', exchanged(0), hash],
  ['a signature timestamp over other data', stampWith(testContent), hash],
  [
    'a signature timestamp over the element of the signature',
    stampWith(derOctetString(signatureOf(stamped))),
    hash,
  ],
  [
    'an archive timestamp over other content',
    addArchiveTimestampV3(first, stamped, { ...at(archived), content: Uint8Array.of(1) }),
    hash,
  ],
  [
    'an archive timestamp as a signature timestamp',
    lastAs(lta, oids.idAaSignatureTimeStampToken, archiveToken),
    hash,
  ],
  [
    'a signature timestamp as an archive timestamp',
    withAttributes(stamped, testAttribute(oids.idAaEtsArchiveTimestampV3, stampToken)),
    hash,
  ],
  [
    'version 3 under the name of version 2',
    lastAs(lta, oids.idAaEtsArchiveTimestampV2, archiveToken),
    hash,
  ],
  [
    'version 2 under the name of version 3',
    lastAs(version2, oids.idAaEtsArchiveTimestampV3, valueOf(unsignedOf(version2).at(-1))),
    hash,
  ],

  [
    'an archive timestamp older than the one that it is over',
    addArchiveTimestampV3(
      second,
      addArchiveTimestampV3(second, stamped, at('2029-06-01')),
      at('2029-01-01'),
    ),
    `valid but ${order}`,
    noOrder,
  ],
  [
    'an archive timestamp over one that is half an hour later',
    addArchiveTimestampV3(
      second,
      addArchiveTimestampV3(second, stamped, { genTime: '2029-01-01T00:30:00Z' }),
      at('2029-01-01'),
    ),
    'valid',
    noOrder,
  ],
  [
    'an archive timestamp older than the signature timestamp',
    archive(stamped, {}, '2026-11-01'),
    `valid but ${order}`,
    noOrder,
  ],
  [
    'a timestamp over the content later than that over the signature',
    signed({
      extraSigned: [
        testAttribute(
          oids.idAaEtsContentTimestamp,
          stamp('first', '2027-01-01', digest('SHA-256', testContent)),
        ),
      ],
    }),
    order,
    noOrder,
  ],
  [
    'an archive timestamp from the future',
    addArchiveTimestampV3(second, stamped, at('2031-01-01')),
    `valid but ${constraints}`,
    noOrder,
  ],

  [
    'an archive timestamp twice',
    edited(
      lta,
      ofUnsigned((all) => [...all, ...all.slice(-1)]),
    ),
    'valid',
    spare,
  ],
  [
    'a signature timestamp twice',
    edited(
      lta,
      ofUnsigned((all) => [...all, ...all.slice(0, 1)]),
    ),
    'valid',
    spare,
  ],
  [
    'a signature timestamp taken away',
    edited(
      lta,
      ofUnsigned((all) => all.slice(1)),
    ),
    hash,
  ],
  [
    'a signature timestamp replaced',
    edited(
      lta,
      ofUnsigned((all) => [
        ...signatureTimestamp('first', '2027-01-15')(signatureOf(lta)),
        ...all.slice(1),
      ]),
    ),
    hash,
  ],
  [
    'the first archive timestamp taken away under the second',
    edited(
      twice,
      ofUnsigned((all) => [...all.slice(0, 1), ...all.slice(2)]),
    ),
    hash,
  ],
  [
    'attributes in another order',
    edited(
      twice,
      ofUnsigned((all) => all.toReversed()),
    ),
    'valid',
    'the index has no order',
  ],
  [
    'an attribute that nobody knows',
    withAttributes(lta, testAttribute('1.2.3.4', derNull())),
    'valid',
    less,
  ],

  [
    'an archive timestamp by no TSU',
    addArchiveTimestampV3(noTsu, stamped, at(archived)),
    'valid but indeterminate CHAIN_CONSTRAINTS_FAILURE',
  ],
  [
    'an archive timestamp by a stranger',
    addArchiveTimestampV3(stranger, stamped, at(archived)),
    'valid but indeterminate NO_CERTIFICATE_CHAIN_FOUND',
  ],
  [
    'a signature timestamp by a stranger',
    signed({
      unsigned: (value) => [
        testAttribute(
          oids.idAaSignatureTimeStampToken,
          stampElsewhere(early, digest('SHA-256', value)),
        ),
      ],
    }),
    'indeterminate OUT_OF_BOUNDS_NO_POE',
  ],
  [
    'an archive timestamp with its signature turned',
    flipped(lta, signatureOf(archiveToken)),
    crypto,
  ],
  [
    'a broken signature timestamp under an archive timestamp',
    archive(flipped(stamped, signatureOf(stampToken))),
    crypto,
  ],
  [
    'an archive timestamp whose time cannot be read',
    flipped(lta, parseSignedData(archiveToken).eContent),
    format,
  ],
  [
    'an archive timestamp that is NULL',
    lastAs(lta, oids.idAaEtsArchiveTimestampV3, derNull()),
    format,
    unread,
  ],
  [
    'an archive timestamp without a value',
    lastAs(lta, oids.idAaEtsArchiveTimestampV3),
    format,
    unread,
  ],
  [
    'a signature timestamp that is NULL beside a good one',
    withAttributes(lta, testAttribute(oids.idAaSignatureTimeStampToken, derNull())),
    format,
    unread,
  ],
  [
    'an evidence record that is NULL',
    withAttributes(lta, testAttribute(oids.idAaErInternal, derNull())),
    format,
    unread,
  ],
];
