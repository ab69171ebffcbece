declare const brand: unique symbol;

/** The `<name>` of the distribution-spec; comes from `parseRepositoryName` alone. */
export type RepositoryName = string & { readonly [brand]: 'RepositoryName' };

/** Characters; clients limit host and name together to this (distribution-spec, "Pulling manifests"). */
export const MAX_REPOSITORY_NAME_LENGTH = 255;

// The spec's expression. A separator always stands between two runs, so there is one way to match and no backtracking.
const NAME = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/** Undefined where the text is not a repository name, or too long for one. */
export function parseRepositoryName(text: string): RepositoryName | undefined {
  return isRepositoryName(text) ? text : undefined;
}

function isRepositoryName(text: string): text is RepositoryName {
  return text.length <= MAX_REPOSITORY_NAME_LENGTH && NAME.test(text);
}
