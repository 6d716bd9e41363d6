// CRLs of the local authority: one of each CA, reissued daily (RFC 5280 §5). What was published before a restart counts,
// so that its numbers and times never go back.
import { verifySignature } from '#shared/crypto/signature.ts';
import { FormatError } from '#shared/errors.ts';
import { addCalendar, isBefore } from '#shared/time.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import { parseCertificateList, type CertificateList } from '#shared/x509/crl.ts';
import type { PublicFiles } from '../adapters/public-files.ts';
import type { SigningKey } from '../adapters/signing-key.ts';
import type { CaGeneration } from './authority-plan.ts';
import { buildCertificateList } from './certificate-builder.ts';

/** CRLs are reissued this often; they live longer, so that a missed day does no harm. */
const crlPeriod = { hours: 24 } as const;

type IssuedCrl = { readonly thisUpdate: Temporal.Instant; readonly octets: Uint8Array };

export type AuthorityCrls = {
  /** Whether one of these CAs is without a list of the day. */
  readonly isDue: (cas: readonly CaGeneration[], now: Temporal.Instant) => boolean;
  /**
   * Signs the list of a CA where it is due, and publishes it. A clock that went back gets no older list: the newest one
   * stands until its day is over.
   */
  readonly issue: (ca: CaGeneration, key: SigningKey, now: Temporal.Instant) => Promise<void>;
  /** Of a CA that has ended. */
  readonly forget: (caId: string) => void;
  /** The newest list of each of these CAs that is still issued, in DER. */
  readonly lists: (cas: readonly CaGeneration[]) => readonly Uint8Array[];
};

/** A list that this CA signed; anything else that stands in its place is none. */
function readList(octets: Uint8Array, { certificate }: CaGeneration): CertificateList | undefined {
  let list: CertificateList;
  try {
    list = parseCertificateList(octets);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
  const { publicKey } = parseCertificate(certificate);
  const { signatureAlgorithm: algorithm, tbs: data, signature } = list;
  return verifySignature({ publicKey, algorithm, data, signature }).ok ? list : undefined;
}

/** @param crlLifeDays from one list to the end of it */
export function createAuthorityCrls(options: {
  readonly publicFiles: PublicFiles;
  readonly crlLifeDays: number;
  readonly issuerName: (caId: string) => Uint8Array;
}): AuthorityCrls {
  const { publicFiles, crlLifeDays, issuerName } = options;
  const issued = new Map<string, IssuedCrl>();
  /** Of the newest list, from before the start too, by CA. */
  const lastNumbers = new Map<string, bigint>();

  const isFresh = (last: IssuedCrl, now: Temporal.Instant): boolean =>
    isBefore(now, last.thisUpdate.add(crlPeriod));

  /** The newest list, from before the start too. */
  const lastOf = async (
    ca: CaGeneration,
    now: Temporal.Instant,
  ): Promise<IssuedCrl | undefined> => {
    const known = issued.get(ca.id);
    if (known) return known;
    const octets = await publicFiles.readCrl(ca.id);
    const list = octets && readList(octets, ca);
    if (!list) return undefined;
    if (list.cRLNumber !== undefined) lastNumbers.set(ca.id, list.cRLNumber);
    // A clock that was far ahead made it: who verifies now could not use it for as long.
    if (isBefore(addCalendar(now, { days: crlLifeDays }), list.thisUpdate)) return undefined;
    const last = { thisUpdate: list.thisUpdate, octets: list.raw };
    issued.set(ca.id, last);
    return last;
  };

  /** Grows with every list, and needs no state of its own but after a clock that was ahead (RFC 5280 §5.2.3). */
  const nextNumber = (caId: string, now: Temporal.Instant): number =>
    Math.max(Math.floor(now.epochMilliseconds / 1000), Number((lastNumbers.get(caId) ?? 0n) + 1n));

  return {
    isDue: (cas, now) =>
      cas.some((ca) => {
        const last = issued.get(ca.id);
        return last ? !isFresh(last, now) : !isBefore(ca.notAfter, now);
      }),
    issue: async (ca, key, now) => {
      const last = await lastOf(ca, now);
      if (last && isFresh(last, now)) return;
      const crlNumber = nextNumber(ca.id, now);
      const octets = buildCertificateList({
        issuer: issuerName(ca.id),
        issuerPublicKey: key.publicKey,
        thisUpdate: now,
        nextUpdate: addCalendar(now, { days: crlLifeDays }),
        crlNumber,
        signer: key,
      });
      await publicFiles.publishCrl(ca.id, octets);
      issued.set(ca.id, { thisUpdate: now, octets });
      lastNumbers.set(ca.id, BigInt(crlNumber));
    },
    forget: (caId) => {
      issued.delete(caId);
    },
    lists: (cas) => cas.flatMap(({ id }) => issued.get(id)?.octets ?? []),
  };
}
