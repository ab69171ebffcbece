import t from 'tap';
import { answerHeaders } from '../../src/login-server/answer-headers.ts';
import { testRegistry } from '../support/berth.ts';

const registry = testRegistry({ upstream: { url: 'https://upstream.example' } });

function given(headers: Record<string, string | string[]>): Record<string, unknown> {
  return answerHeaders(headers, { registry, path: '/v2/team/app/tags/list', ownCredentials: false });
}

t.test("H6 of an answer, cookies and what is about the upstream's own host stay behind", (t) => {
  const kept = {
    'content-type': 'application/json',
    'docker-content-digest': 'sha256:0',
    'ratelimit-remaining': '99;w=21600',
    'retry-after': '5',
  };
  t.strictSame(
    given({
      ...kept,
      'set-cookie': ['session=secret; Path=/'],
      'set-cookie2': 'session=secret',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'alt-svc': 'h3=":443"',
      'public-key-pins': 'pin-sha256="x"; max-age=5184000',
      'public-key-pins-report-only': 'pin-sha256="x"',
      'expect-ct': 'max-age=86400',
      'content-security-policy': "default-src 'none'",
      'content-security-policy-report-only': 'report-uri https://elsewhere.example',
      'report-to': '{"group":"a","endpoints":[{"url":"https://elsewhere.example"}]}',
      nel: '{"report_to":"a","include_subdomains":true}',
      'reporting-endpoints': 'a="https://elsewhere.example"',
      'access-control-allow-origin': '*',
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': '*',
      'service-worker-allowed': '/',
      'clear-site-data': '"*"',
      refresh: '0; url=https://elsewhere.example',
      location: 'https://elsewhere.example/',
      'x-request-id': 'theirs',
    }),
    { 'docker-distribution-api-version': 'registry/2.0', ...kept },
  );
  t.end();
});

t.test('attack: fields that a server before Berth would obey', (t) => {
  const fields = [
    'x-accel-redirect',
    'x-accel-buffering',
    'x-accel-expires',
    'x-accel-limit-rate',
    'x-accel-charset',
    'x-sendfile',
    'x-lighttpd-send-file',
    'x-litespeed-location',
    'x-reproxy-url',
  ];
  for (const field of fields) {
    t.strictSame(
      given({ [field]: '/internal/secret' }),
      { 'docker-distribution-api-version': 'registry/2.0' },
      field,
    );
  }
  t.end();
});

t.test("X2 a link that another region's registry gave leads here, too", (t) => {
  const regional = testRegistry({
    upstream: { url: 'https://east.example' },
    regions: ['east', 'west'].map((name) => ({
      name,
      match: [],
      upstream: name === 'east' ? null : { url: `https://${name}.example`, auth: null },
      clients: [],
    })),
  });
  const linkOf = (uri: string) =>
    answerHeaders(
      { link: `<${uri}>; rel="next"` },
      { registry: regional, path: '/v2/team/app/tags/list', ownCredentials: false },
    )['link'];
  const path = '/v2/team/app/tags/list?last=b';
  for (const uri of [path, `https://east.example${path}`, `https://west.example:443${path}`, '?last=b']) {
    t.equal(linkOf(uri), `<${path}>; rel="next"`, uri);
  }
  t.equal(linkOf(`https://north.example${path}`), undefined);
  t.end();
});
