// Where in a SignedData validation data goes (EN 319 122-1 §5.5.1, §6.3): its fields, or where an archive timestamp is
// over those, the newest token that nothing covers yet.
import { buildAttribute } from '#shared/cades/augment/archive-timestamp-v3.ts';
import {
  noAdditions,
  type SignedDataAdditions,
  type SignerAdditions,
} from '#shared/cades/augment/splice-signed-data.ts';
import { basicOcspResponseOctets, buildRevocationValues } from '#shared/cms/revocation-values.ts';
import { derContext, derObjectIdentifier } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { compareInstants } from '#shared/time.ts';
import type { StatusMaterial } from '#shared/trust/chain-status.ts';
import type { TimestampReading } from '#shared/validation/collect.ts';
import type { DocumentReading } from '#shared/validation/inspect.ts';
import type { LongTermVerdict } from '#shared/validation/long-term.ts';
import { ownSignatures } from './refusals.ts';

/** Whether an archive timestamp is older than version 3, which alone has an index. */
export function holdsOldArchive({ timestamps }: DocumentReading): boolean {
  return timestamps.some(
    ({ type, atsHashIndex }) => type === 'archive' && atsHashIndex === undefined,
  );
}

/** The newest archive timestamp, else the newest signature timestamp: nothing of the signature is over it. */
function newestToken(timestamps: readonly TimestampReading[]): Uint8Array | undefined {
  const newest = (type: TimestampReading['type']): Uint8Array | undefined =>
    timestamps
      .filter((one) => one.type === type)
      .toSorted((a, b) => compareInstants(a.token.tstInfo.genTime, b.token.tstInfo.genTime))
      .at(-1)?.token.raw;
  return newest('archive') ?? newest('signature');
}

/**
 * Certificates and revocation data where the level wants them; with an old archive timestamp in a token of
 * `document`, which is the one that was read.
 * @see EN 319 122-1 §5.5.1, §6.3
 */
export function placementOf(
  lack: StatusMaterial,
  { reading, facts }: Pick<LongTermVerdict, 'reading' | 'facts'>,
): Partial<SignedDataAdditions> | undefined {
  const certificates = lack.certificates.map(({ raw }) => raw);
  const crls = lack.crls.map(({ raw }) => raw);
  if (certificates.length + crls.length + lack.ocspResponses.length === 0) return undefined;
  if (!holdsOldArchive(reading)) {
    const others = lack.ocspResponses.map(({ raw }) =>
      derContext(1, derObjectIdentifier(oids.idRiOcspResponse), raw),
    );
    return { certificates, revocationInfo: [...crls, ...others] };
  }
  // EN 319 122-1 §5.5.1: archive timestamps older than version 3 are over `certificates` and `crls`.
  const ocspVals = lack.ocspResponses.flatMap(
    (response) => basicOcspResponseOctets(response) ?? [],
  );
  const values =
    ocspVals.length > 0
      ? [
          buildAttribute(
            oids.idAaEtsRevocationValues,
            buildRevocationValues({ crlVals: [], ocspVals }),
          ),
        ]
      : [];
  const additions: SignedDataAdditions = {
    ...noAdditions,
    certificates,
    revocationInfo: crls,
    signers: [{ attributes: values }],
  };
  return {
    signers: ownSignatures(facts).map(({ id }): SignerAdditions => {
      const token = newestToken(reading.timestamps.filter(({ of }) => of === id));
      return { attributes: [], token: token && { octets: token, additions } };
    }),
  };
}
