// All documents with what decides their retention and outlook, in few columns and few queries: for
// comparing a whole archive under two configurations.
import type { Kysely } from 'kysely';
import type {
  DocumentOutline,
  DocumentState,
  HeldSignature,
  IntakeStatus,
  IntakeVerdict,
  RetentionFacts,
  ValidationStatus,
} from '#shared/ports/catalogue.ts';
import type { Facts } from '#shared/validation/facts.ts';
import { parseFacts } from '../facts-json.ts';
import { instant } from './catalogue-rows.ts';
import type { Tables } from './catalogue-schema.ts';

const pageSize = 2000;

type OutlineRow = {
  readonly id: number;
  readonly store: string;
  readonly key: string;
  readonly state: string;
  readonly retention: string;
  readonly last_modified: string;
  readonly intake_status: string;
  readonly intake: string;
  readonly validation_pending: number;
  readonly validation_data: string | null;
  readonly validation_missing: string | null;
  readonly facts?: string;
};

type Attached = {
  readonly key: string;
  readonly intake_status: string;
  readonly intake: string;
  readonly validation_pending: number;
};

/** The same as a line of the report says: asked for as long as it or one attached to it lacks any. */
function validationOf(
  row: OutlineRow,
  attached: readonly Attached[],
): ValidationStatus | undefined {
  if (![row, ...attached].some((one) => one.validation_pending !== 0))
    return row.validation_data === null ? undefined : 'complete';
  return row.validation_missing === null || row.validation_missing === '[]' ? 'waiting' : 'missing';
}

/** Documents of one day say the same of their retention: one value then, which callers may know again. */
class RetentionTexts {
  readonly #known = new Map<string, RetentionFacts>();

  parse(text: string): RetentionFacts {
    const known = this.#known.get(text);
    if (known) return known;
    const facts = JSON.parse(text) as RetentionFacts;
    if (this.#known.size < maxTexts) this.#known.set(text, facts);
    return facts;
  }
}

const maxTexts = 50_000;

function outlineOf(
  row: OutlineRow,
  retention: RetentionFacts,
  batchIds: readonly string[],
  attached: readonly Attached[],
): DocumentOutline {
  // Two configurations ask for the same ones.
  let signatures: readonly HeldSignature[] | undefined;
  return {
    id: row.id,
    store: row.store,
    key: row.key,
    state: row.state as DocumentState,
    retention,
    intakeStatus: row.intake_status as IntakeStatus,
    validation: validationOf(row, attached),
    batchIds,
    attachedIntake: attached.map((one) => one.intake_status as IntakeStatus),
    get lastModified(): Temporal.Instant {
      return instant(row.last_modified);
    },
    get facts(): Facts | undefined {
      return row.facts === undefined ? undefined : parseFacts(row.facts);
    },
    get intake(): IntakeVerdict {
      return JSON.parse(row.intake) as IntakeVerdict;
    },
    get signatures(): readonly HeldSignature[] {
      return (signatures ??= [row, ...attached].flatMap((holder) => {
        const { signatures: intake, at: judgedAt } = JSON.parse(holder.intake) as IntakeVerdict;
        const heldBy = holder === row ? undefined : holder.key;
        return intake.map((one) => ({ ...one, heldBy, judgedAt }));
      }));
    },
  };
}

function grouped<T>(rows: readonly T[], keyOf: (row: T) => number | null): Map<number, T[]> {
  const groups = new Map<number, T[]>();
  for (const row of rows) {
    const key = keyOf(row);
    if (key === null) continue;
    const group = groups.get(key);
    if (group) group.push(row);
    else groups.set(key, [row]);
  }
  return groups;
}

const none: readonly never[] = [];

/** Pages ascending by id. */
export async function* documentOutlines(
  db: Kysely<Tables>,
  wanted: { readonly facts: boolean },
): AsyncIterable<readonly DocumentOutline[]> {
  const retentions = new RetentionTexts();
  for (let after = 0; ;) {
    const rows: readonly OutlineRow[] = await db
      .selectFrom('documents')
      .select([
        'id',
        'store',
        'key',
        'state',
        'retention',
        'last_modified',
        'intake_status',
        'intake',
        'validation_pending',
        'validation_data',
        'validation_missing',
      ])
      .$if(wanted.facts, (query) => query.select('facts'))
      .where('id', '>', after)
      .orderBy('id')
      .limit(pageSize)
      .execute();
    const [first, last] = [rows[0], rows.at(-1)];
    if (!first || !last) return;
    const places = grouped(
      await db
        .selectFrom('memberships')
        .select(['document_id', 'batch_id'])
        .where('document_id', '>=', first.id)
        .where('document_id', '<=', last.id)
        .where('active', '=', 1)
        .orderBy('document_id')
        .orderBy('batch_id')
        .execute(),
      (row) => row.document_id,
    );
    const attached = grouped(
      await db
        .selectFrom('documents')
        .select(['attached_to', 'key', 'intake_status', 'intake', 'validation_pending'])
        .where('attached_to', '>=', first.id)
        .where('attached_to', '<=', last.id)
        .orderBy('id')
        .execute(),
      (row) => row.attached_to,
    );
    yield rows.map((row) =>
      outlineOf(
        row,
        retentions.parse(row.retention),
        places.get(row.id)?.map((place) => place.batch_id) ?? none,
        attached.get(row.id) ?? none,
      ),
    );
    if (rows.length < pageSize) return;
    after = last.id;
  }
}
