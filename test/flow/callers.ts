import type { Test } from 'tap';
import type { FixtureUser } from '../support/fixture-token-service.ts';
import { REPOSITORY, type Scene } from './scene.ts';

/** Two people with the same rights on nothing in common: `ana` has the scene's repository, `bob` another one. */
export const USERS: readonly FixtureUser[] = [
  { name: 'ana', password: 'ana-password', repositories: [REPOSITORY] },
  { name: 'bob', password: 'bob-password', repositories: ['bob/app'] },
];

export function basic(name: string, password = `${name}-password`): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
}

/** `Bearer <token>`, as a client gets it through Berth: anonymous without `authorization`. */
export async function bearerOf(
  scene: Scene,
  options: { authorization?: string; scope?: string } = {},
): Promise<string> {
  const { authorization, scope = `repository:${REPOSITORY}:pull` } = options;
  const query = new URLSearchParams({ service: scene.registry.host, scope });
  const { status, body } = await scene.send(
    `/oauth2/token?${query.toString()}`,
    authorization === undefined ? {} : { headers: { authorization } },
  );
  if (status !== 200) throw new Error(`no token: ${status} ${body.toString()}`);
  const { token }: { token: string } = JSON.parse(body.toString());
  return `Bearer ${token}`;
}

/** A token that says when it ends, as most registries' do; nobody checks its signature here. */
export function jwtOf(subject: string, expiresAtMs: number): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: subject, exp: Math.floor(expiresAtMs / 1000) };
  return `Bearer ${part({ alg: 'none' })}.${part(claims)}.c2ln`;
}

/** Clocks, of the wall and of the process, that only go forward as they are told to; must be set before the scene opens. */
export function setClock(t: Test): { now(): number; advance(seconds: number): void } {
  const real = Date.now;
  const realMonotonic = performance.now.bind(performance);
  let ahead = 0;
  const now = () => real() + ahead;
  t.intercept(Date, 'now', { value: now });
  t.intercept(performance, 'now', { value: () => realMonotonic() + ahead });
  return {
    now,
    advance(seconds) {
      ahead += seconds * 1000;
    },
  };
}
