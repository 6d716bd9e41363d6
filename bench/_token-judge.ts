// How records' tokens are judged where records are measured: in full, as the archive judges them.
import type { ArchiveTokenVerifier } from '#shared/ers/verdict.ts';
import { verifyToken, type TokenVerdict } from '#shared/tsp/verify-token.ts';
import type { World } from '../test/archiver/evidence/_world.ts';

/** With the validation data that is known of the certificates as of `at`, and revocation required. */
export async function tokenJudge(
  { verification }: World,
  certificates: Parameters<World['verification']['statusSource']['certificatesAndCrlsFor']>[0],
  { at, signal }: { readonly at: Temporal.Instant; readonly signal: AbortSignal },
): Promise<ArchiveTokenVerifier<TokenVerdict>> {
  const { anchors, statusSource } = verification;
  const known = await statusSource.certificatesAndCrlsFor(certificates, { at, signal });
  return (token, instant, imprint) =>
    verifyToken(token, {
      imprint,
      anchors,
      certificates: known.certificates,
      crls: known.crls,
      at: instant,
      revocationMode: 'require',
    });
}
