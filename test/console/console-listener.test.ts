import { connect } from 'node:net';
import t, { type Test } from 'tap';
import type { ConsoleFacts } from '../../src/console/console-facts.ts';
import { createConsoleListener } from '../../src/console/console-listener.ts';
import { FACTS } from './facts.ts';

async function start(t: Test, facts: () => Promise<ConsoleFacts> = async () => FACTS) {
  const listener = createConsoleListener(
    { address: '127.0.0.1', port: 0, hosts: ['console.registry.example'] },
    { facts },
  );
  const { port } = await listener.listen();
  t.teardown(() => listener.close());
  return { listener, port, url: `http://127.0.0.1:${port}` };
}

/** The status of a request with this Host field. */
async function statusFor(port: number, host: string): Promise<number> {
  const socket = connect(port, '127.0.0.1');
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
}

t.test('the page and what it loads, nothing from elsewhere', async (t) => {
  const { url } = await start(t);
  const page = await fetch(url);
  t.equal(page.status, 200);
  t.match(page.headers.get('content-security-policy'), /^default-src 'none'; script-src 'self'/);
  const text = await page.text();
  const loaded = [...text.matchAll(/(?:src|href)="([^"#][^"]*)"/g)].map(([, path]) => path ?? '');
  t.strictSame(loaded.toSorted(), ['console.css', 'console.js', 'data:,', 'uplot.css', 'uplot.js']);
  for (const path of loaded.filter((path) => path !== 'data:,')) {
    const asset = await fetch(`${url}/${path}`);
    t.equal(asset.status, 200, path);
    t.equal(asset.headers.get('x-content-type-options'), 'nosniff');
    t.ok((await asset.text()).length > 100);
  }
});

t.test('it only reads', async (t) => {
  const { url } = await start(t);
  for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
    t.equal((await fetch(url, { method })).status, 404, method);
  }
  t.equal((await fetch(url, { method: 'HEAD' })).status, 200);
  t.equal((await fetch(`${url}/metrics`)).status, 404);
});

t.test('names of others are refused', async (t) => {
  const { port } = await start(t);
  for (const host of ['localhost', '127.0.0.1:80', '[::1]:9465', 'Console.registry.example:9465']) {
    t.equal(await statusFor(port, host), 200, host);
  }
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    'console.registry.example.evil.example',
    '',
  ]) {
    t.equal(await statusFor(port, host), 421, host);
  }
});

t.test('events come as they happen, to at most sixteen pages', async (t) => {
  const { url } = await start(t);
  const pages = await Promise.all(Array.from({ length: 16 }, () => fetch(`${url}/events`)));
  t.teardown(async () => {
    for (const { body } of pages) await body?.cancel();
  });
  for (const { status, headers } of pages) {
    t.equal(status, 200);
    t.equal(headers.get('content-type'), 'text/event-stream');
  }
  const reader = pages[0]?.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  t.match(new TextDecoder().decode(value), /^event: sections\n/);
  reader?.releaseLock();
  const other = await fetch(`${url}/events`);
  t.equal(other.status, 503);
  t.match(await other.text(), /close one/);
});

t.test('what can not be gathered is an error, without its cause', async (t) => {
  const { url } = await start(t, async () => {
    throw new Error('secret');
  });
  const page = await fetch(url);
  t.equal(page.status, 500);
  t.notMatch(await page.text(), /secret/);
  const events = fetch(`${url}/events`).then((response) => response.text());
  await t.rejects(events, 'the connection is cut, so that the page asks again');
});

t.test('an open page does not hold up the end', async (t) => {
  const { listener, url } = await start(t);
  const { body } = await fetch(`${url}/events`);
  const reader = body?.getReader();
  await reader?.read();
  await listener.close();
  await t.rejects(
    (async () => {
      for (;;) if ((await reader?.read())?.done !== false) throw new Error('ended');
    })(),
  );
});
