// The policies and retention presets that come with the product, as typed values.
import policies from './data/algorithm-policies.json' with { type: 'json' };
import presets from './data/retention-presets.json' with { type: 'json' };
import type { PolicyFile } from './algorithm-policy.ts';
import type { PresetFile } from './retention-rule.ts';

export const bundledPolicies: PolicyFile = policies;
export const bundledPresets: PresetFile = presets as PresetFile;
