import t from 'tap';
import { openScene } from './scene.ts';

t.test('D6 one wrong 416 or length of a source is not said to everybody', async (t) => {
  const scene = await openScene(t);
  const url = await scene.ticketUrl();
  const size = scene.blob.length;
  scene.storage.fault = { kind: 'status', status: 416, headers: { 'content-range': 'bytes */5' } };
  t.equal(
    (await scene.send(url, { headers: { range: 'bytes=1000-1999' } })).status,
    416,
    'its word, this once',
  );
  scene.storage.fault = null;
  for (const method of ['GET', 'HEAD']) {
    const headers = method === 'GET' ? { range: 'bytes=1000-1999' } : undefined;
    const healthy = await scene.send(url, { method, ...(headers && { headers }) });
    t.equal(healthy.status, method === 'GET' ? 206 : 200);
    if (method === 'HEAD') t.equal(healthy.headers['content-length'], String(size));
  }

  // A length that came with content is remembered, but asked again before it refuses anything.
  const other = await openScene(t);
  other.storage.fault = { kind: 'liesAboutRange', how: 'otherTotal' };
  const otherUrl = await other.ticketUrl();
  await other.send(otherUrl, { headers: { range: 'bytes=0-9' } });
  other.storage.fault = null;
  const last = await other.send(otherUrl, { headers: { range: `bytes=${size - 1}-${size - 1}` } });
  t.ok([206, 502].includes(last.status), `${last.status}`);
  t.equal((await other.send(otherUrl, { headers: { range: `bytes=${size - 1}-` } })).status, 206);
});

t.test('D7 one wrong length of the registry itself ends with the answer that shows it', async (t) => {
  for (const delivery of ['inline', 'dedicated'] as const) {
    for (const range of [undefined, 'bytes=1000-1999', 'bytes=0-9,1000-1999']) {
      const scene = await openScene(t, {
        blobs: { kind: 'serve', ranges: 'all' },
        registry: { delivery, publicProbe: false },
      });
      let lies = 1;
      scene.registry.intercept = ({ response }, endpoint) => {
        if (endpoint !== 'blob' || lies === 0) return false;
        lies -= 1;
        response.writeHead(206, { 'content-range': 'bytes 0-0/5', 'content-length': 1 }).end('x');
        return true;
      };
      const pull = async () => {
        const headers = range === undefined ? undefined : { range };
        const got = await scene.send(scene.blobPath, { ...(headers && { headers }) });
        if (got.status !== 307) return got;
        return scene.send(got.headers.location ?? '', { ...(headers && { headers }) });
      };
      t.equal((await pull()).status, 502, `${delivery} ${range}`);
      t.equal((await pull()).status, range === undefined ? 200 : 206, `${delivery} ${range}`);
    }
  }
});
