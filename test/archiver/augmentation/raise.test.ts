// Raising CAdES signatures from any level to the next archive timestamp: what is reached, what stays, and what
// is refused with which indication. Each document that is refused has exactly one thing wrong.
import test from 'ava';
import { readAtsHashIndex } from '#shared/cades/ats-hash-index.ts';
import { readCades } from '#shared/cades/read.ts';
import { toHex } from '#shared/bytes.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { digest } from '#shared/crypto/digest.ts';

import { oids } from '#shared/oid.ts';
import { addArchiveTimestampV2, addArchiveTimestampV3 } from '../../_archive-timestamp.ts';
import { issueOcspResponder, issueOcspResponse, issueSigner } from '../../_authority.ts';
import { buildTestSignerInfo, testContent } from '../../_cms.ts';
import { testAttribute } from '../../_tsu.ts';
import {
  ca,
  crlsOf,
  day,
  sign,
  signatureTimestamp,
  signer,
  stamp,
  tsus,
  tsuOf,
} from '../../shared/validation/_world.ts';
import { raised, type Raising, readBack, tryToRaise } from './_raising.ts';
import { refusals } from './_refusals.ts';
import { withIndefiniteLengths } from '../../interop/_cades-samples.ts';

const first = tsuOf('first');
const raising: Raising = { on: '2027-02-01' };
const cosigner = issueSigner(ca, { subject: 'CN=Cosigner', notAfter: day('2028-01-01') });

type Form = {
  readonly name: string;
  readonly octets: Uint8Array;
  readonly content?: Uint8Array;
  readonly statusOn?: (on: string) => Partial<Raising>;
};
const twice = crlsOf('2026-12-01').flatMap(({ raw }) => [raw, raw]);
const contentTimestamp = testAttribute(
  oids.idAaEtsContentTimestamp,
  stamp('first', '2026-06-01', digest('SHA-256', testContent)),
);
const forms: readonly Form[] = [
  { name: 'attached', octets: sign() },
  { name: 'detached', octets: sign({ detached: true }), content: testContent },
  {
    name: 'with one CRL in it twice',
    octets: sign({ crls: twice }),
  },
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

test('a CRL that stands twice is listed once, and covered', async (t) => {
  const after = await raised(sign({ crls: twice }), raising);
  const { signedData, signatures } = readCades(after);
  const token = signatures[0]?.timestamps.find(({ type }) => type === 'archive')?.token;
  const listed = token && readAtsHashIndex(token)?.index?.crlsHashIndex.map((one) => toHex(one));
  t.is(new Set(listed).size, listed?.length ?? 0);
  const kept = signedData.crls.map(({ raw }) => toHex(raw));
  t.true(new Set(kept).size < kept.length);
  t.is(listed?.length, new Set(kept).size);
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

for (const { name, octets, raising: step, says } of refusals) {
  test(`${name} is refused, and nothing is bought`, async (t) => {
    const { outcome, asked } = await tryToRaise(octets, step);
    t.is(outcome.kind, 'refused');
    if (outcome.kind !== 'refused') return;
    t.deepEqual([outcome.reason, outcome.subIndication], says);
    t.is(asked, 0);
  });
}
