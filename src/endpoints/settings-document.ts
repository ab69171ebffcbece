/** What `berth update` said about one registry. */
export type Override = {
  readonly dataEndpointEnabled: boolean;
  /** What the configuration said when it was overridden; once it says something else, the override has lapsed. */
  readonly overrides: 'dedicated' | 'passthrough';
  /** RFC 3339. */
  readonly changedAt: string;
};

/** By the registry's name. */
export type Overrides = ReadonlyMap<string, Override>;

/** The form that this version writes and reads. */
const VERSION = 1;

const NAME = /^[a-z0-9-]{1,63}$/;
const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

/**
 * Reads the settings file's text. Nothing in it is guessed or passed over: a setting that is lost opens or closes a
 * firewall's way for somebody.
 *
 * @throws {TypeError} that says what is wrong
 */
export function parseSettings(text: string): Overrides {
  const document = record(parseJson(text), 'it is no JSON object');
  if (document['version'] !== VERSION) {
    throw new TypeError(
      `its version is ${JSON.stringify(document['version'])}, and this Berth knows ${VERSION}`,
    );
  }
  const registries = record(document['registries'], '"registries" is no object');
  return new Map(Object.entries(registries).map(([name, value]) => [name, parseOverride(name, value)]));
}

/** The text that `parseSettings` reads, with its final line end. */
export function formatSettings(overrides: Overrides): string {
  return `${JSON.stringify({ version: VERSION, registries: Object.fromEntries(overrides) }, null, 2)}\n`;
}

function parseOverride(name: string, value: unknown): Override {
  const wrong = `what it says about registry ${JSON.stringify(name.slice(0, 63))} is not complete`;
  const { dataEndpointEnabled, overrides, changedAt } = record(value, wrong);
  if (
    NAME.test(name) &&
    typeof dataEndpointEnabled === 'boolean' &&
    (overrides === 'dedicated' || overrides === 'passthrough') &&
    typeof changedAt === 'string' &&
    TIME.test(changedAt)
  ) {
    return { dataEndpointEnabled, overrides, changedAt };
  }
  throw new TypeError(wrong);
}

function parseJson(text: string): unknown {
  if (text.trim() === '') throw new TypeError('it is empty');
  try {
    return JSON.parse(text);
  } catch {
    throw new TypeError('it is no JSON');
  }
}

function record(value: unknown, otherwise: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError(otherwise);
  return { ...value };
}
