import { type DebianPackage, installDebianPackages, REDIS_PACKAGE } from '../support/debian-packages.ts';
import { DISTRIBUTION, type GoProgram, installGoProgram } from '../support/go-program.ts';
import { HELM, installDecoder } from './deploy/install-tools.ts';
import { installResumingClients, type ResumingClients } from './install-resuming.ts';

const SKOPEO = '/usr/bin/skopeo';
const PODMAN = '/usr/bin/podman';

/** Debian packages, each with a program by which it is known to be there. */
const DEBIAN_PACKAGES: readonly DebianPackage[] = [
  { name: 'docker.io', program: '/usr/sbin/dockerd' },
  { name: 'containerd', program: '/usr/bin/containerd' },
  { name: 'runc', program: '/usr/sbin/runc' },
  { name: 'skopeo', program: SKOPEO },
  { name: 'podman', program: PODMAN },
  { name: 'zsh', program: '/usr/bin/zsh' },
  { name: 'fish', program: '/usr/bin/fish' },
  { name: 'iptables', program: '/usr/sbin/iptables' },
  { name: 'nftables', program: '/usr/sbin/nft' },
  { name: 'squid', program: '/usr/sbin/squid' },
  { name: 'chromium', program: '/usr/bin/chromium' },
  { name: 'haproxy', program: '/usr/sbin/haproxy' },
  REDIS_PACKAGE,
  { name: 'buildah', program: '/usr/bin/buildah' },
  { name: 'prometheus', program: '/usr/bin/prometheus' },
  { name: 'docker-compose', program: '/usr/bin/docker-compose' },
  { name: 'systemd', program: '/usr/bin/systemd-analyze' },
  { name: 'patchelf', program: '/usr/bin/patchelf' },
  { name: 'debootstrap', program: '/usr/sbin/debootstrap' },
  { name: 'iproute2', program: '/usr/sbin/ip' },
  { name: 'ca-certificates', program: '/usr/sbin/update-ca-certificates' },
];

/** containerd 2.2 is the first line with parallel layer fetches that `go install` builds: go.mod of 2.1 has an `exclude`. */
const CONTAINERD_2 = { source: 'github.com/containerd/containerd/v2/cmd', version: 'v2.2.9' } as const;

/** The last line of BuildKit that `go install` builds: go.mod of later ones has an `exclude`. */
const BUILDKIT = { source: 'github.com/moby/buildkit/cmd', version: 'v0.17.3' } as const;

/** Go programs at exact versions. The conformance program has no tags: the version is a commit of 2026-08-31. */
const GO_PROGRAMS: readonly GoProgram[] = [
  DISTRIBUTION,
  HELM,
  { name: 'crane', source: 'github.com/google/go-containerregistry/cmd/crane', version: 'v0.22.1' },
  {
    name: 'conformance',
    source: 'github.com/opencontainers/distribution-spec/conformance',
    version: 'v0.0.0-20260831232431-97274622c111',
  },
  { ...CONTAINERD_2, name: 'containerd', source: `${CONTAINERD_2.source}/containerd` },
  { ...CONTAINERD_2, name: 'ctr', source: `${CONTAINERD_2.source}/ctr` },
  { ...BUILDKIT, name: 'buildkitd', source: `${BUILDKIT.source}/buildkitd` },
  { ...BUILDKIT, name: 'buildctl', source: `${BUILDKIT.source}/buildctl` },
];

export type Programs = {
  readonly dockerd: string;
  /** Debian's own: another `docker` may come first in PATH. */
  readonly docker: string;
  readonly containerd: string;
  readonly ctr: string;
  /** Release line 2 beside Debian's 1.6. */
  readonly containerd2: string;
  readonly ctr2: string;
  readonly skopeo: string;
  readonly podman: string;
  /** Debian 12's own give up where a body ends early. */
  readonly resuming: ResumingClients;
  readonly buildkitd: string;
  readonly buildctl: string;
  readonly haproxy: string;
  readonly redis: string;
  readonly registry: string;
  readonly crane: string;
  readonly conformance: string;
  readonly helm: string;
  /** Strict decoding of Kubernetes manifests. */
  readonly decodeManifests: string;
  readonly chromium: string;
};

/** Installs what is missing and tells where everything is. Needs root, Debian's apt-get and Go 1.26 or newer. */
export async function installPrograms(say: (text: string) => void): Promise<Programs> {
  if (process.getuid?.() !== 0) throw new Error('e2e runs real container daemons: start it as root');
  await installDebianPackages(DEBIAN_PACKAGES, say);
  const built = new Map<string, string>();
  for (const program of GO_PROGRAMS) built.set(program.name, await installGoProgram(program, say));
  const path = (name: string) => built.get(name) ?? name;
  return {
    dockerd: '/usr/sbin/dockerd',
    docker: '/usr/bin/docker',
    containerd: '/usr/bin/containerd',
    ctr: '/usr/bin/ctr',
    containerd2: path('containerd'),
    ctr2: path('ctr'),
    skopeo: SKOPEO,
    podman: PODMAN,
    resuming: await installResumingClients({ skopeo: SKOPEO, podman: PODMAN }, say),
    buildkitd: path('buildkitd'),
    buildctl: path('buildctl'),
    chromium: '/usr/bin/chromium',
    haproxy: '/usr/sbin/haproxy',
    redis: '/usr/bin/redis-server',
    registry: path('registry'),
    crane: path('crane'),
    conformance: path('conformance'),
    helm: path('helm'),
    decodeManifests: await installDecoder(say),
  };
}
