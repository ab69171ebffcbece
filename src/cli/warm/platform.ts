import { InvalidArgumentError } from 'commander';

/** Of an image index's entry (image-spec, image-index.md), in Go's words. */
export type Platform = {
  readonly os: string;
  readonly architecture: string;
  /** Undefined: any. */
  readonly variant: string | undefined;
};

/** Node's word for a machine to Go's, where the two differ. */
const GO_ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ['x64', 'amd64'],
  ['ia32', '386'],
  ['ppc64', 'ppc64le'],
  ['loong64', 'loong64'],
]);

/** Linux on this architecture: images for anything else are rare. */
export function defaultPlatform(architecture: string): Platform {
  return {
    os: 'linux',
    architecture: GO_ARCHITECTURES.get(architecture) ?? architecture,
    variant: undefined,
  };
}

/** `os/architecture[/variant]` of an option that may be given several times; `all` for every one. */
export function collectPlatforms(
  text: string,
  earlier: readonly Platform[] | 'all' = [],
): readonly Platform[] | 'all' {
  if (text === 'all' || earlier === 'all') return 'all';
  const found = /^([a-z0-9]+)\/([a-z0-9]+)(?:\/([a-z0-9.]+))?$/.exec(text);
  const [, os, architecture, variant] = found ?? [];
  if (os === undefined || architecture === undefined) {
    throw new InvalidArgumentError('It must be os/architecture[/variant], such as linux/arm64, or all.');
  }
  return [...earlier, { os, architecture, variant }];
}

/** Whether somebody who wants this platform takes that one. */
export function matchesPlatform(wanted: Platform, given: Platform): boolean {
  return (
    wanted.os === given.os &&
    wanted.architecture === given.architecture &&
    (wanted.variant === undefined || wanted.variant === given.variant)
  );
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== undefined).join('/');
}
