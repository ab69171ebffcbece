import { isRecord } from './complete.ts';
import { presetFields } from './preset-fields.ts';
import { PRESET_NAMES } from './presets.ts';

/**
 * A copy of the configuration where the fields that a registry leaves out come from its `preset`. A list that is there
 * replaces the preset's, also an empty one: nothing is ever added to what the operator wrote. Before the schema's own
 * defaults, which would look as if they had been written.
 */
export function applyPresets(value: unknown): unknown {
  if (!isRecord(value) || !Array.isArray(value['registries'])) return value;
  return { ...value, registries: value['registries'].map(applyPreset) };
}

function applyPreset(registry: unknown): unknown {
  if (!isRecord(registry)) return registry;
  const { upstream } = registry;
  const preset = PRESET_NAMES.find((name) => name === registry['preset']);
  if (preset === undefined || !isRecord(upstream) || typeof upstream['url'] !== 'string') return registry;
  const fields = presetFields(preset, upstream['url']);
  if (fields === undefined) return registry;
  const { tokenHosts, ...others } = fields;
  // What the schema took out as wrong is there as undefined, and has been reported.
  return { ...others, ...defined(registry), upstream: { tokenHosts, ...defined(upstream) } };
}

function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
