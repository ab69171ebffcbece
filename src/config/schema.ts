import type { JsonSchema } from './json-schema.ts';
import { CONSOLE_SCHEMA } from './schema-console.ts';
import { LIMITS_SCHEMA, TIMEOUTS_SCHEMA } from './schema-limits.ts';
import { LISTENER_SCHEMA } from './schema-listener.ts';
import { OBJECT_STORE_SCHEMA } from './schema-object-store.ts';
import { READINESS_SCHEMA } from './schema-readiness.ts';
import { REGISTRY_SCHEMA } from './schema-registry.ts';
import { STATE_SCHEMA } from './schema-state.ts';

/**
 * The configuration file. `config/berth.schema.json` and `docs/configuration.md` are generated from this object, and a
 * test compares them.
 */
export const CONFIG_SCHEMA: JsonSchema = {
  type: 'object',
  description: 'Configuration of Berth, an OCI registry reverse proxy with dedicated data endpoints.',
  additionalProperties: false,
  required: ['listeners', 'registries'],
  properties: {
    listeners: {
      type: 'array',
      description:
        'Where clients connect. Every listener serves every registry; the Host field chooses which.',
      minItems: 1,
      maxItems: 64,
      items: LISTENER_SCHEMA,
    },
    workers: {
      type: ['integer', 'string'],
      description:
        'Processes that serve clients behind one port; a further one has the disk cache, the upstream of its fills and everything that they share. 1: one process does all. `auto`: one for each core that this process may use. More than 1 needs Linux.',
      default: 1,
      minimum: 1,
      maximum: 64,
      pattern: '^auto$',
    },
    stateDirectory: {
      type: ['string', 'null'],
      description:
        'Directory in which `berth update` keeps what it changed, one for each running Berth; made (0700) where it is missing. What is kept lapses when the file itself says something else than it did at the change. null: `berth update` is refused.',
      default: null,
      minLength: 1,
    },
    metrics: {
      type: ['object', 'null'],
      description: 'Listener of `/metrics`, `/livez` and `/readyz`, plain HTTP; null: none.',
      default: {},
      additionalProperties: false,
      properties: {
        address: {
          type: 'string',
          description: 'IP address to listen on; `::` is every address of both families.',
          default: '::',
        },
        port: {
          type: 'integer',
          description: 'TCP port; 0 lets the system choose.',
          default: 9464,
          minimum: 0,
          maximum: 65_535,
        },
      },
    },
    readiness: READINESS_SCHEMA,
    console: CONSOLE_SCHEMA,
    admin: {
      type: ['object', 'null'],
      description:
        'Control socket, through which commands talk to the running Berth: `update`, `show-endpoints`, `report`. null: none.',
      default: null,
      additionalProperties: false,
      required: ['socket'],
      properties: {
        socket: {
          type: 'string',
          description:
            'Path of the Unix socket, at most 90 bytes when absolute; mode 0600, so only the user that Berth runs as (and root) can use it. Its directory is made (0700) where it is missing.',
          minLength: 1,
          maxLength: 90,
        },
      },
    },
    ticket: {
      type: 'object',
      description:
        'What joins the login server and the data endpoints: the sealed query of a data-endpoint URL.',
      default: {},
      additionalProperties: false,
      properties: {
        keyFile: {
          type: 'string',
          description:
            'File of the ticket keys, made by `berth ticket-key generate` and the same for every replica. A missing file refuses the start.',
          default: '/etc/berth/ticket.keys',
          minLength: 1,
        },
        lifetimeSeconds: {
          type: 'integer',
          description:
            "Life of a ticket in seconds; a source that expires earlier shortens it. 20 minutes is what registries' own links live.",
          default: 1200,
          minimum: 60,
          maximum: 86_400,
        },
      },
    },
    cache: {
      type: 'object',
      description:
        "Copies of blobs and manifests. Whether a caller may have one is the upstream's decision, each time.",
      default: {},
      additionalProperties: false,
      properties: {
        directory: {
          type: ['string', 'null'],
          description:
            'Directory of the blob cache, for one Berth alone; relative to this file. Blobs are fetched once for all who ask at the same time, in parallel, and kept. null: no blob is kept, and each client has a stream of its own.',
          default: null,
        },
        maxBytes: {
          type: ['integer', 'string'],
          description: 'Bytes of blobs on disk; the least recently used go first.',
          default: '20GiB',
          minimum: 67_108_864,
        },
        minFreeBytes: {
          type: ['integer', 'string'],
          description:
            'Bytes left free on the disk for others; below that nothing is written and clients stream.',
          default: '1GiB',
          minimum: 0,
        },
        pieceBytes: {
          type: ['integer', 'string'],
          description:
            'Bytes of one piece of a blob that is being fetched: what a range costs at the least, and what is lost when a connection breaks. Larger pieces are fewer requests.',
          default: '4MiB',
          minimum: 65_536,
          maximum: 67_108_864,
        },
        store: OBJECT_STORE_SCHEMA,
        memoryMaxBytes: {
          type: ['integer', 'string'],
          description:
            'Bytes of manifests kept in memory, a number or a size such as `256MiB`; 0: none is kept.',
          default: '256MiB',
          minimum: 0,
        },
      },
    },
    state: STATE_SCHEMA,
    limits: LIMITS_SCHEMA,
    timeouts: TIMEOUTS_SCHEMA,
    log: {
      type: 'object',
      description: 'The log: JSON, one line per event, on standard output.',
      default: {},
      additionalProperties: false,
      properties: {
        level: {
          type: 'string',
          description: 'Least severe level that is written; requests are logged at `info`.',
          enum: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
          default: 'info',
        },
      },
    },
    audit: {
      type: 'object',
      description: 'The audit log: one JSON line for every refusal (docs/audit.md).',
      default: {},
      additionalProperties: false,
      properties: {
        file: {
          type: ['string', 'null'],
          description:
            'File that refusals are appended to, made with mode 0640, opened anew on SIGUSR1; null: they are lines of the log.',
          default: null,
          minLength: 1,
        },
      },
    },
    registries: {
      type: 'array',
      description: 'The registries that this Berth stands in front of.',
      minItems: 1,
      maxItems: 10_000,
      items: REGISTRY_SCHEMA,
    },
  },
};
