import t from 'tap';
import { type Fault, misbehave, UPSTREAM_STATUSES } from '../support/misbehave.ts';
import { USERS } from './callers.ts';
import { errorOf, openScene, REPOSITORY } from './scene.ts';

const IMPATIENT = {
  timeouts: {
    connectSeconds: 1,
    headersSeconds: 1,
    commitSeconds: 30,
    idleSeconds: 1,
    requestHeadersSeconds: 5,
    drainSeconds: 1,
  },
};
const QUERY = `/oauth2/token?service=s&scope=repository:${REPOSITORY}:pull`;

t.test('A2 H8 a token service that is silent, cut, slow, too talkative or somewhere else', async (t) => {
  const rows: { fault: Fault; status: number }[] = [
    { fault: { kind: 'silent' }, status: 504 },
    { fault: { kind: 'stallsAfter', bytes: 10 }, status: 504 },
    { fault: { kind: 'cutAfter', bytes: 10, how: 'fin' }, status: 502 },
    { fault: { kind: 'cutAfter', bytes: 10, how: 'reset' }, status: 502 },
    { fault: { kind: 'slow', chunkBytes: 50, intervalMs: 30 }, status: 200 },
    { fault: { kind: 'hugeDocument', bytes: 1_000_000 }, status: 502 },
    { fault: { kind: 'hugeHeaders', bytes: 100_000 }, status: 502 },
    { fault: { kind: 'notHttp' }, status: 502 },
    { fault: { kind: 'redirectLoop' }, status: 502 },
    { fault: { kind: 'redirect', location: 'https://attacker.example/token' }, status: 502 },
  ];
  for (const { fault, status } of rows) {
    const scene = await openScene(t, { config: IMPATIENT, auth: { kind: 'bearer', users: USERS } });
    scene.registry.intercept = (exchange, endpoint) => {
      if (endpoint !== 'token') return false;
      misbehave(exchange, fault, scene.manifest);
      return true;
    };
    const headers = { authorization: 'Basic YW5hOmFuYS1wYXNzd29yZA==' };
    const answer = await scene.send(QUERY, { headers });
    t.equal(answer.status, status, fault.kind);
    t.equal(scene.registry.count('token'), 1, `${fault.kind}: asked once, a password does not travel twice`);
    t.equal(answer.headers.location, undefined);
    if (status === 200) continue;
    t.equal(errorOf(answer).detail.requestId, answer.headers['x-request-id']);
    t.notMatch(answer.body.toString(), /azurecr|attacker/);
  }
});

t.test('A2 an answer without content of the token service stays one', async (t) => {
  for (const status of [204, 304]) {
    const scene = await openScene(t, { auth: { kind: 'bearer', users: USERS } });
    scene.registry.intercept = ({ response }, endpoint) => {
      if (endpoint !== 'token') return false;
      response.writeHead(status).end();
      return true;
    };
    const answer = await scene.send(QUERY);
    t.equal(answer.status, status);
    t.equal(answer.headers['content-length'], undefined, `${status}: RFC 9110, section 8.6`);
  }
});

t.test('A2 statuses of the token service come back as they are', async (t) => {
  for (const status of UPSTREAM_STATUSES) {
    const scene = await openScene(t, { auth: { kind: 'bearer', users: USERS } });
    const body = JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'says the token service' }] });
    scene.registry.intercept = ({ response }, endpoint) => {
      if (endpoint !== 'token') return false;
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '7' });
      response.end(body);
      return true;
    };
    for (const request of [{}, { method: 'POST', body: 'grant_type=password' }]) {
      const answer = await scene.send(QUERY, request);
      t.equal(answer.status, status);
      t.equal(answer.body.toString(), body);
      t.equal(answer.headers['retry-after'], '7');
      t.equal(answer.headers['cache-control'], 'no-store');
    }
  }
});

t.test('A4 H8 without the upstream there is no realm, and no token', async (t) => {
  const faults: [Fault, number][] = [
    [{ kind: 'silent' }, 504],
    [{ kind: 'status', status: 429, headers: { 'retry-after': '9' } }, 429],
    [{ kind: 'status', status: 503 }, 503],
    [{ kind: 'status', status: 500 }, 502],
    [{ kind: 'redirect', location: 'https://attacker.example/v2/' }, 502],
  ];
  for (const [fault, status] of faults) {
    const scene = await openScene(t, { config: IMPATIENT, auth: { kind: 'bearer', users: USERS } });
    scene.registry.intercept = (exchange, endpoint) => {
      if (endpoint !== 'ping') return false;
      misbehave(exchange, fault, scene.manifest);
      return true;
    };
    const answer = await scene.send(QUERY);
    t.equal(answer.status, status, JSON.stringify(fault));
    if (status === 429) t.equal(answer.headers['retry-after'], '9');
    t.equal(scene.registry.count('token'), 0, 'nobody else was asked');
    scene.registry.intercept = undefined;
    const query = QUERY.replace('service=s', `service=${scene.registry.host}`);
    t.equal((await scene.send(query)).status, 200, 'an outage is not remembered');
  }
});
