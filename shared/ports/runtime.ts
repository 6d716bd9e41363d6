// Clock, random octets and event sink: what pure code gets from outside as arguments.

/** The time now. Pure code never asks it; a run asks once and passes the instant on. */
export type Clock = { readonly now: () => Temporal.Instant };

/** Random octets for nonces, ids and blinding. */
export type RandomSource = (length: number) => Uint8Array;

/** One event with a stable dotted name; never holds octets of a document nor a secret. */
export type Event = {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly name: string;
  readonly [field: string]: unknown;
};

/** Where events go: a log, a progress line, a test's list. */
export type EventSink = (event: Event) => void;
