import t from 'tap';
import { parseImageName } from '../../../src/cli/warm/image-name.ts';
import { digestOf } from '../../support/image.ts';

const digest = digestOf(Buffer.from('x'));
const tag = (name: string) => ({ kind: 'tag', tag: name });

t.test('host, repository, tag and digest, as docker reads them', async (t) => {
  for (const [text, host, repository, reference] of [
    ['team/app', undefined, 'team/app', tag('latest')],
    ['app:1.4', undefined, 'app', tag('1.4')],
    ['Contoso.Registry.Example/team/app:1.4', 'contoso.registry.example', 'team/app', tag('1.4')],
    ['localhost/app', 'localhost', 'app', tag('latest')],
    ['localhost:5000/app', 'localhost:5000', 'app', tag('latest')],
    ['[::1]:5000/app:x', '[::1]:5000', 'app', tag('x')],
    [`a.b/app@${digest}`, 'a.b', 'app', { kind: 'digest', digest }],
    [`a.b/app:1@${digest}`, 'a.b', 'app', { kind: 'digest', digest }],
    ['docker.io/alpine:3', 'docker.io', 'library/alpine', tag('3')],
    ['docker.io/team/app', 'docker.io', 'team/app', tag('latest')],
  ] as const) {
    t.same(parseImageName(text), { host, repository, reference }, text);
  }
});

t.test('what is no image name', async (t) => {
  const wrong = ['', '/', 'a.b/', 'Team/app', 'a b', 'app:', 'app:1:2', 'app@sha256:1', 'https://a.b/app'];
  for (const text of [...wrong, `app@${digest}@${digest}`, 'a..b/app', 'u:p@a.b/app']) {
    t.equal(parseImageName(text), undefined, text);
  }
});
