// TimeStampToken (RFC 3161 §2.4.2): a ContentInfo of SignedData over TSTInfo, read. Whether it proves
// anything is for verify-token.ts; making one is for build-token.ts.
import { parseSignedData, type SignedData } from '#shared/cms/signed-data.ts';
import { FormatError } from '#shared/errors.ts';
import { oidName, oids } from '#shared/oid.ts';
import { parseTSTInfo, type TSTInfo } from './tst-info.ts';

/** `TimeStampToken ::= ContentInfo`, of type id-signedData over id-ct-TSTInfo. `raw` is as received. */
export type TimeStampToken = {
  readonly raw: Uint8Array;
  readonly signedData: SignedData;
  readonly tstInfo: TSTInfo;
};

/**
 * The token from the octets of its ContentInfo, BER or DER.
 * @throws FormatError ERR_FORMAT_TSP_TOKEN (no TSTInfo inside), ERR_FORMAT_TIME, ERR_FORMAT_CMS,
 *   ERR_FORMAT_DER, ERR_FORMAT_LIMIT
 */
export function parseTimeStampToken(octets: Uint8Array): TimeStampToken {
  const signedData = parseSignedData(octets);
  const clause = 'RFC 3161 §2.4.2';
  if (signedData.eContentType !== oids.idCtTSTInfo) {
    throw new FormatError(
      'ERR_FORMAT_TSP_TOKEN',
      `the content is ${oidName(signedData.eContentType)}, not id-ct-TSTInfo`,
      { clause, offset: signedData.elements.encapContentInfo.offset },
    );
  }
  if (!signedData.eContent) {
    throw new FormatError('ERR_FORMAT_TSP_TOKEN', 'the token has no eContent', {
      clause,
      offset: signedData.elements.encapContentInfo.offset,
    });
  }
  return { raw: octets, signedData, tstInfo: parseTSTInfo(signedData.eContent) };
}
