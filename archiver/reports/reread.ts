// Rows of the catalogue under a configuration that they were not written by: a report is made again under the
// rules of another edition, whatever the last run planned by.
import { proofHorizon } from '#shared/validation/proof-horizon.ts';
import type { ArchiverConfig } from '../config.ts';
import { rememberedEnds, resolveRetention } from '../stages/retention.ts';
import { horizonRules } from '../trust.ts';
import type { RowReading } from './report.ts';

/** Horizons by its algorithm profile and anchor ends, retention by its rules and presets. */
export function rereading(config: ArchiverConfig): RowReading {
  const rules = horizonRules(config);
  const ends = rememberedEnds();
  return {
    batch: (batch) => {
      const { at, element } = proofHorizon(batch.newestToken, batch.digestAlgorithm, rules);
      return { ...batch, horizon: at, horizonElement: element };
    },
    document: (document) => {
      const { journal, sidecar, tag, hold } = document.retention;
      const { key, facts, lastModified } = document;
      const input = { key, facts, lastModified, journal, sidecar, tag, hold };
      return { ...document, retention: resolveRetention(config, input, ends) };
    },
  };
}
