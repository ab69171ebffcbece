import { type BuiltImage, buildBerthImage } from './build-image.ts';
import { cloneCheckout } from './clone-checkout.ts';
import { installPackage } from './install-package.ts';

/** What needs the world outside, made before the run goes where there is none. */
export type Prepared = {
  readonly image: BuiltImage | undefined;
  /** A project that has the package installed. */
  readonly project: string | undefined;
  /** A copy of the checkout with what `serve` needs installed. */
  readonly clone: string | undefined;
};

/** Only what the wanted scenarios use. */
export async function prepare(
  directory: string,
  isWanted: (scenario: string) => boolean,
  say: (text: string) => void,
): Promise<Prepared> {
  return {
    image: isWanted('image') ? await buildBerthImage(directory, say) : undefined,
    project: isWanted('package') ? await installPackage(directory, say) : undefined,
    clone: isWanted('get-started') ? await cloneCheckout(directory, say) : undefined,
  };
}
