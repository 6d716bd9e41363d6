// Events for people and machines on standard error: one JSON line each where asked or where no
// terminal is, else plain sentences with a progress line that is written over.
import type { Event, EventSink } from '#shared/ports/runtime.ts';
import { printable } from '#shared/printable.ts';

const stages: Readonly<Record<string, string>> = {
  'archiver.run.recover': 'finishing what was left',
  'archiver.run.scan': 'scanning and taking in documents',
  'archiver.run.collect': 'collecting validation data',
  'archiver.run.plan': 'planning',
  'archiver.run.renew.augment': 'augmenting documents as new versions',
  'archiver.run.renew.protect': 'protecting new documents with a timestamp',
  'archiver.run.renew.timestamp-renewal': 'renewing timestamps',
  'archiver.run.renew.hash-tree-renewal': 'renewing hash trees',
};

/** What of the archive a run re-reads, by the `scope` of its event. */
const rereading: Readonly<Record<string, string>> = {
  slice: 're-reading a slice of the archive',
  whole: 're-reading the whole archive',
  none: 're-reading what is broken',
};

function stageOf({ name, scope }: Event): string | undefined {
  return name === 'archiver.run.fixity' ? rereading[String(scope)] : stages[name];
}

function sentence(event: Event): string | undefined {
  const stage = stageOf(event);
  if (stage !== undefined) return `  ${stage} …`;
  if (event.level === 'warn' || event.level === 'error') {
    const { message, name } = event;
    return `  ${event.level === 'error' ? '!' : '-'} ${printable(typeof message === 'string' ? message : name)}`;
  }
  return undefined;
}

export function terminalEvents(options: { readonly json: boolean }): EventSink {
  const stream = process.stderr;
  const terminal = stream.isTTY && !options.json;
  let open = false;
  return (event) => {
    if (event.level === 'debug') return;
    if (options.json) {
      stream.write(`${JSON.stringify({ time: Temporal.Now.instant().toString(), ...event })}\n`);
      return;
    }
    if (event.name === 'archiver.scan.progress') {
      if (!terminal) return;
      stream.write(`\r\u001b[K  ${String(event['scanned'])} listed, ${String(event['added'])} new`);
      open = true;
      return;
    }
    const text = sentence(event);
    if (text === undefined) return;
    stream.write(`${open ? '\r\u001b[K' : ''}${text}\n`);
    open = false;
  };
}
