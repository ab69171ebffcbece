/** The part of JSON Schema (draft 7) that Berth's own schema uses; every property carries a description. */
export type JsonSchema = {
  readonly type: JsonType | readonly JsonType[];
  readonly description: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false;
};

export type JsonType = 'string' | 'integer' | 'boolean' | 'object' | 'array' | 'null';
