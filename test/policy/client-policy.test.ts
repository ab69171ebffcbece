import { join } from 'node:path';
import { hashSync } from 'bcryptjs';
import t from 'tap';
import type { ClientsConfig } from '../../src/config/config.ts';
import { createClientPolicy } from '../../src/policy/client-policy.ts';
import { testDirectory } from '../support/test-directory.ts';

const NOBODY: ClientsConfig = { anonymous: false, htpasswdFile: null, mtls: false, networks: [] };
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const RIGHT = basic('alice:wonderland');
const WRONG = basic('alice:looking-glass');

t.test('who is let in', async (t) => {
  const directory = t.testdir({ htpasswd: `alice:${hashSync('wonderland', 4)}\n` });
  const htpasswdFile = join(directory, 'htpasswd');
  const networks = ['10.0.0.0/8'];
  type Row = [
    string,
    Partial<ClientsConfig>,
    { address?: string; authorization?: string; cert?: boolean },
    string,
  ];
  const rows: Row[] = [
    ['nobody at all', {}, {}, 'denied'],
    ['nobody at all, with credentials', {}, { authorization: RIGHT }, 'denied'],
    ['everybody', { anonymous: true }, {}, 'anonymous'],
    [
      'everybody: credentials that nothing checks',
      { anonymous: true },
      { authorization: WRONG },
      'anonymous',
    ],
    ['a network', { networks }, { address: '10.1.2.3' }, 'network'],
    ['a network: mapped', { networks }, { address: '::ffff:10.1.2.3' }, 'network'],
    ['a network: from outside', { networks }, { address: '11.1.2.3' }, 'denied'],
    ['a certificate', { mtls: true }, { cert: true }, 'certificate'],
    ['a certificate: none shown', { mtls: true }, {}, 'denied'],
    ['a certificate that nothing asks for', {}, { cert: true }, 'denied'],
    ['a password: none sent', { htpasswdFile }, {}, 'challenge'],
    ['a password: right', { htpasswdFile }, { authorization: RIGHT }, 'user:alice'],
    ['a password: wrong', { htpasswdFile }, { authorization: WRONG }, 'challenge'],
    ['a password: unknown user', { htpasswdFile }, { authorization: basic('bob:wonderland') }, 'challenge'],
    ['a password: another auth-scheme', { htpasswdFile }, { authorization: 'Bearer abc' }, 'challenge'],
    [
      'everybody, and a right password',
      { htpasswdFile, anonymous: true },
      { authorization: RIGHT },
      'user:alice',
    ],
    [
      'everybody, but a wrong password',
      { htpasswdFile, anonymous: true },
      { authorization: WRONG },
      'challenge',
    ],
    ['everybody, no password', { htpasswdFile, anonymous: true }, {}, 'anonymous'],
    [
      'a network, and a right password',
      { htpasswdFile, networks },
      { address: '10.1.1.1', authorization: RIGHT },
      'user:alice',
    ],
    [
      'a network, and a wrong password',
      { htpasswdFile, networks },
      { address: '10.1.1.1', authorization: WRONG },
      'network',
    ],
    [
      'a certificate, and a wrong password',
      { htpasswdFile, mtls: true },
      { cert: true, authorization: WRONG },
      'certificate',
    ],
    ['neither network nor password', { htpasswdFile, networks }, {}, 'challenge'],
  ];
  for (const [name, config, { address, authorization, cert }, expected] of rows) {
    const policy = createClientPolicy({ ...NOBODY, ...config });
    const decision = await policy.decide({
      address: address ?? '192.0.2.1',
      authorization,
      clientCertificate: cert === true,
    });
    t.equal(decision.kind === 'allowed' ? decision.principal : decision.kind, expected, name);
  }
});

t.test('guessing is slowed down', async (t) => {
  const directory = t.testdir({ htpasswd: `alice:${hashSync('wonderland', 4)}\n` });
  const policy = createClientPolicy(
    { ...NOBODY, htpasswdFile: join(directory, 'htpasswd') },
    { now: () => 0 },
  );
  const ask = (authorization: string) =>
    policy.decide({ address: '192.0.2.1', authorization, clientCertificate: false });
  for (let count = 0; count < 20; count += 1)
    t.same(await ask(basic(`alice:${count}`)), { kind: 'challenge' });
  t.same(await ask(basic('alice:20')), { kind: 'throttled', retryAfterSeconds: 60 });
});

t.test('hashes of all three bcrypt prefixes', async (t) => {
  const hash = hashSync('wonderland', 4).slice(4);
  const directory = t.testdir({
    htpasswd: ['a', 'b', 'y'].map((kind) => `user-${kind}:$2${kind}$${hash}`).join('\n'),
  });
  const policy = createClientPolicy({ ...NOBODY, htpasswdFile: join(directory, 'htpasswd') });
  for (const kind of ['a', 'b', 'y']) {
    const question = {
      address: '192.0.2.1',
      authorization: basic(`user-${kind}:wonderland`),
      clientCertificate: false,
    };
    t.same(await policy.decide(question), { kind: 'allowed', principal: `user:user-${kind}` });
  }
});

t.test('a file that is not usable refuses the start', (t) => {
  t.throws(() => createClientPolicy({ ...NOBODY, htpasswdFile: join(testDirectory(t), 'none') }), {
    code: 'invalid_htpasswd_file',
  });
  t.end();
});
