// SignedData read from BER and DER, and what is refused; views, limits and the certificates that do not
// parse. Mutated octets end in a result or a FormatError.
import test from 'ava';
import fc from 'fast-check';
import { concatBytes, toHex } from '#shared/bytes.ts';
import { derContext, derElement, derInteger, derSequence } from '#shared/der/writer.ts';
import { readChildren, readWhole } from '#shared/der/reader.ts';
import { FormatError, type ErrorCode } from '#shared/errors.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { verifySigner } from '#shared/cms/verify-signer.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { assembleToken, createTsu, issueToken, testTstInfo } from '../../_tsu.ts';

const tsu = createTsu();
const token = issueToken(tsu);

/** The element with every constructed level of SignedData in indefinite length, eContent in segments. */
function indefinite(octets: Uint8Array, depth: number): Uint8Array {
  const element = readWhole(octets);
  if (!element.constructed || depth === 0 || (octets[0] === 0xa0 && depth < 5)) return octets;
  const children = readChildren(element).map(({ raw }) => indefinite(raw, depth - 1));
  return concatBytes(octets.subarray(0, 1), Uint8Array.of(0x80), ...children, Uint8Array.of(0, 0));
}

test('BER outside of what is signed is read and verifies', (t) => {
  const ber = indefinite(token, 6);
  t.notDeepEqual(ber, token);
  const signedData = parseSignedData(ber);
  const [signerInfo] = signedData.signerInfos;
  t.truthy(signerInfo);
  if (!signerInfo) return;
  t.is(verifySigner({ signedData, signerInfo }).status, 'valid');
  t.deepEqual(parseTimeStampToken(ber).tstInfo.raw, parseTimeStampToken(token).tstInfo.raw);
});

test('octets are views of the input', (t) => {
  const { signerInfos, eContent, certificates } = parseSignedData(token);
  for (const view of [eContent, signerInfos[0]?.raw]) t.is(view?.buffer, token.buffer);
  // A certificate is shared by all signatures that carry it, and holds on to none of them.
  t.not(certificates[0]?.raw.buffer, token.buffer);
  t.is(parseSignedData(token.slice()).certificates[0], certificates[0]);
});

test('a certificate that does not parse is kept and named', (t) => {
  const odd = derSequence(derInteger(1));
  const attributeCertificate = derContext(2, derInteger(1));
  const { certificates, otherCertificates } = parseSignedData(
    assembleToken(tsu, { certificates: [tsu.tsu.certificate.raw, odd, attributeCertificate] }),
  );
  t.is(certificates.length, 1);
  t.deepEqual(
    otherCertificates.map(({ kind, raw }) => [kind, toHex(raw)]),
    [
      ['malformed', toHex(odd)],
      ['attribute-certificate', toHex(attributeCertificate)],
    ],
  );
});

const refused = test.macro<[Uint8Array, ErrorCode]>({
  exec: (t, octets, code) => {
    const error = t.throws(() => parseSignedData(octets), { instanceOf: FormatError });
    t.is(error.code, code);
  },
  title: (name) => `refused: ${name ?? ''}`,
});
test('nothing', refused, new Uint8Array(), 'ERR_FORMAT_DER');
test('octets after the end', refused, concatBytes(token, Uint8Array.of(0)), 'ERR_FORMAT_DER');
test('cut', refused, token.subarray(0, 200), 'ERR_FORMAT_DER');
test(
  'another content type',
  refused,
  derSequence(derElement(6, Uint8Array.of(42, 3)), derContext(0, derInteger(1))),
  'ERR_FORMAT_CMS',
);
test('a number', refused, derInteger(1), 'ERR_FORMAT_CMS');
test(
  'nested beyond the limit',
  refused,
  concatBytes(...Array.from({ length: 2000 }, () => Uint8Array.of(0x30, 0x80))),
  'ERR_FORMAT_LIMIT',
);

test('mutated octets end in a result or a FormatError', (t) => {
  const seeds = [token, indefinite(token, 6), assembleToken(tsu, { tstInfo: testTstInfo() })];
  fc.assert(
    fc.property(
      fc.constantFrom(...seeds),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat(), { nil: undefined }),
      (seed, changes, cut) => {
        const octets = seed.slice(0, cut === undefined ? undefined : cut % seed.length);
        for (const [at, value] of changes) octets[at % seed.length] = value;
        try {
          const { signedData } = parseTimeStampToken(octets);
          for (const signerInfo of signedData.signerInfos) verifySigner({ signedData, signerInfo });
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      },
    ),
    { numRuns: 600 },
  );
  t.pass();
});
