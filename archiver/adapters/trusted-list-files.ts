// Trusted lists from the files that the configuration or a command names, verified from their signers down. A
// list that does not hold stops what asked for it: half of the anchors would be a different trust.
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { ConfigError } from '#shared/errors.ts';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import { isBefore } from '#shared/time.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import {
  type ListFile,
  type ListVerdict,
  type VerifiedList,
  verifyListOfLists,
  verifyPointedLists,
  verifyTrustedList,
} from '#shared/trust/trusted-list-chain.ts';
import { type ListedRole, listedAnchors } from '#shared/trust/trusted-list-services.ts';

/** As in the configuration, file names complete. */
export type TrustedListSource = {
  readonly lists: readonly string[];
  readonly listOfLists: readonly string[];
  readonly signedBy: readonly string[];
};

const maxListOctets = 32 * 1024 * 1024;

async function readList(file: string): Promise<ListFile> {
  try {
    if ((await stat(file)).size > maxListOctets)
      throw new ConfigError('ERR_CONFIG_INVALID', `${file} has more than ${maxListOctets} octets`);
    return { name: path.basename(file), octets: await readFile(file) };
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw new ConfigError('ERR_CONFIG_INVALID', `${file} cannot be read (${code})`, {
      cause: error,
    });
  }
}

/** @throws ConfigError ERR_CONFIG_INVALID: the list was refused, and why */
function required(verdict: ListVerdict): VerifiedList {
  if (verdict.kind === 'verified') return verdict.verified;
  throw new ConfigError(
    'ERR_CONFIG_INVALID',
    `trusted list ${verdict.name} is refused: ${verdict.reason}`,
  );
}

/**
 * The lists of one source, each verified.
 * @throws ConfigError ERR_CONFIG_INVALID: a file that cannot be read, or a list that is refused
 */
export async function loadTrustedLists(
  source: TrustedListSource,
): Promise<readonly VerifiedList[]> {
  const signers = await loadCertificates(source.signedBy);
  const files = await Promise.all(source.lists.map(readList));
  if (source.listOfLists.length === 0)
    return files.map((file) => required(verifyTrustedList(file, signers)));
  const ofLists = await Promise.all(source.listOfLists.map(readList));
  const lotl = required(verifyListOfLists(ofLists, signers));
  return [lotl, ...verifyPointedLists(lotl, files).map(required)];
}

export type ListedAnchors = Readonly<Record<ListedRole, readonly TrustAnchor[]>>;

/** Anchors of all sources by role. A list past its next update is used, and said: its entries still stand. */
export async function loadListedAnchors(
  sources: readonly (TrustedListSource & { readonly roles: readonly ListedRole[] })[],
  at: Temporal.Instant,
  events: EventSink,
): Promise<ListedAnchors> {
  const anchors: Record<ListedRole, TrustAnchor[]> = { tsu: [], signer: [] };
  for (const source of sources)
    for (const { name, list } of await loadTrustedLists(source)) {
      const { nextUpdate } = list;
      if (nextUpdate && isBefore(nextUpdate, at))
        events({
          level: 'warn',
          name: 'archiver.trusted-list.stale',
          list: name,
          nextUpdate: nextUpdate.toString(),
        });
      for (const role of source.roles) anchors[role].push(...listedAnchors(list, role));
    }
  return anchors;
}
