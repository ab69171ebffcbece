import type { JsonSchema } from './json-schema.ts';

export const OBJECT_STORE_SCHEMA: JsonSchema = {
  type: ['object', 'null'],
  description:
    'Blobs that several replicas share, in Azure Blob Storage or S3, behind the `directory` of each (docs/replicas.md). What is verified is given to it in the background, and looked for there before the upstream is asked. While it fails, each replica works without it. null: none.',
  default: null,
  additionalProperties: false,
  required: ['kind'],
  properties: {
    kind: {
      type: 'string',
      description:
        '`azure-blob`: a container of Azure Blob Storage. `s3`: a bucket of S3, or of a server that speaks like it.',
      enum: ['azure-blob', 's3'],
    },
    url: {
      type: ['string', 'null'],
      description:
        'For `azure-blob` the container: `https://<account>.blob.core.windows.net/<container>`. For `s3` the origin of the server; null: that of AWS in `region`. `http` on loopback only.',
      default: null,
      minLength: 1,
      maxLength: 1000,
    },
    bucket: {
      type: ['string', 'null'],
      description: 'Bucket of `s3`.',
      default: null,
      minLength: 1,
      maxLength: 255,
    },
    region: {
      type: ['string', 'null'],
      description: 'Region of `s3`; null: `us-east-1`, which servers other than AWS mostly do not look at.',
      default: null,
      minLength: 1,
      maxLength: 100,
    },
    prefix: {
      type: 'string',
      description: 'What the name of every object begins with. Replicas share what has the same prefix.',
      default: 'berth/',
      maxLength: 200,
    },
    credentialsFile: {
      type: ['string', 'null'],
      description:
        'File whose first line is, for `azure-blob`, `<account>:<key>` or the query of a SAS link (`sv=…&sig=…`), for `s3`, `<access key id>:<secret access key>`; relative to this file, read at the start. null: the identity of the workload or machine.',
      default: null,
      minLength: 1,
    },
    caFile: {
      type: ['string', 'null'],
      description:
        'PEM file of the authorities that may have signed the certificate; null: the well-known ones.',
      default: null,
      minLength: 1,
    },
    timeoutSeconds: {
      type: 'integer',
      description: 'Longest wait for an answer, and for each part of an upload, in seconds.',
      default: 10,
      minimum: 1,
      maximum: 300,
    },
  },
};
