import type { JsonSchema } from './json-schema.ts';

const OPTIONAL_ID = {
  type: ['string', 'null'],
  default: null,
  minLength: 1,
  maxLength: 128,
} as const;

/** Berth's own credentials at a registry: exactly one of the ways. */
export const AUTH_SCHEMA: JsonSchema = {
  type: ['object', 'null'],
  description: "Berth's own credentials.",
  default: null,
  additionalProperties: false,
  properties: {
    file: {
      type: 'string',
      description: 'File with `username:password` on its first line; read again when it changes.',
      minLength: 1,
    },
    exec: {
      type: 'object',
      description:
        'A docker credential helper: called with `get`, the registry\'s host on its input, `{"Username", "Secret"}` on its output.',
      additionalProperties: false,
      required: ['command'],
      properties: {
        command: {
          type: 'array',
          description: 'Program and arguments; no shell.',
          minItems: 1,
          maxItems: 64,
          items: { type: 'string', description: 'Program or argument.', maxLength: 4096 },
        },
        timeoutSeconds: {
          type: 'integer',
          description: 'Seconds until the helper is stopped.',
          default: 10,
          minimum: 1,
          maximum: 60,
        },
      },
    },
    azureWorkloadIdentity: {
      type: 'object',
      description:
        'At Azure Container Registry: a federated token (AKS workload identity, GitHub, any OIDC issuer) for an Entra application with the role AcrPull. What is left out comes from `AZURE_CLIENT_ID`, `AZURE_TENANT_ID`, `AZURE_FEDERATED_TOKEN_FILE` and `AZURE_AUTHORITY_HOST`, as AKS sets them.',
      additionalProperties: false,
      properties: {
        clientId: {
          ...OPTIONAL_ID,
          description: 'Client ID of the application; null: from the environment.',
        },
        tenantId: { ...OPTIONAL_ID, description: 'Its tenant; null: from the environment.' },
        tokenFile: {
          type: ['string', 'null'],
          description: 'File with the federated token, read at each refresh; null: from the environment.',
          default: null,
          minLength: 1,
        },
        authority: {
          type: ['string', 'null'],
          description:
            'Origin of the Entra endpoint, such as `https://login.microsoftonline.us`; null: from the environment, otherwise the public cloud.',
          default: null,
          minLength: 1,
          maxLength: 2048,
        },
      },
    },
    azureManagedIdentity: {
      type: 'object',
      description:
        'At Azure Container Registry: the managed identity of the machine, with the role AcrPull. `{}` is the one that the system assigned.',
      additionalProperties: false,
      properties: {
        clientId: {
          ...OPTIONAL_ID,
          description: 'Client ID of a user-assigned identity; null: the one that the system assigned.',
        },
      },
    },
    awsEcr: {
      type: 'object',
      description:
        "At Amazon ECR: a registry token by AWS's own chain of credentials (web identity, instance profile, environment, profile), which needs `ecr:GetAuthorizationToken`.",
      additionalProperties: false,
      required: ['region'],
      properties: {
        region: {
          type: 'string',
          description: 'Region of the registry, such as `eu-west-1`.',
          pattern: '^[a-z0-9-]{1,64}$',
        },
        registryId: {
          type: ['string', 'null'],
          description: "Account of the registry, twelve digits; null: the credentials' own.",
          default: null,
          pattern: '^[0-9]{12}$',
        },
      },
    },
  },
};
