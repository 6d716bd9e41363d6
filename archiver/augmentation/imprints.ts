// Which timestamps of a document are no longer over what they were over, before and after an edit. A token
// is known by its signature value: validation data may have been added to it. EN 319 102-1 §5.4.4.
import { toHex } from '#shared/bytes.ts';
import type { TimestampReading } from '#shared/validation/collect.ts';
import type { DocumentReading } from '#shared/validation/inspect.ts';

function nameOf({ token, of }: TimestampReading): string {
  const [signerInfo] = token.signedData.signerInfos;
  return `${of ?? ''} ${toHex(signerInfo?.signature ?? token.raw)}`;
}

/** Ids, in `before`, of timestamps whose imprint or hash index held and does not any more, or that are gone. */
export function changedImprints(
  before: Pick<DocumentReading, 'timestamps'>,
  after: Pick<DocumentReading, 'timestamps'>,
): readonly string[] {
  const now = new Map(after.timestamps.map((one) => [nameOf(one), one]));
  return before.timestamps
    .filter((old) => {
      const fresh = now.get(nameOf(old));
      const lostImprint = old.imprintIntact === true && fresh?.imprintIntact !== true;
      const lostIndex = old.atsHashIndex?.valid === true && fresh?.atsHashIndex?.valid !== true;
      return !fresh || lostImprint || lostIndex;
    })
    .map(({ id }) => id);
}
