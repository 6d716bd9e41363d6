// Where a fault of the archive lies: state folder and catalogue, each store, the evidence store, the way to each
// TSA and what its tokens are verified with; stage by stage, each with the party whose it is. Nothing is bought, and
// nothing is written but what a run tries of a store at its start.
import type { ExaminedStage } from '#shared/examination.ts';
import type { CatalogueLook } from './adapters/catalogue-look.ts';
import type { ArchiverConfig } from './config.ts';
import { contactLines } from './contacts.ts';
import { examineSigners, examineTsa } from './doctor/authorities.ts';
import type { ArchiveExamination } from './doctor/stages.ts';
import { examineDocuments, examineEvidence, examineState } from './doctor/stores.ts';

/** Adds whom to call: the first that its party names. */
function withContact(line: ExaminedStage, config: ArchiverConfig): ExaminedStage {
  if (line.party === undefined) return line;
  const ours = (['facility', 'integrator', 'network', 'store'] as const).find((party) =>
    line.party?.startsWith(party),
  );
  const wanted = ours ?? line.subject;
  const contact = contactLines(config).find(({ party }) => party === wanted)?.contact;
  return contact === undefined ? line : { ...line, contact };
}

/** Examines an archive from its state folder to its TSAs. Resolves always; lines come in the order of the stages. */
export async function examineArchive(
  options: ArchiveExamination,
): Promise<readonly ExaminedStage[]> {
  const { config } = options;
  let look: CatalogueLook | undefined;
  const lines = [
    ...(await examineState(options, (found) => {
      look = found;
    })),
  ];
  for (const settings of config.stores) lines.push(...(await examineDocuments(settings, options)));
  lines.push(...(await examineEvidence(look, options)));
  for (const subject of ['tsa', 'secondTsa'] as const)
    lines.push(...(await examineTsa(subject, options)));
  lines.push(...(await examineSigners(options)));
  return lines.map((line) => withContact(line, config));
}
