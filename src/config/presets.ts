import type { FileRedirectHost } from './file-config.ts';

export const PRESET_NAMES = ['acr', 'dockerhub', 'ghcr', 'ecr', 'gar', 'quay'] as const;

export type PresetName = (typeof PRESET_NAMES)[number];

/** What a preset fills in where the configuration says nothing; `docs/presets.md` tells the reader the same. */
export type PresetFields = {
  readonly redirectHosts: readonly FileRedirectHost[];
  readonly tokenHosts: readonly string[];
  readonly namespaces: readonly string[];
  readonly publicProbe?: boolean;
};

/** One form of a registry's own host name, and what holds for it. */
export type PresetForm = PresetFields & {
  /**
   * The upstream's host name without port; `{name}` below is what its group of that name matched, `{host}` the whole
   * host. Null: any other host, where the configuration names the preset itself (a CNAME, a mirror).
   */
  readonly upstream: RegExp | null;
};

/**
 * Blobs of ACR lie in accounts that nobody can name beforehand, among everybody else's. The path is the most that can be asked
 * for: it keeps what lies there by chance out, not an account whose owner names a container and its blobs so.
 * Captured 2023 to 2026: `/<digest part>-<registry id>-<part>//docker/registry/v2/blobs/sha256/<2 hex>/<64 hex>/data`, the
 * `//` included (blog capture of 2023-12; sigstore/cosign#3331; Azure/azure-sdk-for-python#45744; Azure/peerd's tests).
 */
const ACR_PATH =
  '/[0-9a-zA-Z-]+//docker/registry/v2/blobs/(?:sha256/[0-9a-f]{2}/[0-9a-f]{64}|sha512/[0-9a-f]{2}/[0-9a-f]{128})/data';

/**
 * The large public registries, as data: facts that change without a release of ours, each with its source. The first form
 * that fits the upstream's host counts.
 */
export const PRESETS: Readonly<Record<PresetName, readonly PresetForm[]>> = {
  acr: [
    acr('azurecr\\.io', 'azurecr.io', 'blob.core.windows.net'),
    // Azure Government and Azure in China: registry and storage suffixes of the CLI's cloud table.
    acr('azurecr\\.us', 'azurecr.us', 'blob.core.usgovcloudapi.net'),
    acr('azurecr\\.cn', 'azurecr.cn', 'blob.core.chinacloudapi.cn'),
    {
      // microsoft/containerregistry, docs/client-firewall-rules.md: `mcr.microsoft.com` and `*.data.mcr.microsoft.com`.
      upstream: /^mcr\.microsoft\.com$/,
      redirectHosts: ['*.data.mcr.microsoft.com'],
      tokenHosts: [],
      namespaces: [],
    },
    {
      upstream: null,
      redirectHosts: [{ host: '*.blob.core.windows.net', pathPattern: ACR_PATH }],
      tokenHosts: [],
      namespaces: [],
    },
  ],
  dockerhub: [
    { upstream: /^(?:registry-1|index)\.docker\.io$/, ...dockerHub() },
    { upstream: null, ...dockerHub() },
  ],
  ghcr: [
    { upstream: /^ghcr\.io$/, ...ghcr() },
    { upstream: null, ...ghcr() },
  ],
  ecr: [
    {
      // Amazon ECR user guide, «Create the Amazon S3 gateway endpoint»: the bucket `prod-<region>-starport-layer-bucket`.
      // A wildcard instead of the region would permit buckets of anybody: S3's names are free to take. The host names of a
      // registry (FIPS, dual stack, China) are those of the kubelet's ecr-credential-provider.
      upstream: /^\d{12}\.dkr\.ecr(?:-fips)?\.(?<region>[a-z0-9-]+)\.(?<domain>amazonaws\.com(?:\.cn)?)$/,
      redirectHosts: [
        'prod-{region}-starport-layer-bucket.s3.{region}.{domain}',
        'prod-{region}-starport-layer-bucket.s3.dualstack.{region}.{domain}',
      ],
      tokenHosts: [],
      namespaces: [],
      // Nothing in a private registry is public, so that the question would always be in vain.
      publicProbe: false,
    },
    {
      upstream: /^\d{12}\.dkr-ecr(?:-fips)?\.(?<region>[a-z0-9-]+)\.on\.aws$/,
      redirectHosts: [
        'prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com',
        'prod-{region}-starport-layer-bucket.s3.dualstack.{region}.amazonaws.com',
      ],
      tokenHosts: [],
      namespaces: [],
      publicProbe: false,
    },
    {
      // EKS Anywhere, «Prerequisites»: the two CloudFront names of ECR Public's images. Not `*.cloudfront.net`, which is
      // everybody's.
      upstream: /^public\.ecr\.aws$/,
      redirectHosts: ['d2glxqk2uabbnd.cloudfront.net', 'd5l0dvt14r5h8.cloudfront.net'],
      tokenHosts: [],
      namespaces: ['public.ecr.aws'],
    },
  ],
  gar: [
    {
      // Blobs come from the registry's own host, by a relative `/artifacts-downloads/…` (google/go-containerregistry's
      // explorer, ahmetb/serverless-registry-proxy). Its own host needs no entry to be followed; with one, a `dedicated`
      // registry has its list.
      upstream: /^(?:[a-z0-9-]+-docker\.pkg\.dev|(?:[a-z]+\.)?gcr\.io)$/,
      redirectHosts: ['{host}'],
      tokenHosts: [],
      namespaces: [],
    },
    { upstream: null, redirectHosts: ['{host}'], tokenHosts: [], namespaces: [] },
  ],
  quay: [
    { upstream: /^quay\.io$/, ...quay() },
    { upstream: null, ...quay() },
  ],
};

function acr(suffix: string, domain: string, storage: string): PresetForm {
  return {
    // `<registry>.azurecr.io`, and regional `<registry>.<region>.geo.azurecr.io` (endpoint reference of ACR's documentation).
    upstream: new RegExp(`^(?<registry>[a-z0-9-]+)(?:\\.[a-z0-9]+\\.geo)?\\.${suffix}$`),
    redirectHosts: [
      { host: `*.${storage}`, pathPattern: ACR_PATH },
      // Where the registry has dedicated data endpoints of its own: `<registry>.<region>.data.azurecr.io`, 307.
      `{registry}.*.data.${domain}`,
    ],
    // The realm is https://<registry>.azurecr.io/oauth2/token (Azure/acr, docs/AAD-OAuth.md).
    tokenHosts: [],
    namespaces: [],
  };
}

function dockerHub(): PresetFields {
  return {
    // docker/docs, «Allowlist for Docker Desktop» (pull requests 21867, 21970, 25122): the two CDN names and the R2 bucket
    // with its account, exact: `docker-images-prod.*.r2…` would permit a bucket of that name in anybody's account.
    redirectHosts: [
      'production.cloudflare.docker.com',
      'production.cloudfront.docker.com',
      'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com',
      // To askers inside AWS, its bucket itself (JFrog's help page on firewalls; seen as s3.dualstack.us-east-1). The
      // name of a bucket is taken for all of AWS, and lies in one region. No wildcard for it: with `s3` in its place the
      // host would be that of somebody's bucket `docker-images-prod.s3`.
      'docker-images-prod.s3.amazonaws.com',
      'docker-images-prod.s3.us-east-1.amazonaws.com',
      'docker-images-prod.s3.dualstack.us-east-1.amazonaws.com',
    ],
    // The realm is https://auth.docker.io/token.
    tokenHosts: ['auth.docker.io'],
    namespaces: ['docker.io'],
  };
}

function ghcr(): PresetFields {
  return {
    // aquasecurity/trivy's troubleshooting page and buildkite/cleanroom#330: ghcr.io and this one.
    redirectHosts: ['pkg-containers.githubusercontent.com'],
    // The realm is https://ghcr.io/token.
    tokenHosts: [],
    namespaces: ['ghcr.io'],
  };
}

function quay(): PresetFields {
  return {
    // Red Hat, «Firewall changes for container image pulls»: cdn and cdn01 to 03, since 2025-04-01 also 04 to 06.
    redirectHosts: [
      'cdn.quay.io',
      'cdn01.quay.io',
      'cdn02.quay.io',
      'cdn03.quay.io',
      'cdn04.quay.io',
      'cdn05.quay.io',
      'cdn06.quay.io',
      // To askers in us-east-1, its bucket itself (OpenShift's «Configuring your firewall»).
      'quayio-production-s3.s3.amazonaws.com',
    ],
    // The realm is https://quay.io/v2/auth.
    tokenHosts: [],
    namespaces: ['quay.io'],
  };
}
