import type { ECRClient } from '@aws-sdk/client-ecr';
import type { IdentityAuth } from '../../config/config.ts';
import { describeIdentityError, IdentityFailure } from './identity-failure.ts';
import type { FreshCredentials } from './renewed-credentials.ts';

type EcrAuth = Extract<IdentityAuth, { kind: 'awsEcr' }>;

/** Milliseconds: what ECR's tokens live. */
const DEFAULT_LIFE_MS = 12 * 60 * 60_000;

/** `ecr:GetAuthorizationToken` by AWS's own SDK, which is loaded at the first one; the answer is good for Basic. */
export function createEcrCredentials(
  auth: EcrAuth,
  now: () => number,
): (signal: AbortSignal) => Promise<FreshCredentials> {
  let client: ECRClient | undefined;
  return async (signal) => {
    const asked = now();
    const data = await ask(signal);
    const text = Buffer.from(data?.authorizationToken ?? '', 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 1 || colon === text.length - 1) {
      throw new IdentityFailure('upstream.auth.awsEcr: ECR gave no authorization token');
    }
    return {
      credentials: { username: text.slice(0, colon), password: text.slice(colon + 1) },
      expiresAt: data?.expiresAt?.getTime() ?? asked + DEFAULT_LIFE_MS,
    };
  };

  async function ask(signal: AbortSignal) {
    try {
      const { ECRClient: Client, GetAuthorizationTokenCommand } = await import('@aws-sdk/client-ecr');
      client ??= new Client({ region: auth.region });
      const registryIds = auth.registryId === null ? {} : { registryIds: [auth.registryId] };
      const answer = await client.send(new GetAuthorizationTokenCommand(registryIds), {
        abortSignal: signal,
      });
      return answer.authorizationData?.[0];
    } catch (error) {
      throw new IdentityFailure(
        `upstream.auth.awsEcr: no token from ECR in ${auth.region} (${describeIdentityError(error)})`,
        { cause: error },
      );
    }
  }
}
