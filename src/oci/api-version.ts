/** The field by which clients know a registry (distribution-spec, "Legacy Docker support HTTP headers"). */
export const API_VERSION_FIELD = { 'docker-distribution-api-version': 'registry/2.0' } as const;
