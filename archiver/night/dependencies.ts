// What one night is given: stores, catalogue, TSAs, trust, clock; and what an operator asks of it.
import type { Catalogue } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import type { StatusSource } from '#shared/ports/status-source.ts';
import type { HorizonRules } from '#shared/validation/proof-horizon.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import type { ArchiverConfig } from '../config.ts';
import type { StampingTsa } from '../evidence/types.ts';
import type { EvidenceStore } from '../evidence-store.ts';
import type { LeaseRequest } from '../lease.ts';
import type { RereadScope } from '../stages/fixity.ts';
import type { SkippedObject } from '../stages/scan.ts';

export type NightDependencies = {
  readonly config: ArchiverConfig;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  /** What listings of documents left out since this was last asked. */
  readonly takeSkipped: () => readonly SkippedObject[];
  readonly evidence: EvidenceStore;
  /** Who asks for the lease, and how it is told that an earlier holder on this machine has ended. */
  readonly lease: Pick<LeaseRequest, 'holder' | 'isGone'>;
  readonly catalogue: Catalogue;
  readonly tsa: StampingTsa;
  /** Anchors each document a second time. */
  readonly secondTsa?: StampingTsa | undefined;
  /** What time the TSA's own clock says, where it can be asked without buying. */
  readonly tsaClock?: ((signal: AbortSignal) => Promise<Temporal.Instant | undefined>) | undefined;
  readonly secondTsaClock?: NightDependencies['tsaClock'];
  /** What the documents' own signatures are judged with. */
  readonly signerMaterial: GivenMaterial;
  /** Where validation data of signers comes from beside `signerMaterial`. */
  readonly signerStatus: StatusSource;
  readonly horizonRules: HorizonRules;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
};

export type NightOptions = {
  readonly runAt: Temporal.Instant;
  readonly signal: AbortSignal;
  /** An operator's word for this run: more tokens than the ceiling. */
  readonly allowTokens?: number | undefined;
  /** What of the archive is re-read tonight: its nightly slice, all of it, or nothing. */
  readonly reread?: RereadScope | undefined;
};
