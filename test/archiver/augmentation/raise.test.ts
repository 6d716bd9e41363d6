// Raising CAdES signatures from any level to the next archive timestamp: what is reached, what stays, and what
// is refused with which indication. Each document that is refused has exactly one thing wrong.
import test from 'ava';
import { readAtsHashIndex } from '#shared/cades/ats-hash-index.ts';
import { readCades } from '#shared/cades/read.ts';
import { concatBytes } from '#shared/bytes.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { digest } from '#shared/crypto/digest.ts';
import { derSequence } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { addArchiveTimestampV2, addArchiveTimestampV3 } from '../../_archive-timestamp.ts';
import { anchorOf, issueOcspResponder, issueOcspResponse, issueSigner } from '../../_authority.ts';
import { buildTestSignerInfo, testContent } from '../../_cms.ts';
import { testAttribute, tokenSignerOf, type TestTsu } from '../../_tsu.ts';
import {
  ca,
  crlsOf,
  day,
  profileWith,
  recordOver,
  root,
  sign,
  signatureTimestamp,
  signer,
  stamp,
  tsus,
} from '../../shared/validation/_world.ts';
import { raised, type Raising, readBack, tryToRaise } from './_raising.ts';
import { withIndefiniteLengths } from '../../interop/_cades-samples.ts';

const first: TestTsu = {
  root,
  ca,
  tsu: tsus.first,
  anchors: [anchorOf(root)],
  signer: tokenSignerOf(tsus.first, [ca.certificate]),
};
const raising: Raising = { on: '2027-02-01' };
const cosigner = issueSigner(ca, { subject: 'CN=Cosigner', notAfter: day('2028-01-01') });

type Form = {
  readonly name: string;
  readonly octets: Uint8Array;
  readonly content?: Uint8Array;
  readonly statusOn?: (on: string) => Partial<Raising>;
};
const contentTimestamp = testAttribute(
  oids.idAaEtsContentTimestamp,
  stamp('first', '2026-06-01', digest('SHA-256', testContent)),
);
const forms: readonly Form[] = [
  { name: 'attached', octets: sign() },
  { name: 'detached', octets: sign({ detached: true }), content: testContent },
  { name: 'in BER', octets: withIndefiniteLengths(sign()) },
  {
    name: 'of two signers',
    octets: sign({
      cosigners: [cosigner],
      certificates: [signer.certificate, cosigner.certificate, ca.certificate],
    }),
  },
  {
    name: 'with a signature timestamp',
    octets: sign({ unsigned: signatureTimestamp('first', '2026-12-01') }),
  },
  {
    name: 'with an archive timestamp, version 2',
    octets: addArchiveTimestampV2(
      first,
      sign({ unsigned: signatureTimestamp('first', '2026-11-01') }),
      {
        genTime: '2026-12-01T00:00:00Z',
      },
    ),
  },
  {
    name: 'with an archive timestamp, version 3, and an index of attributes',
    octets: addArchiveTimestampV3(
      first,
      sign({ unsigned: signatureTimestamp('first', '2026-11-01') }),
      {
        genTime: '2026-12-01T00:00:00Z',
        index: { version: 'ats-hash-index' },
      },
    ),
  },
  {
    // EN 319 122-1 §5.2.8: it is older than the signature, and ends as any timestamp does.
    name: 'with a timestamp over its content',
    octets: sign({ extraSigned: [contentTimestamp] }),
  },
  {
    name: 'whose status an appointed responder tells',
    octets: sign(),
    statusOn: (on) => respondedOn(on),
  },
  {
    name: 'with a countersignature that is stamped',
    octets: sign({
      certificates: [signer.certificate, cosigner.certificate, ca.certificate],
      unsigned: (signature) => [
        testAttribute(
          oids.idCountersignature,
          buildTestSignerInfo({
            signer: cosigner,
            content: signature,
            countersigns: true,
            unsigned: signatureTimestamp('first', '2026-12-01'),
          }),
        ),
      ],
    }),
  },
];

/** Appointed by the CA, and known by nothing but the responses that it signs. */
const responder = issueOcspResponder(ca, { notAfter: day('2060-01-01') });
const respondedOn = (on: string): Partial<Raising> => ({
  crls: crlsOf(on).slice(0, 1),
  material: {
    ocspResponses: [signer, tsus.first, tsus.second].map((certificate) =>
      issueOcspResponse({
        issuer: ca,
        responder,
        producedAt: day(on),
        entries: [
          {
            certificate,
            status: 'good',
            thisUpdate: day(on),
            nextUpdate: day(on).add({ hours: 168 }),
          },
        ],
      }),
    ),
  },
});

for (const { name, octets, content, statusOn } of forms) {
  test(`a signature ${name} reaches LTA and is renewed with a stronger digest`, async (t) => {
    const steps: readonly Raising[] = [
      { ...raising, content },
      { on: '2029-06-01', tsu: 'second', algorithm: 'SHA-512', content },
    ];
    let before = octets;
    for (const one of steps) {
      const step = { ...one, ...statusOn?.(one.on) };
      const after = await raised(before, step);
      const { offences, verdict } = readBack(before, after, step);
      t.deepEqual(offences, []);
      t.is(verdict.facts.level, 'LTA');
      before = after;
    }
  });
}

test('each level holds what the level asks for, and the one before it not more', async (t) => {
  const levelOf = async (level: 'T' | 'LT' | 'LTA') => {
    const after = await raised(sign(), { ...raising, level });
    const { signedData, signatures } = readCades(after);
    return [signatures[0]?.timestamps.map(({ type }) => type), signedData.crls.length > 0];
  };
  t.deepEqual(await levelOf('T'), [['signature'], false]);
  t.deepEqual(await levelOf('LT'), [['signature'], true]);
  t.deepEqual(await levelOf('LTA'), [['signature', 'archive'], true]);
});

test('the archive timestamp has an index of version 3 under the digest of its imprint', async (t) => {
  const after = await raised(sign(), { ...raising, algorithm: 'SHA-512' });
  const { signedData, signatures } = readCades(after);
  const token = signatures[0]?.timestamps.find(({ type }) => type === 'archive')?.token;
  const index = token && readAtsHashIndex(token);
  t.is(index?.version, 'ats-hash-index-v3');
  t.is(index?.index?.hashIndAlgorithm, oids.sha512);
  t.true(signedData.digestAlgorithms.some(({ oid }) => oid === oids.sha512));
});

test('an OCSP response goes where RFC 5940 has it, and the version follows', async (t) => {
  const on = day('2027-02-01');
  const status = { status: 'good', thisUpdate: on, nextUpdate: day('2027-02-08') } as const;
  const ocspResponses = [signer, tsus.first].map((certificate) =>
    issueOcspResponse({ issuer: ca, producedAt: on, entries: [{ certificate, ...status }] }),
  );
  // The CA itself issues no list.
  const onlyRoot: Raising = {
    ...raising,
    level: 'LT',
    material: { ocspResponses },
    crls: crlsOf('2027-02-01').slice(0, 1),
  };
  const before = sign({ unsigned: signatureTimestamp('first', '2026-12-01') });
  const after = await raised(before, onlyRoot);
  t.deepEqual(readBack(before, after, onlyRoot).offences, []);
  const { version, ocspResponses: kept } = parseSignedData(after);
  t.deepEqual([version, kept.length], [5, 2]);
});

test('beside an older archive timestamp certificates and crls stay, and its token gets the data', async (t) => {
  const before = addArchiveTimestampV2(
    first,
    sign({ unsigned: signatureTimestamp('first', '2026-11-01') }),
    { genTime: '2026-12-01T00:00:00Z' },
  );
  const after = await raised(before, raising);
  const [old, fresh] = [parseSignedData(before), parseSignedData(after)];
  t.deepEqual(fresh.elements.certificates?.raw, old.elements.certificates?.raw);
  t.is(fresh.elements.crls, undefined);
  const token = readCades(after).signatures[0]?.timestamps.find(
    ({ covered }) => covered.kind === 'archive' && covered.version === 2,
  )?.token;
  t.true((token?.signedData.crls.length ?? 0) > 0);
});

test('a level that is there and complete asks for nothing', async (t) => {
  const step: Raising = { ...raising, level: 'LT' };
  const { outcome, asked } = await tryToRaise(await raised(sign(), step), step);
  t.deepEqual([outcome.kind, asked], ['nothing-to-do', 0]);
});

test('a later raising adds what was issued after the signature, once it is there', async (t) => {
  const early = await raised(sign(), { ...raising, level: 'LT' });
  const later: Raising = { on: '2027-03-01', level: 'LT' };
  const after = await raised(early, later);
  t.true(parseSignedData(after).crls.length > parseSignedData(early).crls.length);
  t.deepEqual(readBack(early, after, later).offences, []);
});

/** The last octet of `part` in `whole` turned over. */
function flipped(whole: Uint8Array, part: Uint8Array | undefined): Uint8Array {
  const octets = Buffer.from(whole);
  const end = octets.indexOf(part ?? '') + (part?.length ?? 0) - 1;
  octets[end] = (octets[end] ?? 0) ^ 1;
  return new Uint8Array(octets);
}

const stamped = sign({ unsigned: signatureTimestamp('first', '2026-12-01') });
const old = await raised(sign(), raising);

type Refused = {
  readonly name: string;
  readonly octets: Uint8Array;
  readonly raising: Raising;
  readonly says: readonly [reason: string, subIndication: string | undefined];
};
const revokedOn = (on: string) =>
  crlsOf('2027-02-01', [{ certificate: signer, at: `${on}T00:00:00Z`, reason: 'keyCompromise' }]);
const refusals: readonly Refused[] = [
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
    raising: { on: '2031-01-01', tsu: 'second' },
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

for (const { name, octets, raising: step, says } of refusals) {
  test(`${name} is refused, and nothing is bought`, async (t) => {
    const { outcome, asked } = await tryToRaise(octets, step);
    t.is(outcome.kind, 'refused');
    if (outcome.kind !== 'refused') return;
    t.deepEqual([outcome.reason, outcome.subIndication], says);
    t.is(asked, 0);
  });
}
