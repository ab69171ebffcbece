import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkHostPattern, checkPathPattern } from '../../src/config/check-redirect-host.ts';
import { findPreset, presetFields } from '../../src/config/preset-fields.ts';
import { PRESET_NAMES, PRESETS, type PresetName } from '../../src/config/presets.ts';
import { checkLocation } from '../../src/upstream/check-location.ts';

function allows(name: PresetName, upstreamOrigin: string, location: string): boolean {
  const redirectHosts = (presetFields(name, upstreamOrigin)?.redirectHosts ?? []).map((entry) =>
    typeof entry === 'string'
      ? { host: entry, pathPattern: null }
      : { host: entry.host ?? '', pathPattern: entry.pathPattern },
  );
  const rules = { redirectHosts, upstreamOrigin, allowHttp: false };
  return checkLocation(location, `${upstreamOrigin}/v2/x/blobs/sha256:0`, rules).kind === 'ok';
}

const HEX = '47363d0594e9195848a15d8357f85ebdeb962cf0a1a7830f14143bf806791238';
const ACR_BLOB = `/a5714abf4268cfe4-980761fcffd84acb990689b218f5b394-91787a7165//docker/registry/v2/blobs/sha256/47/${HEX}/data`;

t.test('every entry is one that a configuration may have', async (t) => {
  for (const name of PRESET_NAMES) {
    for (const form of PRESETS[name]) {
      for (const entry of form.redirectHosts) {
        const host = (typeof entry === 'string' ? entry : (entry.host ?? '')).replaceAll(/\{[a-z]+\}/g, 'x');
        t.same(checkHostPattern(host === 'x' ? 'x.example' : host, [], 'permits'), [], `${name}: ${host}`);
        t.notMatch(host, /\*.*\.amazonaws\.com/, 'names of buckets have dots, and are free to take');
        if (typeof entry !== 'string') t.same(checkPathPattern(entry.pathPattern ?? '', []), []);
      }
    }
  }
});

t.test('the preset that fits a host', async (t) => {
  const cases: readonly (readonly [string, PresetName | undefined])[] = [
    ['https://contoso.azurecr.io', 'acr'],
    ['https://contoso.eastus.geo.azurecr.io', 'acr'],
    ['https://contoso.azurecr.us', 'acr'],
    ['https://contoso.azurecr.cn', 'acr'],
    ['https://mcr.microsoft.com', 'acr'],
    ['https://registry-1.docker.io', 'dockerhub'],
    ['https://ghcr.io', 'ghcr'],
    ['https://123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'ecr'],
    ['https://123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com', 'ecr'],
    ['https://123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'ecr'],
    ['https://123456789012.dkr-ecr.us-east-1.on.aws', 'ecr'],
    ['https://public.ecr.aws', 'ecr'],
    ['https://europe-west1-docker.pkg.dev', 'gar'],
    ['https://eu.gcr.io', 'gar'],
    ['https://gcr.io', 'gar'],
    ['https://quay.io', 'quay'],
    ['https://registry.example', undefined],
    ['https://azurecr.io.example', undefined],
    ['https://ghcr.io.example', undefined],
    ['https://notghcr.io', undefined],
    ['not a url', undefined],
  ];
  for (const [url, preset] of cases) t.equal(findPreset(url), preset, url);
});

t.test('acr: storage by its path, the own data endpoints by name', async (t) => {
  const contoso = 'https://contoso.azurecr.io';
  const store = 'https://weureplstore76.blob.core.windows.net';
  t.ok(allows('acr', contoso, `${store}${ACR_BLOB}?se=2026&sig=x&sp=r`));
  t.notOk(allows('acr', contoso, `${store}/container/loot.tar`), 'not the path of a registry');
  t.notOk(allows('acr', contoso, `${store}${ACR_BLOB}/more`));
  t.ok(allows('acr', contoso, 'https://contoso.eastus.data.azurecr.io?t=1&d=sha256:x'));
  t.notOk(allows('acr', contoso, 'https://evil.eastus.data.azurecr.io/?t=1'), 'of another registry');
  t.ok(allows('acr', 'https://contoso.eastus.geo.azurecr.io', 'https://contoso.eastus.data.azurecr.io/?t=1'));
  t.ok(allows('acr', 'https://contoso.azurecr.cn', `https://a1.blob.core.chinacloudapi.cn${ACR_BLOB}`));
  t.ok(allows('acr', 'https://images.contoso.example', `${store}${ACR_BLOB}`), 'behind a name of its own');
  t.ok(allows('acr', 'https://mcr.microsoft.com', `https://westus2.data.mcr.microsoft.com${ACR_BLOB}`));
});

t.test('ecr: the bucket of its own region, and no bucket that somebody could make', async (t) => {
  const eu = 'https://123456789012.dkr.ecr.eu-west-1.amazonaws.com';
  t.ok(allows('ecr', eu, 'https://prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com/a-b/c'));
  t.notOk(allows('ecr', eu, 'https://prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com/a'));
  t.notOk(allows('ecr', eu, 'https://prod-evil-starport-layer-bucket.s3.eu-west-1.amazonaws.com/a'));
  const cn = 'https://123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn';
  t.ok(allows('ecr', cn, 'https://prod-cn-north-1-starport-layer-bucket.s3.cn-north-1.amazonaws.com.cn/a'));
  const dualStack = 'https://123456789012.dkr-ecr.us-east-1.on.aws';
  const dualStackBucket = 'prod-us-east-1-starport-layer-bucket.s3.dualstack.us-east-1.amazonaws.com';
  t.ok(allows('ecr', dualStack, `https://${dualStackBucket}/a`));
  t.ok(allows('ecr', 'https://public.ecr.aws', 'https://d5l0dvt14r5h8.cloudfront.net/a'));
  t.notOk(allows('ecr', 'https://public.ecr.aws', 'https://d111111abcdef8.cloudfront.net/a'));
  t.equal(presetFields('ecr', 'https://registry.example'), undefined);
  t.equal(presetFields('ecr', eu)?.publicProbe, false);
  t.equal(presetFields('ecr', 'https://public.ecr.aws')?.publicProbe, undefined);
});

t.test('dockerhub, ghcr, gar, quay', async (t) => {
  const hub = 'https://registry-1.docker.io';
  t.ok(allows('dockerhub', hub, 'https://production.cloudfront.docker.com/registry-v2/x'));
  t.ok(allows('dockerhub', hub, 'https://docker-images-prod.s3.dualstack.us-east-1.amazonaws.com/x'));
  t.ok(allows('dockerhub', hub, 'https://docker-images-prod.s3.us-east-1.amazonaws.com/x'));
  t.ok(allows('dockerhub', hub, 'https://docker-images-prod.s3.amazonaws.com/x'));
  // Buckets `docker-images-prod.s3` and `docker-images-prod.s3.dualstack`, which anybody could make.
  for (const bucket of ['docker-images-prod.s3', 'docker-images-prod.s3.dualstack']) {
    for (const endpoint of ['s3', 's3-us-west-2', 's3-accelerate'])
      t.notOk(
        allows('dockerhub', hub, `https://${bucket}.${endpoint}.amazonaws.com/x`),
        `${bucket} ${endpoint}`,
      );
  }
  t.notOk(allows('dockerhub', hub, 'https://docker-images-prod.0000.r2.cloudflarestorage.com/x'));
  t.same(presetFields('dockerhub', hub)?.tokenHosts, ['auth.docker.io']);
  t.ok(allows('ghcr', 'https://ghcr.io', 'https://pkg-containers.githubusercontent.com/ghcr1/blobs/x'));
  t.ok(allows('quay', 'https://quay.io', 'https://cdn06.quay.io/quayio-production-s3/sha256/x'));
  t.notOk(allows('quay', 'https://quay.io', 'https://cdn07.quay.io/x'));
  t.ok(allows('gar', 'https://us-docker.pkg.dev', '/artifacts-downloads/namespaces/x/downloads/y'));
  t.notOk(allows('gar', 'https://us-docker.pkg.dev', 'https://storage.googleapis.com/x'));
  t.same(presetFields('gar', 'https://us-docker.pkg.dev:8443')?.redirectHosts, ['us-docker.pkg.dev:8443']);
  t.equal(presetFields('gar', 'not a url'), undefined);
});

t.test('docs/presets.md names every preset and every host', async (t) => {
  const text = readFileSync(join(import.meta.dirname, '../../docs/presets.md'), 'utf8');
  for (const name of PRESET_NAMES) {
    const section = text.split(/^## /m).find((part) => part.startsWith(`\`${name}\``)) ?? '';
    t.ok(section.length > 0, name);
    for (const form of PRESETS[name]) {
      for (const entry of form.redirectHosts) {
        const host = typeof entry === 'string' ? entry : (entry.host ?? '');
        if (host !== '{host}') t.ok(section.includes(`\`${host}\``), `${name}: ${host}`);
      }
      for (const host of form.tokenHosts) t.ok(section.includes(`\`${host}\``), `${name}: ${host}`);
    }
  }
});
