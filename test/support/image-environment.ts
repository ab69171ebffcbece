/** What the image sets (Dockerfile): what is measured of memory is that of an installation only with it. */
export const IMAGE_ENVIRONMENT = {
  NODE_ENV: 'production',
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: '131072',
  NODE_OPTIONS: '--max-semi-space-size=2',
} as const;
