import type { FileRegistry } from './file-config.ts';
import { findPreset, presetFields } from './preset-fields.ts';
import type { ConfigPath, Finding } from './problem.ts';

/** Whether the preset is about the registry that the upstream is. */
export function checkPreset(registry: FileRegistry, path: ConfigPath): readonly Finding[] {
  const { preset, upstream, redirectHosts } = registry;
  const url = upstream?.url;
  const host = URL.parse(url ?? '')?.host;
  if (preset === undefined || url === undefined || host === undefined) return [];
  const fitting = findPreset(url);
  if (fitting !== undefined && fitting !== preset) {
    return [{ path, message: `${preset} is not what ${host} is`, hint: `write preset: ${fitting}` }];
  }
  if (presetFields(preset, url) !== undefined || redirectHosts.length > 0) return [];
  return [
    {
      path,
      message: `${preset} can not tell where ${host} keeps its blobs`,
      hint: 'write the upstream by its own name, such as https://123456789012.dkr.ecr.eu-west-1.amazonaws.com, or list redirectHosts yourself',
    },
  ];
}
