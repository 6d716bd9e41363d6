// Evidence records after random renewals: whatever the order, each verifies over its documents, and with one
// bit that a hash or a signature covers turned over it does not.
import { TokiwaError } from '#shared/errors.ts';
import { parseEvidenceRecord, type ArchiveTimeStamp } from '#shared/ers/evidence-record.ts';
import type { ConformanceResult } from '../conformance/_report.ts';
import { recordOf } from '../shared/ers/_archive.ts';
import { renewalPlans, type RenewalPlan } from '../shared/ers/_cases.ts';
import { createTestTsu, type TestTsu } from '../shared/ers/_tokens.ts';
import { verdictOn } from '../shared/ers/_verify.ts';

const flipsPerRecord = 64;

/** Views of a record's octets: hash values, and of each token what its signature covers and the signature. */
function coveredParts({ reducedHashtree = [], token }: ArchiveTimeStamp): readonly Uint8Array[] {
  const { eContent, signerInfos } = token.signedData;
  return [
    ...reducedHashtree.flat(),
    ...(eContent ? [eContent] : []),
    ...signerInfos.flatMap(({ signedAttrs, signature }) =>
      signedAttrs ? [signedAttrs.raw, signature] : [signature],
    ),
  ];
}

/** Places of covered octets, evenly spread over all of them. */
function* placesIn(record: Uint8Array, seed: number): Iterable<number> {
  const stamps = parseEvidenceRecord(record).sequence.chains.flatMap(
    (one) => one.archiveTimeStamps,
  );
  const parts = stamps.flatMap(coveredParts);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  for (let flip = 0; flip < flipsPerRecord; flip++) {
    let at = Math.floor(((flip + (seed % 16) / 16) * length) / flipsPerRecord);
    for (const part of parts) {
      if (at < part.length) {
        yield part.byteOffset - record.byteOffset + at;
        break;
      }
      at -= part.length;
    }
  }
}

function statusOf(record: Uint8Array, documents: readonly Uint8Array[]): string {
  try {
    return verdictOn(record, documents, { exactGroup: true }).status;
  } catch (error) {
    if (error instanceof TokiwaError) return error.code;
    throw error;
  }
}

function prove(
  plan: RenewalPlan,
  seed: number,
  stamping: { readonly tsu: TestTsu; readonly leaves?: number },
): ConformanceResult {
  const archive = plan.run({ ...stamping, form: 'evidence' });
  const index = seed % plan.groupCount;
  const documents = archive.groups[index] ?? [];
  const record = recordOf(archive, index);
  const whole = statusOf(record, documents);
  const accepted: number[] = [];
  for (const at of placesIn(record, seed)) {
    const changed = Uint8Array.from(record);
    changed[at] = (changed[at] ?? 0) ^ (1 << ((seed + at) % 8));
    if (statusOf(changed, documents) === 'valid') accepted.push(at);
  }
  return {
    case: `seed ${seed}, ${plan.name}${stamping.leaves ? `, among ${stamping.leaves}` : ''}`,
    passed: whole === 'valid' && accepted.length === 0,
    expected: 'valid as it is, and with no covered bit changed',
    got: `${whole}; valid with a change at ${accepted.join(', ') || 'no octet'}`,
  };
}

/** Every kind of renewal plan once, drawn from the seed. */
export function proveRenewals(seed: number): Promise<readonly ConformanceResult[]> {
  const tsu = createTestTsu('Long-run TSU');
  const plans = renewalPlans(seed, 2, [1, 2, 3, 7, 64, 1000]);
  return Promise.resolve(plans.map((plan) => prove(plan, seed, { tsu })));
}

/** The same in trees of a million leaves. */
export function proveMillion(seed: number): Promise<readonly ConformanceResult[]> {
  const stamping = { tsu: createTestTsu('Long-run TSU'), leaves: 1_000_000 };
  const plans = renewalPlans(seed, 1, [7]);
  return Promise.resolve(plans.map((plan) => prove(plan, seed, stamping)));
}
