import type { IdentityAuth, UpstreamAuth } from '../../config/config.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { CredentialsSource } from '../credentials.ts';
import type { Exchange } from '../exchange.ts';
import { exchangeForAcr } from './acr-credentials.ts';
import { createAzureToken } from './azure-token.ts';
import { createEcrCredentials } from './ecr-credentials.ts';
import { createRenewedCredentials, type FreshCredentials } from './renewed-credentials.ts';

/** Of one upstream, whose token service is asked where the cloud's own answer is not yet good for it. */
export type IdentityDeps = {
  readonly origin: string;
  readonly host: string;
  readonly exchange: Exchange;
  /** Bytes of one answer. */
  readonly maxBytes: number;
  readonly deadlineMs: number;
  readonly now: () => number;
  readonly metrics: Pick<Metrics, 'identityRefreshes'>;
};

export function isIdentity(auth: UpstreamAuth): auth is IdentityAuth {
  return auth.kind !== 'file' && auth.kind !== 'exec';
}

/** Berth's own credentials by a cloud's identity; nothing is asked before they are needed. */
export function createIdentityCredentials(auth: IdentityAuth, deps: IdentityDeps): CredentialsSource {
  return createRenewedCredentials(fetcherOf(auth, deps), {
    deadlineMs: deps.deadlineMs,
    now: deps.now,
    onResult: (result) => deps.metrics.identityRefreshes.inc({ identity: LABELS[auth.kind], result }),
  });
}

const LABELS = {
  azureWorkloadIdentity: 'azure_workload_identity',
  azureManagedIdentity: 'azure_managed_identity',
  awsEcr: 'aws_ecr',
} as const;

function fetcherOf(
  auth: IdentityAuth,
  deps: IdentityDeps,
): (signal: AbortSignal) => Promise<FreshCredentials> {
  if (auth.kind === 'awsEcr') return createEcrCredentials(auth, deps.now);
  const azureToken = createAzureToken(auth);
  return async (signal) => exchangeForAcr(await azureToken(signal), deps, { ...deps, signal });
}
