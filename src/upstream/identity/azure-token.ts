import type { TokenCredential } from '@azure/identity';
import type { IdentityAuth } from '../../config/config.ts';
import { describeIdentityError, IdentityFailure } from './identity-failure.ts';

type AzureAuth = Extract<IdentityAuth, { kind: 'azureWorkloadIdentity' | 'azureManagedIdentity' }>;

/** Entra's name for every registry of Azure, in every cloud. */
const SCOPE = 'https://containerregistry.azure.net/.default';

/** Entra access tokens by Azure's own SDK, which is loaded at the first one. */
export function createAzureToken(auth: AzureAuth): (signal: AbortSignal) => Promise<string> {
  let credential: Promise<TokenCredential> | undefined;
  return async (signal) => {
    try {
      credential ??= createCredential(auth);
      const answer = await (await credential).getToken(SCOPE, { abortSignal: signal });
      if (answer !== null) return answer.token;
    } catch (error) {
      // A file or variable that was missing may be there the next time.
      credential = undefined;
      throw new IdentityFailure(
        `upstream.auth.${auth.kind}: no Entra token (${describeIdentityError(error)})`,
        { cause: error },
      );
    }
    throw new IdentityFailure(`upstream.auth.${auth.kind}: Entra gave no token`);
  };
}

async function createCredential(auth: AzureAuth): Promise<TokenCredential> {
  const { ManagedIdentityCredential, WorkloadIdentityCredential } = await import('@azure/identity');
  if (auth.kind === 'azureManagedIdentity') {
    return new ManagedIdentityCredential(auth.clientId === null ? {} : { clientId: auth.clientId });
  }
  const { clientId, tenantId, tokenFile, authority } = auth;
  return new WorkloadIdentityCredential({
    ...(clientId !== null && { clientId }),
    ...(tenantId !== null && { tenantId }),
    ...(tokenFile !== null && { tokenFilePath: tokenFile }),
    ...(authority !== null && { authorityHost: authority }),
    // The authority is the operator's word; asking the public cloud about it fails where only one's own can be reached.
    disableInstanceDiscovery: true,
  });
}
