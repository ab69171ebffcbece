import { type DebianPackage, installDebianPackages } from '../test/support/debian-packages.ts';
import { DISTRIBUTION, installGoProgram } from '../test/support/go-program.ts';

/** What the benchmark runs beside Berth, each with a program by which it is known to be there. */
const PACKAGES: readonly DebianPackage[] = [
  { name: 'curl', program: '/usr/bin/curl' },
  { name: 'wrk', program: '/usr/bin/wrk' },
  { name: 'nginx', program: '/usr/sbin/nginx' },
  { name: 'haproxy', program: '/usr/sbin/haproxy' },
  { name: 'varnish', program: '/usr/sbin/varnishd' },
  { name: 'docker-registry', program: '/usr/bin/docker-registry' },
  { name: 'docker.io', program: '/usr/sbin/dockerd' },
  { name: 'valgrind', program: '/usr/bin/valgrind' },
];

/** Installs what is missing without starting a service; gives the path of distribution's `registry`. */
export async function installPrograms(say: (line: string) => void): Promise<string> {
  await installDebianPackages(PACKAGES, say);
  return await installGoProgram(DISTRIBUTION, say);
}
