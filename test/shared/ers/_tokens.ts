// A time-stamping unit for tests of evidence records: tokens over any imprint at any time, in DER,
// with BER lengths and a set out of order, or brought from there to the evidence form.
import { concatBytes } from '#shared/bytes.ts';
import { digestOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { readChildren, readWhole } from '#shared/der/reader.ts';
import { derElement } from '#shared/der/writer.ts';
import { buildMessageImprint, buildTimeStampToken } from '#shared/tsp/build-token.ts';
import { buildEvidenceForm } from '#shared/tsp/evidence-form.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import { anchorOf, issueRoot, issueTsu } from '../../_authority.ts';

/** `evidence`: received in BER, then brought to the evidence form as the archive does. */
export type TokenForm = 'der' | 'ber' | 'evidence';

export type TestTsu = {
  readonly anchor: TrustAnchor;
  readonly stamp: (options: {
    readonly algorithm: DigestAlgorithm;
    readonly imprint: Uint8Array;
    readonly genTime: Temporal.Instant;
    readonly form?: TokenForm | undefined;
  }) => Uint8Array;
};

/** An element of indefinite length. */
function indefinite(identifier: number, ...contents: readonly Uint8Array[]): Uint8Array {
  return concatBytes(Uint8Array.of(identifier, 0x80), ...contents, Uint8Array.of(0, 0));
}

/** The children of an element, each whole. */
function childrenOf(element: Uint8Array | undefined): Uint8Array[] {
  return element ? readChildren(readWhole(element)).map(({ raw }) => raw) : [];
}

/** The same token as another encoder might send it; what is signed stays. */
function asReceived(token: Uint8Array): Uint8Array {
  const [contentType = new Uint8Array(), content] = childrenOf(token);
  const [version = new Uint8Array(), , ...fields] = childrenOf(childrenOf(content)[0]);
  const digestAlgorithms = derElement(
    0x31,
    ...(['SHA-512', 'SHA-256'] as const).map(
      (algorithm) => buildAlgorithmIdentifier(digestOid(algorithm)).raw,
    ),
  );
  const signedData = indefinite(0x30, version, digestAlgorithms, ...fields);
  return indefinite(0x30, contentType, indefinite(0xa0, signedData));
}

/** A TSU under a root of its own, both valid from 2000 until 2099. */
export function createTestTsu(name: string): TestTsu {
  const period = { notBefore: '2000-01-01T00:00:00Z', notAfter: '2099-01-01T00:00:00Z' };
  const root = issueRoot({ ...period, subject: `CN=${name} root` });
  const tsu = issueTsu(root, { ...period, subject: `CN=${name}` });
  let serialNumber = 0n;
  return {
    anchor: anchorOf(root),
    stamp: ({ algorithm, imprint, genTime, form = 'der' }) => {
      serialNumber += 1n;
      const token = buildTimeStampToken({
        tstInfo: {
          policy: '1.3.6.1.4.1.32473.1',
          messageImprint: buildMessageImprint(algorithm, imprint),
          serialNumber,
          genTime,
        },
        signer: {
          certificate: tsu.certificate,
          chain: [root.certificate],
          digestAlgorithm: 'SHA-256',
          signatureAlgorithm: tsu.key.algorithm.raw,
          sign: tsu.key.sign,
        },
        certReq: true,
      });
      if (form === 'der') return token;
      const received = asReceived(token);
      return form === 'ber'
        ? received
        : buildEvidenceForm(received, { certificates: [], crls: [], ocspResponses: [] });
    },
  };
}
