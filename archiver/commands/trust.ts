// `tokiwa trust show FILE…`: verifies trusted lists (ETSI TS 119 612) and says which services were what, and when.
import path from 'node:path';
import type { Command } from 'commander';
import { isBefore } from '#shared/time.ts';
import type { VerifiedList } from '#shared/trust/trusted-list-chain.ts';
import { statusAt, statusPeriods } from '#shared/trust/trusted-list-services.ts';
import type { TrustService } from '#shared/trust/trusted-list.ts';
import { loadTrustedLists } from '../adapters/trusted-list-files.ts';
import { parseInstant } from './archive.ts';
import { systemClock } from './context.ts';

type Options = {
  readonly signedBy: readonly string[];
  readonly listOfLists: readonly string[];
  readonly at?: string;
  readonly json?: boolean;
};

/** `…/Svctype/TSA/QTST` as `TSA/QTST`, `…/Svcstatus/granted` as `granted`. */
function shortName(uri: string): string {
  return uri.replace(/^.*\/(?:Svctype|Svcstatus|TSLType)\//, '');
}

type ServiceView = {
  readonly provider: string;
  readonly name: string;
  readonly certificates: readonly string[];
  /** As of the time that was asked. */
  readonly type: string | undefined;
  readonly status: string | undefined;
  readonly history: readonly {
    readonly type: string;
    readonly status: string;
    readonly from: string;
    readonly until: string | undefined;
  }[];
};

function viewOf(service: TrustService, at: Temporal.Instant): ServiceView {
  const now = statusAt(service, at);
  return {
    provider: service.provider,
    name: service.name,
    certificates: service.certificates.map(({ fingerprint }) => fingerprint),
    type: now && shortName(now.serviceType),
    status: now && shortName(now.status),
    history: statusPeriods(service).map((period) => ({
      type: shortName(period.serviceType),
      status: shortName(period.status),
      from: period.startingTime.toString(),
      until: period.end?.toString(),
    })),
  };
}

function renderList({ name, list, signer }: VerifiedList, at: Temporal.Instant): string {
  const { territory, sequenceNumber, issued, nextUpdate, operator, services } = list;
  const stale = nextUpdate && isBefore(nextUpdate, at) ? ', PAST ITS NEXT UPDATE' : '';
  const lines = [
    `${name}: ${territory ?? '–'} ${shortName(list.type)} no. ${sequenceNumber} of ${issued.toString()}, next update ${nextUpdate?.toString() ?? 'never'}${stale}`,
    `  ${operator}; signed by ${signer.subject.text}`,
    ...list.warnings.map((warning) => `  warning: ${warning}`),
  ];
  if (list.pointers.length > 0) lines.push(`  points to ${list.pointers.length} lists`);
  for (const view of services.map((service) => viewOf(service, at))) {
    lines.push(`  ${view.provider}, ${view.name}: ${view.type ?? '–'} ${view.status ?? 'not yet'}`);
    for (const { type, status, from, until } of view.history)
      lines.push(`    ${from} to ${until ?? 'now'}: ${type} ${status}`);
  }
  return `${lines.join('\n')}\n`;
}

async function show(files: readonly string[], options: Options): Promise<void> {
  const at = options.at === undefined ? systemClock().now() : parseInstant(options.at);
  const resolve = (file: string): string => path.resolve(file);
  const verified = await loadTrustedLists({
    lists: files.map(resolve),
    listOfLists: options.listOfLists.map(resolve),
    signedBy: options.signedBy.map(resolve),
  });
  for (const one of verified) {
    if (!options.json) {
      process.stdout.write(renderList(one, at));
      continue;
    }
    const { name, list, signer } = one;
    const { territory, sequenceNumber, type, issued, nextUpdate, warnings } = list;
    const services = list.services.map((service) => viewOf(service, at));
    process.stdout.write(
      `${JSON.stringify({ name, territory, sequenceNumber, type, issued, nextUpdate, signer: signer.fingerprint, warnings, services })}\n`,
    );
  }
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

/** Adds `trust` with its subcommand. */
export function registerTrustCommands(program: Command): void {
  program
    .command('trust')
    .description('trusted lists, and what they say')
    .command('show')
    .description('verify trusted lists and list their services with their status histories')
    .argument('<file...>', 'trusted lists (ETSI TS 119 612, XML)')
    .requiredOption(
      '--signed-by <file>',
      'certificate that may have signed the list, or the list of lists where one is given, PEM or DER (repeatable)',
      collect,
      [],
    )
    .option(
      '--list-of-lists <file>',
      'the list of lists that points to them, and pivots before it (repeatable)',
      collect,
      [],
    )
    .option('--at <time>', 'statuses as of another time')
    .option('--json', 'one JSON object a list')
    .addHelpText('after', '\nExit status: 0 all lists hold, 3 one is refused, or usage.')
    .action(show);
}
