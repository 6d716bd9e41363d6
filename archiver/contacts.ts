// Whom to call when a night went wrong: alarms and reports print it, and what nobody is named for is said
// after each night.
import { type Contact, contactParties, contactText } from '#shared/contacts.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import type { ArchiverConfig } from './config.ts';

/** Parties of the archive: those of the responsibility matrix, and each TSA. */
const parties = [...contactParties, 'tsa', 'secondTsa'] as const;

/** A party that the archive depends on, and who stands for it in one line; absent: nobody is named. */
export type ContactLine = {
  readonly party: (typeof parties)[number];
  readonly contact?: string | undefined;
};

type Configured = Pick<ArchiverConfig, 'contacts' | 'tsa' | 'secondTsa' | 'stores' | 'evidence'>;

/** The parties that this archive depends on, and what others are named. */
export function contactLines(config: Configured): readonly ContactLine[] {
  const { contacts, tsa, secondTsa, stores, evidence } = config;
  const named: Readonly<Record<ContactLine['party'], Contact | undefined>> = {
    facility: contacts.facility,
    integrator: contacts.integrator,
    network: contacts.network,
    store: contacts.store,
    tsa: tsa.contact,
    secondTsa: secondTsa?.contact,
  };
  // A folder, and the embedded TSA, are the facility's own.
  const ours = new Set<string>([
    ...([...stores, evidence].every(({ kind }) => kind === 'folder') ? ['store'] : []),
    ...(tsa.local ? ['tsa'] : []),
    ...(secondTsa ? [] : ['secondTsa']),
  ]);
  return parties
    .filter((party) => named[party] !== undefined || !ours.has(party))
    .map((party) => {
      const contact = named[party];
      return { party, contact: contact && contactText(contact) };
    });
}

/** An unfilled contact is no fault and no order either. */
export function warnOfContacts(config: Configured, events: EventSink): void {
  const missing = contactLines(config).flatMap(({ party, contact }) =>
    contact === undefined ? [party] : [],
  );
  if (missing.length === 0) return;
  events({
    level: 'warn',
    name: 'archiver.contact.missing',
    parties: missing,
    message: `nobody is named in the configuration to call for: ${missing.join(', ')} (contacts, tsa.contact)`,
  });
}
