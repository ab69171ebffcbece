import type { FileRedirectHost } from './file-config.ts';
import { PRESET_NAMES, PRESETS, type PresetFields, type PresetForm, type PresetName } from './presets.ts';

/** The preset whose registry answers at this origin; undefined: none is known to. */
export function findPreset(upstreamUrl: string): PresetName | undefined {
  const url = URL.parse(upstreamUrl);
  if (url === null) return undefined;
  return PRESET_NAMES.find((name) =>
    PRESETS[name].some((form) => form.upstream?.test(url.hostname) === true),
  );
}

/** What the preset fills in for this upstream; undefined where its hosts can not be told from the upstream's name. */
export function presetFields(name: PresetName, upstreamUrl: string): PresetFields | undefined {
  const url = URL.parse(upstreamUrl);
  if (url === null) return undefined;
  for (const form of PRESETS[name]) {
    const match = form.upstream === null ? null : form.upstream.exec(url.hostname);
    if (match === null && form.upstream !== null) continue;
    return fill(form, { ...match?.groups, host: url.host });
  }
  return undefined;
}

function fill(form: PresetForm, values: Readonly<Record<string, string>>): PresetFields {
  const { redirectHosts, tokenHosts, namespaces, publicProbe } = form;
  return {
    redirectHosts: redirectHosts.map((entry) => fillHost(entry, values)),
    tokenHosts,
    namespaces,
    ...(publicProbe === undefined ? {} : { publicProbe }),
  };
}

function fillHost(entry: FileRedirectHost, values: Readonly<Record<string, string>>): FileRedirectHost {
  const expand = (text: string): string =>
    text.replaceAll(/\{([a-z]+)\}/g, (whole, name: string) => values[name] ?? whole);
  if (typeof entry === 'string') return expand(entry);
  return entry.host === undefined ? entry : { ...entry, host: expand(entry.host) };
}
