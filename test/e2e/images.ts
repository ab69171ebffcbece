import { buildImage } from '../support/image.ts';
import { HOSTS } from './hosts-file.ts';
import type { TokenService } from './token-service.ts';
import { USERS } from './token-service.ts';
import { bearer, type Http, uploadImage } from './upload-image.ts';
import type { Images } from './world.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** The images of the run; the big one has one architecture, so that its 300 MB are pulled once. */
export function buildImages(): Images {
  const native = process.arch === 'x64' ? 'amd64' : process.arch;
  const small = (seed: string) => buildImage({ seed, layerSizes: [3 * MIB, 700 * KIB, 1, 130 * KIB] });
  return {
    app: small('app'),
    big: buildImage({ seed: 'big', layerSizes: [180 * MIB, 100 * MIB, 20 * MIB], architectures: [native] }),
    ranged: buildImage({ seed: 'ranged', layerSizes: [24 * MIB, 5 * MIB], architectures: [native] }),
    crowd: buildImage({
      seed: 'crowd',
      layerSizes: [40 * MIB, 17 * MIB, 3 * MIB, 200 * KIB],
      architectures: [native],
    }),
    warm: small('warm'),
    alice: small('alice'),
    bob: small('bob'),
  };
}

/** Pushes them to the registry itself, past Berth. */
export async function pushImages(http: Http, tokens: TokenService, images: Images): Promise<void> {
  const places: readonly (readonly [string, keyof Images])[] = [
    ['public/app', 'app'],
    ['library/app', 'app'],
    ['public/big', 'big'],
    ['public/ranged', 'ranged'],
    ['public/crowd', 'crowd'],
    ['public/warm', 'warm'],
    ['alice/secret', 'alice'],
    ['bob/secret', 'bob'],
  ];
  for (const [repository, image] of places) {
    const scope = `repository:${repository}:pull,push`;
    const credentials = ['pusher', USERS.pusher] as const;
    const authorization = await bearer(http, tokens.realm, tokens.service, scope, credentials);
    const where = { registry: HOSTS.upstream.name, repository, tag: '1', authorization };
    await uploadImage(http, where, images[image]);
  }
}
