// Whom to call: the parties of the responsibility matrix and who stands for each, as both configurations name them and
// as alarms and reports print them. For programs alone.
import { z } from 'zod';

/** Parties beside the TSAs, each of which has a contact of its own. */
export const contactParties = ['facility', 'integrator', 'network', 'store'] as const;
export type ContactParty = (typeof contactParties)[number];

/** Somebody who can be reached. */
export const contactSchema = z.strictObject({
  name: z.string().min(1).max(200).describe('Who it is: a function rather than a person.'),
  telephone: z
    .string()
    .regex(/^[+0-9][0-9 ()-]{2,30}$/, 'a telephone number')
    .optional()
    .describe('Telephone number.'),
  mail: z.email().max(254).optional().describe('Mail address.'),
  hours: z.string().min(1).max(200).optional().describe('When, and by which contract.'),
});
export type Contact = z.infer<typeof contactSchema>;

const who: Readonly<Record<ContactParty, string>> = {
  facility: 'The manager of the facility who sees to recovery and contact.',
  integrator: 'Who set Tokiwa up and maintains it.',
  network: 'Who runs the network between us, the TSAs and the stores.',
  store: 'Who runs the object store or database.',
};

const withWho = (party: ContactParty) =>
  contactSchema.extend({ name: contactSchema.shape.name.describe(who[party]) }).optional();

/** `contacts` of a configuration file. */
export const contactsSchema = z
  .strictObject({
    facility: withWho('facility'),
    integrator: withWho('integrator'),
    network: withWho('network'),
    store: withWho('store'),
  })
  .prefault({});
export type Contacts = Readonly<Partial<Record<ContactParty, Contact | undefined>>>;

/** One line: name, telephone, mail, hours. */
export function contactText({ name, telephone, mail, hours }: Contact): string {
  return [name, telephone, mail, hours].filter((one) => one !== undefined).join(', ');
}
