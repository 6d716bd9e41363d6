// The proxy's listeners and what answers behind each: one application a door, since clients and operators see different
// things.
import type { RequestListener } from 'node:http';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { isBefore } from '#shared/time.ts';
import {
  openListener,
  openTlsListener,
  peerCertificate,
  type Listener,
  type TlsListener,
} from '../adapters/listener.ts';
import type { PublicFiles } from '../adapters/public-files.ts';
import type { Administration } from '../clients/administration.ts';
import type { Admission, Door } from '../clients/admission.ts';
import type { Books } from '../books.ts';
import type { TsaConfig } from '../config/config.ts';
import type { EvidenceService } from '../evidence/service.ts';
import type { LocalUnits, Settings } from '../providers/provider-set.ts';
import { createRefusalLog } from '../audit/refusals.ts';
import { createTsaApp } from '../server.ts';
import { takeSnapshot, type OwnCertificate, type Snapshot } from '../status/snapshot.ts';
import type { StampService } from '../stamp.ts';
import type { Tally } from '../status/tally.ts';

export type DoorOptions = {
  readonly config: TsaConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
};

export type DoorParts = {
  readonly books: Books;
  readonly local: LocalUnits;
  readonly settings: () => Settings;
  readonly service: StampService;
  readonly evidence: EvidenceService;
  readonly tally: Tally;
  readonly publicFiles: PublicFiles;
  readonly administration: Administration;
};

type Administrative = 'local' | 'roles' | 'nobody';

/** Makes the application behind each listener; what they share is made once. */
export function createApps(options: DoorOptions, parts: DoorParts, admission: Admission) {
  const { books, local, publicFiles } = parts;
  const { journal, audit } = books;
  const refuse = createRefusalLog({ ...options, ...parts, audit });
  const newId = (): string => journal.newId();
  const listenerCertificates: (() => readonly OwnCertificate[])[] = [];
  const snapshot = async (): Promise<Snapshot> => {
    await books.refresh();
    return takeSnapshot(options.clock.now(), {
      ...parts,
      settings: parts.settings(),
      listenerCertificates: listenerCertificates.flatMap((one) => one()),
    });
  };
  const appFor = (door: Door, administrative: Administrative): RequestListener =>
    createTsaApp({
      ...options,
      ...parts,
      audit,
      refuse,
      admission,
      door,
      administrative,
      certificateOf: peerCertificate,
      newId,
      snapshot,
      writable: async () => {
        await Promise.all([journal.recheck(), audit.recheck()]);
        return { journal: journal.writable(), audit: audit.writable() };
      },
      anchorsPem: publicFiles.anchorsPem,
      certificateList: async () => {
        const [first] = local.authorities;
        await first?.upkeep(options.clock.now());
        return first?.certificateLists().at(-1);
      },
    });
  const onHandshakeFailed = (address: string, reason: string): void => {
    void refuse({ id: newId(), address, status: 0, reason });
  };
  const noteListener = (listener: TlsListener): void => {
    listenerCertificates.push(() => certificatesOf(listener));
  };
  return { appFor, onHandshakeFailed, noteListener, snapshot };
}

/** What a listener shows, and who issues what its clients show: of several certificates of one authority the last counts. */
function certificatesOf({
  url,
  certificate,
  clientAuthorities,
}: TlsListener): readonly OwnCertificate[] {
  const authorities = new Map<string, OwnCertificate>();
  for (const { subject, notAfter } of clientAuthorities()) {
    const use = `client authority ${subject.text} of listener ${url}`;
    const other = authorities.get(use);
    if (!other || isBefore(other.notAfter, notAfter)) authorities.set(use, { use, notAfter });
  }
  return [{ use: `listener ${url}`, notAfter: certificate().notAfter }, ...authorities.values()];
}

/** Opens every listener, or none. */
export async function openListeners(
  { config }: DoorOptions,
  { appFor, onHandshakeFailed, noteListener }: ReturnType<typeof createApps>,
  stack: AsyncDisposableStack,
) {
  const { listen, listeners, deadlineMs } = config;
  const opened: Listener[] = [];
  const closing = <T extends Listener>(listener: T): T => {
    opened.push(listener);
    return listener;
  };
  // Together: none takes requests while another one lets its last ones end.
  stack.defer(async () => {
    await Promise.all(opened.map((listener) => listener.close(deadlineMs)));
  });
  const door = listen.anonymous ? 'anonymous' : 'credentials';
  const plain = closing(await openListener(listen, appFor(door, 'local')));
  const secure: TlsListener[] = [];
  for (const one of listeners) {
    const byRoles = one.administration && one.authentication === 'certificate';
    const app = appFor(one.authentication, byRoles ? 'roles' : 'nobody');
    const listener = closing(await openTlsListener(one, app, onHandshakeFailed));
    noteListener(listener);
    secure.push(listener);
  }
  return { plain, secure };
}
