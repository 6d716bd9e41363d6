// The policies, retention presets and accreditation schemes that come with the product, as typed values.
import accreditation from './data/accreditation.json' with { type: 'json' };
import policies from './data/algorithm-policies.json' with { type: 'json' };
import presets from './data/retention-presets.json' with { type: 'json' };
import services from './data/timestamp-services.json' with { type: 'json' };
import type { AccreditationFile, TimestampServiceFile } from './accreditation.ts';
import type { PolicyFile } from './algorithm-policy.ts';
import type { PresetFile } from './retention-rule.ts';

export const bundledAccreditation: AccreditationFile = accreditation;
export const bundledPolicies: PolicyFile = policies;
export const bundledPresets: PresetFile = presets as PresetFile;
export const bundledServices: TimestampServiceFile = services;
