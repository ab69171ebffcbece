import { mkdtemp, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { Berth, RegistryName } from './berth.ts';
import { HOSTS, RESOLVER_ADDRESS } from './hosts-file.ts';
import { type Output, run, startDaemon, waitUntil } from './process.ts';
import { expect, expectEqual } from './report.ts';
import { listens } from './storage.ts';
import type { World } from './world.ts';

/** Programs that take rules get a namespace each that nobody else is in, and that ends with them. */
const ALONE = ['unshare', '--net'];
/** By its path: a package for development brings another program of that name. */
const NFT = '/usr/sbin/nft';

const DELIVERIES: readonly RegistryName[] = ['contoso', 'inline', 'passthrough'];

const SQUID_ADDRESS = '127.0.0.1';
const SQUID_PORT = 3128;
const SQUID_START_TIMEOUT_MS = 30_000;
/** For one question to Squid, in milliseconds: nothing in this run is further away than a veth pair. */
const ASK_TIMEOUT_MS = 10_000;

type Case = { readonly registry: RegistryName; readonly gateway: boolean; readonly file: string };

/** What `berth firewall-rules` prints, given to the programs that it is for, as it is. */
export async function firewallFormatsScenario(world: World, berth: Berth): Promise<void> {
  const directory = await mkdtemp(join(world.directory, 'firewall-'));
  const { report } = world;

  async function print(format: string, registry: RegistryName, gateway = false): Promise<Case> {
    const args = ['firewall-rules', '--name', registry, '--format', format];
    const { stdout } = await berth.command([...args, ...(gateway ? ['--gateway'] : [])]);
    const file = join(directory, `${format}-${registry}${gateway ? '-gateway' : ''}`);
    await writeFile(file, stdout);
    return { registry, gateway, file };
  }

  async function printAll(format: string): Promise<readonly Case[]> {
    const cases: Case[] = [];
    for (const registry of DELIVERIES) cases.push(await print(format, registry));
    return [...cases, await print(format, 'contoso', true)];
  }

  /** A text that the program must refuse: otherwise its consent means nothing. */
  async function wrong(content: string): Promise<string> {
    const file = join(directory, 'wrong');
    await writeFile(file, content);
    return file;
  }

  await report.check('firewall formats: iptables-restore and ip6tables-restore', async () => {
    const cases = await printAll('iptables');
    for (const { file, gateway, registry } of cases) {
      for (const program of ['iptables', 'ip6tables']) {
        await run([...ALONE, `${program}-restore`, '--test', file]);
        const load = `${program}-restore ${file} && ${program}-save`;
        const { stdout } = await run([...ALONE, 'sh', '-c', load]);
        expect(stdout.includes(`:${gateway ? 'FORWARD' : 'OUTPUT'} DROP`), `${file}: closed: ${stdout}`);
        const login =
          HOSTS[registry === 'contoso' ? 'login' : registry === 'inline' ? 'inline' : 'passthrough'];
        const named = stdout.includes(`-d ${login.address}/32 -p tcp -m tcp --dport 443`);
        expectEqual(named, program === 'iptables', `${file}: ${program} has the login server's address`);
        const dns = stdout.includes(`-d ${RESOLVER_ADDRESS}/32 -p udp -m udp --dport 53`);
        expectEqual(dns, program === 'iptables', `${file}: ${program} has the DNS server`);
      }
    }
    const file = await wrong('*filter\n-A OUTPUT -d nobody.example -j ACCEPT\nCOMMIT\n');
    const refused = await run([...ALONE, 'iptables-restore', '--test', file], { allowCodes: [1, 2] });
    expect(refused.code !== 0, 'a wrong file is refused');
    return `${cases.length} files`;
  });

  await report.check('firewall formats: nft -f', async () => {
    const cases = await printAll('nftables');
    for (const { file } of cases) {
      await run([...ALONE, NFT, '-c', '-f', file]);
      // Twice: it replaces itself.
      const { stdout } = await run([
        ...ALONE,
        'sh',
        '-c',
        `${NFT} -f ${file} && ${NFT} -f ${file} && ${NFT} list ruleset`,
      ]);
      expect(stdout.includes('policy drop'), `${file}: closed: ${stdout}`);
      expectEqual(stdout.split('comment "login server').length, 2, `${file}: rules for the login server`);
    }
    await run([...ALONE, NFT, '-c', '-f', await wrong('table inet x { chain y { acept } }\n')], {
      allowCodes: [1],
    });
    return `${cases.length} files`;
  });

  await report.check('firewall formats: squid -k parse', async () => {
    const parse = (file: string, allowCodes: readonly number[]): Promise<Output> =>
      run([...ALONE, 'squid', '-k', 'parse', '-f', file], { allowCodes });
    for (const registry of DELIVERIES) {
      const { file } = await print('squid', registry);
      const { stderr } = await parse(file, [0]);
      // An unknown directive is no failure to Squid.
      expect(!/unrecognized|ERROR:|FATAL:/.test(stderr), `${file}: ${stderr}`);
      expect(stderr.includes('Processing: http_access deny all'), `${file} was read: ${stderr}`);
    }
    await parse(await wrong('acl x nosuchtype y\n'), [1]);
    return `${DELIVERIES.length} files`;
  });

  await report.check('firewall formats: squid lets through what it was told, and nothing else', async () => {
    const { file } = await print('squid', 'contoso');
    const own = join(directory, 'squid.conf');
    const settings = [
      `http_port ${SQUID_ADDRESS}:${SQUID_PORT}`,
      'pid_filename none',
      'access_log none',
      'cache_log /dev/null',
      'shutdown_lifetime 0 seconds',
      `include ${file}`,
    ];
    await writeFile(own, `${settings.join('\n')}\n`);
    const logFile = join(directory, 'squid.log');
    const squid = await startDaemon('squid', ['squid', '-N', '-f', own], { logFile });
    try {
      const ready = () => listens(SQUID_ADDRESS, SQUID_PORT);
      await waitUntil('squid', ready, { daemon: squid, timeoutMs: SQUID_START_TIMEOUT_MS });
      for (const [line, status] of [
        [`CONNECT ${HOSTS.login.name}:443`, 200],
        [`CONNECT ${HOSTS.data.name}:443`, 200],
        [`CONNECT ${HOSTS.login.name}:8443`, 403],
        [`CONNECT ${HOSTS.storage.name}:443`, 403],
        [`CONNECT x.${HOSTS.login.name}:443`, 403],
        [`CONNECT ${HOSTS.login.address}:443`, 403],
        [`GET http://${HOSTS.login.name}/`, 403],
        [`PUT http://${HOSTS.storage.name}:443/loot`, 403],
      ] as const) {
        expectEqual(await askSquid(line), status, line);
      }
    } finally {
      await squid.end();
    }
    return '8 questions';
  });

  await report.check('firewall formats: plain names what show-endpoints names', async () => {
    for (const registry of DELIVERIES) {
      const { stdout } = await berth.command(['firewall-rules', '--name', registry, '--format', 'plain']);
      const { loginServer, dataEndpoints } = await berth.endpoints(registry);
      const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      expectEqual(
        lines,
        [loginServer, ...dataEndpoints].map((host) => `${host}:443`),
        registry,
      );
    }
    return undefined;
  });
}

/** The status that Squid answers to a request line. */
async function askSquid(line: string): Promise<number> {
  const socket = connect({ host: SQUID_ADDRESS, port: SQUID_PORT });
  socket.setTimeout(ASK_TIMEOUT_MS, () => socket.destroy(new Error(`${line}: no answer`)));
  const host = line.split(' ')[1]?.replace(/^http:\/\/|\/.*$/g, '') ?? '';
  socket.write(`${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
  if (!line.startsWith('CONNECT')) return statusOf(await text(socket));
  // A tunnel stays open: its first bytes are the answer.
  const answer = await new Promise<string>((resolve, reject) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1')));
    socket.once('error', reject);
  });
  socket.destroy();
  return statusOf(answer);
}

function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1]);
}
