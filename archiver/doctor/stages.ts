// The stages of an archive's examination, and whose each of them is: the terms of the responsibility matrix.
import type { Stages } from '#shared/examination.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import type { ArchiverConfig } from '../config.ts';

/** Who has to act when a stage fails. */
export const parties = {
  state: 'facility',
  'disk space': 'facility',
  catalogue: 'facility',
  schema: 'integrator, who brought another version',
  name: 'network',
  connect: 'network',
  TLS: 'the service, or the facility where the system trusts the wrong authorities',
  store: 'store, or the facility where its keys or its address are wrong',
  permissions: 'facility, which gives them, or the store',
  archive: 'facility, which mounted or named another place',
  lock: 'facility',
  journal: 'facility, which put an older copy back',
  clock: 'facility, or the TSA where our clock is right',
  anchors: 'facility, which has to bring new ones',
  HTTP: 'TSA',
  revocation: 'CA of the TSA, or the network to its CRLs',
  accreditation: 'facility, which confirms a new period, or another TSA',
  'trusted lists': 'facility, which has to bring newer ones',
} as const;

export type ArchiveStages = Stages<keyof typeof parties>;

export type ArchiveExamination = {
  readonly config: ArchiverConfig;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly signal: AbortSignal;
  /** Octets that can still be written where a folder is; given by tests. */
  readonly free?: ((folder: string) => Promise<number>) | undefined;
};

export const connectMs = 5000;
