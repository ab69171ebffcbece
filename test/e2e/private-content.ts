import { expect, expectEqual } from './report.ts';
import { USERS } from './token-service.ts';
import { type Answer, bearer } from './upload-image.ts';
import type { World } from './world.ts';

export type User = 'alice' | 'bob';

/** A caller's own token for scopes, separated by spaces, got from the login server that the challenge names. */
export async function tokenFor(
  world: World,
  loginServer: string,
  scope: string,
  user?: keyof typeof USERS,
): Promise<string> {
  const ping = await world.http.send('GET', `https://${loginServer}/v2/`);
  expectEqual(ping.status, 401, 'ping without a token');
  const challenge = String(ping.headers['www-authenticate']);
  const realm = /realm="([^"]+)"/.exec(challenge)?.[1] ?? '';
  const service = /service="([^"]+)"/.exec(challenge)?.[1] ?? '';
  expectEqual(new URL(realm).host, loginServer, 'host of the realm');
  const credentials = user === undefined ? undefined : ([user, USERS[user]] as const);
  return bearer(world.http, realm, service, scope, credentials);
}

/** A token that is good for pulling from one repository, where the user may. */
export function tokenAt(
  world: World,
  loginServer: string,
  repository: string,
  user?: keyof typeof USERS,
): Promise<string> {
  return tokenFor(world, loginServer, `repository:${repository}:pull`, user);
}

/** The body of a blob or manifest, the redirect to a data endpoint followed as a client does. */
export async function fetchContent(
  world: World,
  url: string,
  authorization: string,
  method = 'GET',
): Promise<Answer> {
  const accept = 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json';
  const answer = await world.http.send(method, url, { headers: { authorization, accept } });
  return answer.status === 307 ? world.http.send(method, String(answer.headers['location'])) : answer;
}

/** Paths of everything that is in an image, by digest and by tag. */
export function contentPaths(world: World, owner: User): string[] {
  const image = world.images[owner];
  return [
    'manifests/1',
    `manifests/${image.index.digest}`,
    ...image.manifests.map((manifest) => `manifests/${manifest.digest}`),
    ...image.blobs.map((blob) => `blobs/${blob.digest}`),
  ];
}

export async function expectRefused(world: World, url: string, authorization: string): Promise<void> {
  for (const method of ['GET', 'HEAD']) {
    const answer = await fetchContent(world, url, authorization, method);
    expect([401, 403, 404].includes(answer.status), `${method} ${url}: ${answer.status}, want a refusal`);
    expect(answer.body.length < 2000, `${method} ${url}: refused with ${answer.body.length} bytes of body`);
  }
}
