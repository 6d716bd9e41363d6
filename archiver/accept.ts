// Takes the changed content of a key in as a new document (`tokiwa accept KEY --as-new`): journalled
// first; the old document stays on record as changed, with the evidence it has.
import { ConfigError, ConflictError } from '#shared/errors.ts';
import type { DocumentRow } from '#shared/ports/catalogue.ts';
import type { NightDependencies } from './night/dependencies.ts';
import type { IntakeContent } from './stages/document-facts.ts';
import { needsValidationData, takeIn } from './stages/intake.ts';
import { readDocument } from './stages/read-document.ts';
import { resolveRetention, statementOfTags } from './stages/retention.ts';
import { identityOf } from './stages/scan.ts';

export type AcceptOptions = {
  readonly by: string;
  readonly at: Temporal.Instant;
  readonly signal: AbortSignal;
};

/**
 * What a detached signature is over, as it was taken in. `undefined`: it belongs to no document, or to one that is gone.
 * @throws ConfigError ERR_CONFIG_USAGE: its document was written over as well, and waits for the same word
 */
async function contentOf(
  { catalogue, stores }: NightDependencies,
  row: DocumentRow,
  signal: AbortSignal,
): Promise<IntakeContent | undefined> {
  const { attachedTo } = row;
  const first = attachedTo === undefined ? undefined : await catalogue.getDocument(attachedTo);
  const standing = first && (await catalogue.findStanding(first));
  const main = standing ? await catalogue.getDocument(standing.id) : first;
  const store = main && stores.get(main.store);
  if (!store || main.state === 'missing') return undefined;
  if (main.state === 'changed')
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `${JSON.stringify(main.key)}, which it is over, was changed as well: accept that first, since the signature is judged over it`,
    );
  const { key: name, versionId } = main;
  return {
    name,
    digests: { ...main.digests, 'SHA-256': main.sha256 },
    read: async (algorithms) =>
      (
        await readDocument(store, name, {
          ...{ algorithms, keep: 0, signal },
          versionId: versionId === '' ? undefined : versionId,
        })
      ).digests,
  };
}

/**
 * @throws ConfigError ERR_CONFIG_USAGE: the document is not `changed`, or is over one that is
 * @throws ConflictError ERR_CONFLICT_LEASE: a run is at work
 */
export async function acceptAsNew(
  deps: NightDependencies,
  row: DocumentRow,
  options: AcceptOptions,
): Promise<void> {
  const { catalogue, config, evidence, stores } = deps;
  const { at, by, signal } = options;
  if (row.state !== 'changed')
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `${JSON.stringify(row.key)} is ${row.state}, not changed: there is nothing to accept`,
    );
  const store = stores.get(row.store);
  if (!store) throw new ConfigError('ERR_CONFIG_USAGE', `the store ${row.store} is not configured`);
  await using _lease = await evidence.acquireLease({
    ...deps.lease,
    run: 'accept',
    at,
    duration: Temporal.Duration.from({ minutes: 5 }),
    signal,
  });
  const head = await store.head(row.key, { signal });
  const rules = {
    runAt: at,
    digestAlgorithm: config.digestAlgorithm,
    inspectLimitBytes: config.inspectLimitBytes,
    material: deps.signerMaterial,
  };
  const content = await contentOf(deps, row, signal);
  const result = await takeIn(store, head, rules, content, signal);
  if (result.sha256 === row.sha256)
    throw new ConflictError(
      'ERR_CONFLICT_CHANGED',
      `${JSON.stringify(row.key)} has its first content again: the next run will see it`,
    );
  const tag = statementOfTags({ ...head.metadata, ...head.tags });
  const document = {
    store: row.store,
    key: row.key,
    versionId: head.versionId ?? '',
    sha256: result.sha256,
  };
  const { sidecar, hold } = row.retention;
  await evidence.journal.append(
    [
      {
        kind: 'intake',
        document,
        size: result.size,
        at: at.toString(),
        verdict: result.verdict,
        sidecar,
        tag,
      },
      { kind: 'accepted-as-new', previous: identityOf(row), document, by, at: at.toString() },
    ],
    { at, run: 'accept', signal },
  );
  await catalogue.transaction(async () => {
    const id = await catalogue.addDocument({
      ...document,
      size: result.size,
      digests: result.digests,
      etag: result.entry.etag,
      lastModified: head.lastModified,
      firstSeen: at,
      facts: result.facts,
      intake: result.verdict,
      retention: resolveRetention(config, {
        key: row.key,
        facts: result.facts,
        lastModified: head.lastModified,
        sidecar,
        tag,
        hold,
      }),
      state: 'waiting',
      stateSince: at,
      stateReason: undefined,
      attachedTo: row.attachedTo,
      regroup: false,
      validationPending: needsValidationData(result.verdict),
      lastRead: at,
    });
    await catalogue.putCertificates(id, result.facts);
  });
}
