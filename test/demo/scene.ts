import type { RegistryConfig } from '../../src/config/config.ts';
import { type Endpoints, showEndpoints } from '../../src/endpoints/endpoints.ts';
import { type Azurite, type AzuriteBlob, acrBlob, startAzurite } from '../support/azurite.ts';
import { startBerth, type TestBerth, testRegistry } from '../support/berth.ts';
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
  readonly endpoints: Endpoints;
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

    const config: RegistryConfig = testRegistry({
      upstream: { url: registry.url, caFile: authority.caFile },
      storagePorts: [azurite.port],
    });
    const berth = await startBerth({ authority, registries: [config] });
    closers.push(() => berth.close());

    const place = { account: FOREIGN_ACCOUNT, container: 'loot', blob: 'secrets.tar' };
    await azurite.createContainer(place.account, place.container);
    const foreign = { place, url: azurite.signedUrl(place, { permissions: 'cw' }) };
    const endpoints = showEndpoints(config);
    return {
      caCertificate: authority.cert,
      azurite,
      registry,
      berth,
      endpoints,
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
