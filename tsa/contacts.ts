// Whom to call when something is wrong: each alarm names who has to act, and what nobody is named for is said at
// the start.
import { contactText, type Contact, type ContactParty, type Contacts } from '#shared/contacts.ts';
import type { Event, EventSink } from '#shared/ports/runtime.ts';
import type { TsaConfig } from './config/config.ts';

/** Who is called, by party and, of a TSA, by the name of its provider. */
export type TsaContacts = Contacts & { readonly providers: Readonly<Record<string, Contact>> };

/** A party of the matrix; of the TSAs each by itself. */
export type Party = ContactParty | `provider ${string}`;

type Configured = Pick<TsaConfig, 'oversight' | 'providers' | 'database'>;

/** Events about a provider that are the TSA's to answer for; what goes wrong here is the facility's. */
const aboutProvider = /^tsa\.(?:provider\.|dual\.|crl\.|exchange\.|judge\.|late\.)/;
const aboutStore = /^tsa\.database\./;

/** The party that an event is for. */
function partyOf({ name, provider }: Event, { providers }: Configured): Party {
  // The local unit is ours.
  const isForeign = typeof provider === 'string' && providers[provider]?.kind === 'http';
  if (isForeign && aboutProvider.test(name)) return `provider ${provider}`;
  return aboutStore.test(name) ? 'store' : 'facility';
}

/** Who stands for a party, or for `provider NAME`, as one line; `undefined`: nobody is named. */
export function contactOf(party: Party, { contacts }: TsaConfig['oversight']): string | undefined {
  const { providers, ...parties } = contacts;
  const contact = party.startsWith('provider ')
    ? providers[party.slice('provider '.length)]
    : Object.entries(parties).find(([name]) => name === party)?.[1];
  return contact && contactText(contact);
}

/** Parties that something depends on: those of the matrix, and every TSA. */
export function partiesOf({ providers, database }: Configured): readonly Party[] {
  return [
    'facility',
    'integrator',
    'network',
    ...(database ? (['store'] as const) : []),
    ...Object.values(providers).flatMap(({ kind, name }) =>
      kind === 'http' ? [`provider ${name}` as const] : [],
    ),
  ];
}

/** Parties that nobody is named for. */
export function missingContacts(config: Configured): readonly Party[] {
  return partiesOf(config).filter((party) => contactOf(party, config.oversight) === undefined);
}

/** A sink whose warnings and errors name who has to act; what they are told is `config`'s at that moment. */
export function withContacts(events: EventSink, config: () => Configured): EventSink {
  return (event) => {
    if (event.level !== 'warn' && event.level !== 'error') {
      events(event);
      return;
    }
    const settings = config();
    const contact = contactOf(partyOf(event, settings), settings.oversight);
    events(contact === undefined ? event : { ...event, contact });
  };
}
