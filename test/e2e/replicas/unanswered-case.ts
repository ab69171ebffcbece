import { HOSTS } from '../hosts-file.ts';
import { waitUntil } from '../process.ts';
import { expect, expectEqual } from '../report.ts';
import { bearer } from '../upload-image.ts';
import type { World } from '../world.ts';
import { target } from './pull.ts';
import type { ReplicasScene } from './replicas-scene.ts';

const WAIT_MS = 60_000;
/** Requests of each kind: of every three, one is for the replica that does not answer. */
const ROUNDS = 3;

/**
 * One replica stands still, has taken a share of the requests, and is killed, or stays as it is: tokens, manifests, redirects and
 * blobs come from the others, and the client sees nothing but an answer.
 */
export async function unansweredCase(
  world: World,
  scene: ReplicasScene,
  fate: 'killed' | 'hangs',
): Promise<string> {
  const { http, tokens } = world;
  const wanted = target(world, 'app');
  const login = `https://${HOSTS.replicasLogin.name}`;
  const scope = `repository:${wanted.repository}:pull`;
  const realm = `${login}/oauth2/token`;
  const authorization = await bearer(http, realm, tokens.service, scope);
  const [layer] = wanted.image.blobs;
  if (layer === undefined) throw new Error('the image has no blobs');
  const blob = `${login}/v2/${wanted.repository}/blobs/${layer.digest}`;
  const ask = (method: string, url: string, headers: Record<string, string> = { authorization }) =>
    http.send(method, url, { headers: { ...headers, connection: 'close' } });
  const redirect = await ask('GET', blob);
  const link = String(redirect.headers['location']);
  const kinds = [
    { status: 200, send: () => ask('GET', `${realm}?service=${tokens.service}&scope=${scope}`, {}) },
    { status: 200, send: () => ask('GET', `${login}/v2/${wanted.repository}/manifests/${wanted.tag}`) },
    { status: 307, send: () => ask('GET', blob) },
    { status: 200, send: () => ask('GET', link, {}) },
  ];
  const [, still] = scene.berths;
  if (still === undefined) throw new Error('there are three');
  // One that was left out a moment ago gets no share.
  await waitUntil('all three in the balancer', () => scene.balancer().areAllUp(), { timeoutMs: WAIT_MS });
  const retriesBefore = await retried(scene);
  process.kill(still.daemon.pid, 'SIGSTOP');
  let open = ROUNDS * kinds.length;
  const answers = Promise.allSettled(
    kinds.flatMap(({ status, send }) =>
      Array.from({ length: ROUNDS }, async () => {
        const answer = await send();
        open -= 1;
        return answer.status === status ? 'as wanted' : `${answer.status}, want ${status}`;
      }),
    ),
  );
  try {
    const areOthersAnswered = () => Promise.resolve(open <= kinds.length);
    await waitUntil('the answers of the other two', areOthersAnswered, { timeoutMs: WAIT_MS });
    // Who hangs is left out by the balancer's checks, which ends what waits for it.
    if (fate === 'hangs') await answers;
  } finally {
    if (fate === 'hangs') process.kill(still.daemon.pid, 'SIGCONT');
    else scene.kill(still);
  }
  const seen = (await answers).map((answer) =>
    answer.status === 'fulfilled' ? answer.value : String(answer.reason),
  );
  if (fate === 'killed') await scene.restart(still);
  expectEqual(
    seen.filter((answer) => answer !== 'as wanted'),
    [],
    'answers',
  );
  const moved = (await retried(scene)) - retriesBefore;
  expect(moved > 0, 'no request was at the replica that stood still');
  return `${seen.length} requests, ${moved} of them asked again elsewhere`;
}

async function retried(scene: ReplicasScene): Promise<number> {
  return (await scene.balancer().requests()).filter(({ retries }) => retries > 0).length;
}
