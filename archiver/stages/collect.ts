// Collects the validation data of protected signatures (R-15), and of evidence records inside of documents,
// whose newest timestamps nothing renews but the archive's own (R-28, docs/decisions/records-inside.md): once
// revocation data issued after the first token is at hand for every certificate, it becomes one object, and
// document, detached signatures and object wait for the next batch as one group. What cannot be had is listed
// by certificate, asked for again every night, and is an error once the signer's certificate nears its end.
import type { EmbeddedValidationData } from '#shared/cms/revocation-values.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { TokiwaError } from '#shared/errors.ts';
import type { Catalogue, DocumentRow, MissingStatus } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { StatusSource } from '#shared/ports/status-source.ts';
import { compareInstants, earlier, isBefore } from '#shared/time.ts';
import { certificateLabel } from '#shared/trust/certificate-label.ts';
import {
  type ChainStatus,
  type StatusMaterial,
  judgeChainStatus,
} from '#shared/trust/chain-status.ts';
import type { Facts, TimestampFacts } from '#shared/validation/facts.ts';
import { readDocument as readSignatures } from '#shared/validation/inspect.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { isLost } from '../intake-order.ts';
import type { JournalEntry } from '../journal-entries.ts';
import { FindingList } from '../reports/finding-list.ts';
import type { FindingLine } from '../reports/report.ts';
import { applyValidationEntry } from './catalogue.ts';
import { needsValidationData } from './intake.ts';
import { readDocument } from './read-document.ts';
import { readLargeSignature } from './large-signature.ts';
import { identityOf } from './scan.ts';
import {
  isValidationObjectSound,
  loadValidationObject,
  storeValidationObject,
} from './validation-object.ts';

export type CollectDependencies = {
  readonly catalogue: Catalogue;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  /** The evidence store's objects. */
  readonly evidence: ObjectStore;
  readonly journal: (entries: readonly JournalEntry[]) => Promise<void>;
  readonly material: Pick<
    GivenMaterial,
    'signerAnchors' | 'tsuAnchors' | 'certificates' | 'crls' | 'ocspResponses'
  >;
  readonly source: StatusSource;
  /** For TSUs of evidence records inside of documents. */
  readonly tsuSource: StatusSource;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly inspectLimitBytes: number;
  /** So long before a signer's certificate ends what is missing is an error. */
  readonly leadTime: Temporal.Duration;
  readonly runAt: Temporal.Instant;
  readonly signal: AbortSignal;
};

export type CollectSummary = { readonly findings: readonly FindingLine[] };

/** A certificate whose path is kept, and what it signs. */
type Proven = { readonly certificate: Certificate; readonly purpose: 'signer' | 'tsu' };

/** What one object's signatures need, or what of it is not there. */
type HolderStatus =
  | {
      readonly kind: 'complete';
      readonly kept: readonly StatusMaterial[];
      readonly offences: readonly string[];
      /** Records inside whose newest timestamps are among them. */
      readonly records: number;
    }
  | { readonly kind: 'missing'; readonly missing: readonly MissingStatus[] };

/** A certificate that documents wait for. */
type Wanted = MissingStatus & {
  readonly documents: number;
  readonly firstKey: string;
  /** When the first of the signers' certificates ends. */
  readonly end: Temporal.Instant | undefined;
};

function joined(parts: readonly StatusMaterial[]): EmbeddedValidationData {
  return {
    certificates: parts.flatMap(({ certificates }) => certificates),
    crls: parts.flatMap(({ crls }) => crls),
    ocspResponses: parts.flatMap(({ ocspResponses }) => ocspResponses),
  };
}

/** Of each evidence record inside: what covers all that is older in it. */
function newestTimestamps({ evidenceRecords, timestamps }: Facts): readonly TimestampFacts[] {
  return evidenceRecords.flatMap(({ chains }) => {
    const id = chains.at(-1)?.archiveTimeStamps.at(-1)?.timestamp;
    return timestamps.filter((timestamp) => timestamp.id === id);
  });
}

function firstEnd(rows: readonly DocumentRow[]): Temporal.Instant | undefined {
  return rows
    .flatMap(({ facts }) => [
      ...facts.signatures.flatMap(({ signer }) => signer?.notAfter ?? []),
      ...newestTimestamps(facts).flatMap(({ tsu }) => tsu?.notAfter ?? []),
    ])
    .toSorted(compareInstants)[0];
}

class Collection {
  readonly #deps: CollectDependencies;
  readonly findings = new FindingList();
  readonly #wanted = new Map<string, Wanted>();
  /** Certificates asked about tonight in vain, and since when data was wanted: later is no easier. */
  readonly #inVain = new Map<string, Temporal.Instant>();

  constructor(deps: CollectDependencies) {
    this.#deps = deps;
  }

  async run(): Promise<void> {
    const { catalogue, signal } = this.#deps;
    const seen = new Set<number>();
    const pending = catalogue.documents({ states: ['protected'], validationPending: true });
    for await (const row of pending) {
      signal.throwIfAborted();
      if (!this.#canJudge(row)) continue;
      const main = row.attachedTo === undefined ? row : await catalogue.getDocument(row.attachedTo);
      // A signature whose document is broken or gone proves nothing that could be kept.
      if (main?.state !== 'protected' || seen.has(main.id)) continue;
      seen.add(main.id);
      try {
        await this.#collect(main);
      } catch (error) {
        if (signal.aborted || !(error instanceof TokiwaError)) throw error;
        const message = `its validation data could not be collected: ${error.message}`;
        const { code: cause } = error;
        this.findings.push({ kind: 'unreadable', level: 'warning', key: main.key, message, cause });
      }
    }
    for (const wanted of this.#wanted.values()) this.findings.push(this.#findingOf(wanted));
  }

  /** Where nobody says whom signers descend from, signatures wait until somebody does. */
  #canJudge({ intake }: DocumentRow): boolean {
    const { signerAnchors } = this.#deps.material;
    return signerAnchors.length > 0 || intake.signatures.every(isLost);
  }

  /** The document and its detached signatures, as far as their data is still to be collected. */
  async #holdersOf(main: DocumentRow): Promise<readonly DocumentRow[]> {
    const rows = [
      main,
      ...(await Array.fromAsync(this.#deps.catalogue.attachedDocuments(main.id))),
    ];
    return rows.filter(
      (row) => row.validationPending && row.state === 'protected' && this.#canJudge(row),
    );
  }

  /** genTime of the first token over an object that counts. */
  async #provenSince(row: DocumentRow): Promise<Temporal.Instant | undefined> {
    const { catalogue } = this.#deps;
    let since: Temporal.Instant | undefined;
    for (const { batchId } of await catalogue.memberships(row.id)) {
      const batch = await catalogue.getBatch(batchId);
      if (!batch || batch.state === 'broken') continue;
      since = since ? earlier(since, batch.genTime) : batch.genTime;
    }
    return since;
  }

  async #collect(main: DocumentRow): Promise<void> {
    const { catalogue, journal, evidence, runAt } = this.#deps;
    const holders = await this.#holdersOf(main);
    if (holders.length === 0) return;
    const kept: StatusMaterial[] = [];
    const found: string[] = [];
    const missing: MissingStatus[] = [];
    let records = 0;
    for (const holder of holders) {
      const after = await this.#provenSince(holder);
      if (!after) return;
      const status = this.#knownInVain(main, after) ?? (await this.#statusOf(holder, after));
      if (status.kind === 'missing') missing.push(...status.missing);
      else {
        kept.push(...status.kept);
        found.push(...status.offences);
        records += status.records;
      }
    }
    if (missing.length > 0) {
      for (const one of missing) this.#want(one, main, holders);
      if (JSON.stringify(missing) !== JSON.stringify(main.validationMissing))
        await catalogue.updateDocument(main.id, { validationMissing: missing });
      return;
    }
    // Signatures that came later: one object for all of them.
    if (main.validationData)
      kept.push(await loadValidationObject(evidence, main.validationData, this.#deps.signal));
    const offences = [...new Set([...(main.validationData?.offences ?? []), ...found])];
    const entry = {
      kind: 'validation-data',
      document: identityOf(main),
      holders: holders.map(identityOf),
      object: {
        ...(await storeValidationObject(evidence, joined(kept), this.#deps)),
        ...(offences.length > 0 && { offences }),
      },
      at: runAt.toString(),
    } as const;
    await journal([entry]);
    await catalogue.transaction(() => applyValidationEntry(catalogue, entry));
    if (records > 0)
      this.findings.push({
        kind: 'record-inside',
        level: 'info',
        key: main.key,
        message:
          'the evidence record inside of it is under the archive’s own timestamps, and so is now what its newest timestamp is verified with',
      });
    for (const offence of found)
      this.findings.push({
        kind: 'signer-not-valid',
        level: 'warning',
        key: main.key,
        message: `a certificate did not hold at the document’s first token: ${offence}`,
      });
  }

  /** What was missing last time and tonight, too: nothing is read for it. */
  #knownInVain(main: DocumentRow, after: Temporal.Instant): HolderStatus | undefined {
    const still = (main.validationMissing ?? []).flatMap((one) => {
      const since = this.#inVain.get(one.fingerprint);
      return since && !isBefore(after, since) ? [one] : [];
    });
    return still.length > 0 ? { kind: 'missing', missing: still } : undefined;
  }

  async #statusOf(holder: DocumentRow, after: Temporal.Instant): Promise<HolderStatus> {
    const { certificates, proven, unnamed, records } = await this.#signersOf(holder, after);
    const kept: StatusMaterial[] = [];
    const offences: string[] = [];
    const missing: MissingStatus[] = unnamed.map((id) => ({
      fingerprint: '',
      subject: `${id} of ${holder.key}`,
      reason: 'the signer’s certificate is not in the document',
    }));
    for (const one of proven) {
      const status = await this.#chainStatus(one, certificates, after);
      if (status.kind === 'complete') {
        kept.push(status.kept);
        if (status.offence !== undefined) offences.push(status.offence);
        continue;
      }
      for (const { certificate, reason } of status.missing) {
        const { fingerprint } = certificate;
        const since = this.#inVain.get(fingerprint);
        this.#inVain.set(fingerprint, since ? earlier(since, after) : after);
        missing.push({ fingerprint, subject: certificateLabel(certificate), reason });
      }
    }
    return missing.length > 0
      ? { kind: 'missing', missing }
      : { kind: 'complete', kept, offences, records };
  }

  /**
   * The certificates that made the signatures and the newest timestamps of records, found in the octets that were
   * taken in. One that had ended by `after` is helped by nothing that was issued later.
   */
  async #signersOf(
    holder: DocumentRow,
    after: Temporal.Instant,
  ): Promise<{
    readonly certificates: readonly Certificate[];
    readonly proven: readonly Proven[];
    /** Ids of signatures whose signer is not there. */
    readonly unnamed: readonly string[];
    readonly records: number;
  }> {
    const { stores, inspectLimitBytes, signal } = this.#deps;
    const store = stores.get(holder.store);
    const nothing = { certificates: [], proven: [], unnamed: [], records: 0 };
    if (!store) return nothing;
    const { head, size, digests } = await readDocument(store, holder.key, {
      versionId: holder.versionId === '' ? undefined : holder.versionId,
      algorithms: ['SHA-256'],
      keep: inspectLimitBytes,
      signal,
    });
    // Scan and fixity say what happened to it.
    if (digests['SHA-256'] !== holder.sha256) return { ...nothing, unnamed: ['content'] };
    const large = await readLargeSignature(
      store,
      holder,
      { head, size, digestAlgorithm: 'SHA-256', inspectLimitBytes },
      signal,
    );
    const bytes = large?.stored.signedData.raw ?? head;
    const { facts, certificates } = readSignatures({ bytes, size: large ? bytes.length : size });
    const { signatures: judged, records = [] } = holder.intake;
    const lost = new Set([...judged, ...records].filter(isLost).map(({ id }) => id));
    const signatures = facts.signatures.filter(({ id }) => !lost.has(id));
    const wanted = new Set(signatures.map(({ signer }) => signer?.fingerprint));
    const newest = newestTimestamps(facts).filter(
      ({ of, tsu }) => !lost.has(of ?? '') && tsu && isBefore(after, tsu.notAfter),
    );
    const tsus = new Set(newest.map(({ tsu }) => tsu?.fingerprint));
    const among = (names: ReadonlySet<string | undefined>, purpose: Proven['purpose']) =>
      certificates
        .filter(({ fingerprint }) => names.has(fingerprint))
        .map((certificate) => ({ certificate, purpose }));
    return {
      certificates,
      proven: [...among(wanted, 'signer'), ...among(tsus, 'tsu')],
      unnamed: signatures.filter(({ signer }) => !signer).map(({ id }) => id),
      records: newest.length,
    };
  }

  /** From what is at hand, and only then from whoever can be asked. */
  async #chainStatus(
    { certificate, purpose }: Proven,
    own: readonly Certificate[],
    after: Temporal.Instant,
  ): Promise<ChainStatus> {
    const { material: given, runAt, signal } = this.#deps;
    const isTsu = purpose === 'tsu';
    const source = isTsu ? this.#deps.tsuSource : this.#deps.source;
    const material: StatusMaterial = {
      certificates: [...own, ...given.certificates],
      crls: given.crls,
      ocspResponses: given.ocspResponses,
    };
    const anchors = isTsu ? given.tsuAnchors : given.signerAnchors;
    const query = { signer: certificate, anchors, after, purpose };
    const atHand = judgeChainStatus({ ...query, material });
    if (atHand.kind === 'complete') return atHand;
    const asked = atHand.missing.some((one) => {
      const since = this.#inVain.get(one.certificate.fingerprint);
      return since && !isBefore(after, since);
    });
    if (asked) return atHand;
    const fetched = await source.certificatesAndCrlsFor(atHand.path, { at: runAt, after, signal });
    const status = judgeChainStatus({ ...query, material: joined([material, fetched]) });
    if (status.kind === 'complete') return status;
    const reasons = new Map(fetched.missing.map((one) => [one.fingerprint, one.reason]));
    return {
      ...status,
      missing: status.missing.map((one) => ({
        ...one,
        reason: reasons.get(one.certificate.fingerprint) ?? one.reason,
      })),
    };
  }

  #want(one: MissingStatus, main: DocumentRow, holders: readonly DocumentRow[]): void {
    const name = one.fingerprint === '' ? one.subject : one.fingerprint;
    const known = this.#wanted.get(name);
    const ends = [known?.end, firstEnd(holders)].flatMap((end) => end ?? []);
    this.#wanted.set(name, {
      ...one,
      documents: (known?.documents ?? 0) + 1,
      firstKey: known?.firstKey ?? main.key,
      end: ends.toSorted(compareInstants)[0],
    });
  }

  #findingOf({ subject, reason, documents, firstKey, end }: Wanted): FindingLine {
    const { leadTime, runAt } = this.#deps;
    const pressing = end?.subtract({ hours: Math.round(24 * leadTime.total('days')) });
    return {
      kind: 'validation-data-missing',
      level: pressing && !isBefore(runAt, pressing) ? 'error' : 'warning',
      key: documents === 1 ? firstKey : undefined,
      message:
        `revocation data of ${subject} issued after what it signed was protected is not at hand, ` +
        `${documents === 1 ? 'a document waits' : `${documents} documents wait`} for it: ${reason}`,
    };
  }
}

/**
 * One pass over the signatures whose validation data is still to be collected.
 * @throws SourceError, InvariantError of the evidence store; a document that cannot be read is a finding
 */
export async function collectValidationData(deps: CollectDependencies): Promise<CollectSummary> {
  const collection = new Collection(deps);
  await collection.run();
  return { findings: collection.findings.lines() };
}

/**
 * Whether a document's validation data is still what was stamped. What is lost is journalled, and
 * collected again from the next night on.
 */
export async function recheckValidationData(
  main: DocumentRow,
  deps: Pick<CollectDependencies, 'catalogue' | 'evidence' | 'journal' | 'runAt' | 'signal'>,
): Promise<FindingLine | undefined> {
  const { catalogue, evidence, journal, runAt, signal } = deps;
  const { validationData } = main;
  if (!validationData || (await isValidationObjectSound(evidence, validationData, signal)))
    return undefined;
  const rows = [main, ...(await Array.fromAsync(catalogue.attachedDocuments(main.id)))];
  const entry = {
    kind: 'validation-data',
    document: identityOf(main),
    holders: rows.filter(({ intake }) => needsValidationData(intake)).map(identityOf),
    object: undefined,
    at: runAt.toString(),
  } as const;
  await journal([entry]);
  await catalogue.transaction(() => applyValidationEntry(catalogue, entry));
  return {
    kind: 'validation-data-lost',
    level: 'error',
    key: main.key,
    message: `${validationData.key} is gone or no longer what was stamped; it is collected again`,
  };
}
