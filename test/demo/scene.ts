import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.ts';
import { type Azurite, type AzuriteBlob, acrBlob, startAzurite } from '../support/azurite.ts';
import { startBerth, type TestBerth } from '../support/berth.ts';
import { createTestAuthority } from '../support/ca.ts';
import { type FixtureRegistry, startFixtureRegistry } from '../support/fixture-registry.ts';
import { buildImage, type TestImage } from '../support/image.ts';

export const REPOSITORY = 'team/app';
export const TAG = '1.0';

/** The registry's storage accounts: as with ACR, blobs of one image are spread over several. */
const REGISTRY_ACCOUNTS = ['eusreplstore28', 'eusreplstore31', 'eusmanaged15'];

/** Somebody else's account with the same storage provider. */
const FOREIGN_ACCOUNT = 'attackerdrop42';

/** Everything that plays in the demo. */
export type Scene = {
  readonly caCertificate: string;
  readonly azurite: Azurite;
  readonly registry: FixtureRegistry;
  readonly berth: TestBerth;
  /** Berth's configuration file. */
  readonly configFile: string;
  readonly image: TestImage;
  /** Where a blob of the image is kept. */
  readonly blobPlace: (digest: string) => AzuriteBlob;
  /** A place in somebody else's account, and a link with which its owner lets anybody write there. */
  readonly foreign: { readonly place: AzuriteBlob; readonly url: string };
  close(): Promise<void>;
};

/** Starts storage, registry and Berth, each on TLS and on a port of its own, and fills them. */
export async function setScene(): Promise<Scene> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const closer of closers.toReversed()) await closer();
  };
  try {
    const authority = await createTestAuthority();
    closers.push(() => authority.remove());
    const azurite = await startAzurite(authority, [...REGISTRY_ACCOUNTS, FOREIGN_ACCOUNT]);
    closers.push(() => azurite.close());

    const image = buildImage({ seed: 'demo', layerSizes: [6_000_000, 3_000_000, 700_000, 120_000] });
    const accounts = new Map(
      image.blobs.map(({ digest }, index) => [
        digest,
        REGISTRY_ACCOUNTS[index % REGISTRY_ACCOUNTS.length] ?? '',
      ]),
    );
    const blobPlace = (digest: string) => acrBlob(accounts.get(digest) ?? '', digest);
    await Promise.all(image.blobs.map(({ digest, bytes }) => azurite.put(blobPlace(digest), bytes)));

    const registry = await startFixtureRegistry({
      authority,
      auth: { kind: 'bearer', publicRepositories: [REPOSITORY], tokenAnswer: 'acr' },
      blobs: { kind: 'redirect', locate: (digest) => azurite.signedUrl(blobPlace(digest)) },
    });
    closers.push(() => registry.close());
    registry.store.putImage(REPOSITORY, image, TAG);

    const leaf = await authority.issue(['contoso.registry.example', '*.eastus.data.registry.example']);
    const configFile = join(authority.directory, 'berth.yaml');
    const text = configText({ ...leaf, caFile: authority.caFile, upstream: registry.url, azurite });
    await writeFile(configFile, text);
    const loaded = loadConfig({ text, fileName: configFile, env: {} });
    if (loaded.kind === 'problems') {
      throw new Error(`${configFile}: ${loaded.problems.map(({ message }) => message).join('; ')}`);
    }
    const { config } = loaded;
    const berth = await startBerth({ authority, registries: config.registries, config });
    closers.push(() => berth.close());

    const place = { account: FOREIGN_ACCOUNT, container: 'loot', blob: 'secrets.tar' };
    await azurite.createContainer(place.account, place.container);
    const foreign = { place, url: azurite.signedUrl(place, { permissions: 'cw' }) };
    return {
      caCertificate: authority.cert,
      azurite,
      registry,
      berth,
      configFile,
      image,
      blobPlace,
      foreign,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What an operator would write, but for the ports, the authority and the private addresses. */
function configText(parts: {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
  readonly upstream: string;
  readonly azurite: Azurite;
}): string {
  return `
listeners:
  - address: 127.0.0.1
    port: 0
    tls: { certificates: [{ cert: "${parts.certFile}", key: "${parts.keyFile}" }] }
metrics: { address: 127.0.0.1, port: 0 }
registries:
  - name: contoso
    loginServer: contoso.registry.example
    upstream:
      url: ${parts.upstream}
      caFile: "${parts.caFile}"
      allowedPrivateAddresses: [127.0.0.0/8]
    delivery: dedicated
    dataEndpoint: "{registry}.{region}.data.registry.example"
    redirectHosts: ["${parts.azurite.host('*')}"]
    regions:
      - { name: eastus, match: ["eus*.blob.core.windows.net"] }
`;
}
