import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './documents.ts';

/** A test or end-to-end scenario that runs something, and the words by which it does. */
export type Runner = { readonly by: string; readonly says: string };

/** Documents whose commands build on each other: a test of their own runs them in order. */
export const RUN_IN_ORDER: Readonly<Record<string, Runner>> = {
  'docs/get-started.md': { by: 'test/docs/get-started.test.ts', says: 'docs/get-started.md' },
  'docs/migration.md': { by: 'test/docs/migration.test.ts', says: 'docs/migration.md' },
};

const NEWCOMER: Runner = { by: 'test/e2e/scenario-get-started.ts', says: 'docs/get-started.md' };

const INSTALLED: Runner = { by: 'test/docs/remove.test.ts', says: "'docs/deploy.md'" };
const REMOVED: Runner = { by: 'test/docs/remove.test.ts', says: "'docs/operate.md'" };

/** Commands that need a real client, a real machine or a running Berth. */
export const RUN_ELSEWHERE: Readonly<Record<string, Runner>> = {
  'docker build -t berth .': { by: 'test/e2e/deploy/build-image.ts', says: "'bud'" },
  'docker run --read-only --tmpfs /run/berth -v /etc/berth:/etc/berth:ro -v berth-state:/var/lib/berth -v berth-cache:/var/cache/berth -p 443:443 berth':
    { by: 'test/e2e/deploy/scenario-image.ts', says: "'--read-only'" },
  'helm lint --strict deploy/helm/berth -f deploy/helm/values/acr.yaml': {
    by: 'test/e2e/deploy/scenario-deploy.ts',
    says: "'--strict'",
  },
  'helm template berth deploy/helm/berth -f deploy/helm/values/acr.yaml -f deploy/helm/values/monitoring.yaml':
    { by: 'test/e2e/deploy/scenario-deploy.ts', says: "['acr', 'monitoring']" },
  'docker compose -f deploy/compose/compose.yaml up -d': {
    by: 'test/e2e/deploy/scenario-deploy.ts',
    says: 'docker-compose',
  },
  'npm pack': { by: 'test/build/package.test.ts', says: "'pack'" },
  'npm install --global berth-0.1.0.tgz': { by: 'test/e2e/deploy/install-package.ts', says: "'install'" },
  'npm ci': { by: '.ci/run', says: 'npm ci' },
  'npm ci && npm run demo': { by: 'test/demo/main.test.ts', says: 'main.ts' },
  'npm ci && npm test': { by: '.ci/run', says: 'npm run verify' },
  'npm test': { by: '.ci/run', says: 'npm run verify' },
  'npm run verify': { by: '.ci/run', says: 'npm run verify' },
  'npm run programs': { by: '.ci/run', says: 'npm run programs' },
  'berth check-health --login-server contoso.registry.example --ca ca.pem --image team/app:1': {
    by: 'test/e2e/scenario-health.ts',
    says: '--login-server=',
  },
  'berth regions --name contoso': { by: 'test/cli/regions.test.ts', says: "'regions'" },
  'docker pull localhost:5000/team/app:latest': { by: 'test/e2e/scenario-sidecar.ts', says: 'localhost:' },
  'npm ci --omit=dev': { by: 'test/e2e/deploy/clone-checkout.ts', says: 'docs/get-started.md' },
  'docker pull localhost:5000/library/alpine:3.22': NEWCOMER,
  'docker pull hub.registry.example:8443/library/alpine:3.22': NEWCOMER,
  'sudo mkdir -p /etc/docker && sudo cp -r client/etc/docker/certs.d /etc/docker/': NEWCOMER,
  'echo "127.0.0.1 hub.registry.example hub.here.data.registry.example" | sudo tee -a /etc/hosts': NEWCOMER,
  'sudo cp deploy/systemd/berth.service /etc/systemd/system/berth.service': INSTALLED,
  'sudo cp deploy/systemd/berth.sysusers.conf /usr/lib/sysusers.d/berth.conf': INSTALLED,
  'sudo cp deploy/systemd/berth.tmpfiles.conf /usr/lib/tmpfiles.d/berth.conf': INSTALLED,
  'sudo systemd-sysusers': INSTALLED,
  'sudo mkdir -p /etc/berth/tls': INSTALLED,
  'sudo cp config/berth.yaml /etc/berth/berth.yaml': INSTALLED,
  'sudo berth ticket-key generate --file /etc/berth/ticket.keys': INSTALLED,
  'sudo systemd-tmpfiles --create': INSTALLED,
  'sudo systemctl enable --now berth': INSTALLED,
  'sudo systemctl disable --now berth': REMOVED,
  'sudo rm /etc/systemd/system/berth.service /usr/lib/sysusers.d/berth.conf /usr/lib/tmpfiles.d/berth.conf':
    REMOVED,
  'sudo systemctl daemon-reload': REMOVED,
  'sudo npm uninstall --global berth': REMOVED,
  'sudo rm -rf /etc/berth /var/cache/berth /var/cache/berth-node /var/lib/berth /var/log/berth': REMOVED,
  'sudo userdel berth': REMOVED,
  'helm uninstall berth': REMOVED,
  'kubectl delete secret berth-ticket-keys berth-tls': REMOVED,
  'docker compose -f deploy/compose/compose.yaml down --volumes': REMOVED,
  'docker image rm berth:local': REMOVED,
  'docker rm --force $(docker ps --all --quiet --filter ancestor=berth)': REMOVED,
  'docker volume rm berth-state berth-cache': REMOVED,
  'docker image rm berth': REMOVED,
};

/** What is wrong with an entry: its file does not say what it should. */
export function faultOf({ by, says }: Runner): string | undefined {
  return readFileSync(join(ROOT, by), 'utf8').includes(says) ? undefined : `${by} does not say ${says}`;
}
