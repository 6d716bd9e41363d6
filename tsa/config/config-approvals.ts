// The part of the configuration file about who answers for what: whom to call, and by whom and when providers and
// clients were approved.
import { z } from 'zod';
import { contactParties, contactSchema } from '#shared/contacts.ts';
import type { TsaConfigFile } from './config-schema.ts';
import type { RelationProblem } from './config-relations.ts';

/** Who allowed it, and when. */
const approval = z.strictObject({
  by: z.string().min(1).max(200).describe('Who approved that it is used.'),
  on: z.iso.date('a date such as 2026-04-01').describe('When.'),
});

export type Approval = z.infer<typeof approval>;

/** Keys of a provider or client that somebody has to have approved. */
export const approvable = {
  enabled: z.boolean().default(true).describe('`false`: it is as if it were not listed.'),
  approved: approval.optional(),
};

/** Whom to call about a TSA. */
export const providerContact = contactSchema.optional();

/** Providers and clients need an approver and a date: unless the file says otherwise, as soon as clients are told apart. */
export function areApprovalsRequired(file: TsaConfigFile): boolean {
  return (
    file.approvalsRequired ?? (file.listeners.length > 0 || Object.keys(file.clients).length > 0)
  );
}

/** Only what an administrator approved is used. */
export function everythingIsApproved(file: TsaConfigFile): RelationProblem[] {
  if (!areApprovalsRequired(file)) return [];
  const message = 'nobody has approved it: approved: { by: …, on: … }';
  const missing = (key: 'providers' | 'clients'): RelationProblem[] =>
    Object.entries(file[key])
      .filter(([, { enabled, approved }]) => enabled && !approved)
      .map(([name]) => ({ path: [key, name], message }));
  return [...missing('providers'), ...missing('clients')];
}

/** A profile none of whose providers is enabled could serve nobody. */
export function somebodyIsEnabled(file: TsaConfigFile): RelationProblem[] {
  return Object.entries(file.profiles).flatMap(([name, { providers }]) =>
    providers.every((provider) => file.providers[provider]?.enabled === false)
      ? [{ path: ['profiles', name, 'providers'], message: 'none of its providers is enabled' }]
      : [],
  );
}

const ofOversight: readonly string[] = ['enabled', 'approved', 'contact'];

/** What a provider or client does, without who answers for it. */
export function settingsOf<T extends object>(one: T): Omit<T, 'enabled' | 'approved' | 'contact'> {
  const kept = Object.entries(one).filter(([key]) => !ofOversight.includes(key));
  return Object.fromEntries(kept) as Omit<T, 'enabled' | 'approved' | 'contact'>;
}

/** What is enabled of a map, by name. */
function enabledOf<T extends { readonly enabled: boolean }>(map: Readonly<Record<string, T>>) {
  return Object.entries(map).filter(([, { enabled }]) => enabled);
}

/** The file as if nothing were listed that is not enabled. */
export function withoutDisabled(file: TsaConfigFile): TsaConfigFile {
  const isEnabled = (name: string): boolean => file.providers[name]?.enabled !== false;
  return {
    ...file,
    providers: Object.fromEntries(enabledOf(file.providers)),
    clients: Object.fromEntries(enabledOf(file.clients)),
    profiles: Object.fromEntries(
      Object.entries(file.profiles).map(([name, profile]) => [
        name,
        { ...profile, providers: profile.providers.filter(isEnabled) },
      ]),
    ),
  };
}

/** Whom to call, by party and by provider; and who approved what. */
export function oversightOf(file: TsaConfigFile) {
  const providers = Object.entries(file.providers);
  const approvalsOf = (
    map: Readonly<Record<string, { readonly approved?: Approval | undefined }>>,
  ) =>
    Object.fromEntries(
      Object.entries(map).flatMap(([name, { approved }]) => (approved ? [[name, approved]] : [])),
    );
  return {
    contacts: {
      ...Object.fromEntries(contactParties.map((party) => [party, file.contacts[party]])),
      providers: Object.fromEntries(
        providers.flatMap(([name, one]) =>
          one.type === 'http' && one.contact ? [[name, one.contact]] : [],
        ),
      ),
    },
    approvals: {
      required: areApprovalsRequired(file),
      providers: approvalsOf(file.providers),
      clients: approvalsOf(file.clients),
    },
    disabledClients: Object.entries(file.clients).flatMap(([name, { enabled }]) =>
      enabled ? [] : [name],
    ),
  };
}
