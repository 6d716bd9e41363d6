// `tokiwa policy services`: timestamp services that were seen to be accredited, as a starting point; and one of
// them as an entry of the configuration that an operator fills in and confirms.
import { ConfigError } from '#shared/errors.ts';
import { bundledServices } from '#shared/policy/bundled.ts';

type Service = (typeof bundledServices.services)[number];

function renderService(service: Service): string {
  const { id, operator, service: name, schemes, firstAccredited, status, confidence } = service;
  return [
    `${id}: ${name.ja} / ${name.en}`,
    `  ${operator.ja} / ${operator.en}`,
    `  ${schemes.join(', ')}; first ${firstAccredited ?? 'unknown'}; ${status} (${confidence})`,
    ...service.tsaPolicies.map(({ oid, seenIn }) => `  policy ${oid}, seen in ${seenIn}`),
    ...service.notes.map((note) => `  ${note}`),
  ].join('\n');
}

/** An entry to be filled in: as it stands it is refused, since nobody confirmed anything. */
export function accreditationTemplate({ service, schemes, firstAccredited }: Service): string {
  const known = /^\d{4}-\d{2}-\d{2}$/.test(firstAccredited ?? '') ? firstAccredited : undefined;
  return `accreditation:
  entries:
    - name: ${JSON.stringify(service.ja)}
      scheme: ${schemes[0] ?? ''}
      from: ${known ?? 'YYYY-MM-DD'} # the day on the ministry's list
      anchors: [] # openssl x509 -noout -fingerprint -sha256, of what the provider publishes
      tsaPolicies: [] # of accredited tokens, from its practice statement
      confirmedBy: '' # who read the list
      confirmedOn: YYYY-MM-DD
      document: '' # such as the ministry's list of a day
`;
}

/** Without an id: all of them. @throws ConfigError ERR_CONFIG_USAGE: no such service */
export function showServices(id: string | undefined, options: { readonly json?: boolean }): void {
  const { services, asOf } = bundledServices;
  const service = services.find((one) => one.id === id);
  if (id !== undefined && !service)
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `no service ${id}; there are: ${services.map((one) => one.id).join(', ')}`,
    );
  if (options.json)
    process.stdout.write(`${JSON.stringify(service ?? bundledServices, undefined, 2)}\n`);
  else if (service)
    process.stdout.write(
      `# ${renderService(service).replaceAll('\n', '\n# ')}\n${accreditationTemplate(service)}`,
    );
  else
    process.stdout.write(
      `Seen by ${asOf}; check the list in force. Nothing counts as accredited by standing here.\n\n${services.map(renderService).join('\n')}\n`,
    );
}
