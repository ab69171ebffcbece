import type { Config } from '../config/config.ts';
import { admitNetwork } from '../listener/admit-network.ts';
import type { ClientExchange } from '../listener/client-exchange.ts';
import { createListener, type Listener, type ListenerDeps } from '../listener/create-listener.ts';
import { createDoorRequest, type DoorRequest } from '../listener/door-request.ts';
import type { RequestContext } from '../listener/request-context.ts';
import { statusError } from '../oci/status-error.ts';
import { createTurns } from '../system/turns.ts';
import { UpstreamFailure } from '../upstream/failure.ts';
import { failureToOciError } from '../upstream/failure-to-oci-error.ts';
import { auditFailure } from './audit-failure.ts';
import { checkCoverage } from './check-coverage.ts';
import type { ReloadRecord } from './reload-record.ts';
import type { Found, Serving } from './serving.ts';

export type FrontDeps = Omit<
  ListenerDeps,
  'limits' | 'timeouts' | 'onCertificates' | 'nameDoor' | 'answerAtOnce' | 'handle'
> & {
  readonly serving: Serving;
  readonly record: ReloadRecord;
};

/**
 * The listeners of a configuration, each request on its way to the door that its host names.
 *
 * @throws CertificateError, or an Error that names the host that no certificate covers
 */
export async function createFront(
  config: Config,
  { serving, record, ...deps }: FrontDeps,
): Promise<readonly Listener[]> {
  function handle(...[request, reply, context]: Parameters<typeof createDoorRequest>): Promise<void> {
    const call = createDoorRequest(request, reply, context);
    const found = findDoor(call.context);
    if (found === undefined) {
      call.context.refuse('host', 'unknown_host');
      throw statusError(421);
    }
    return enter(call, found);
  }

  function findDoor({ access, host }: RequestContext): Found | undefined {
    const found = host === undefined ? undefined : serving.find(host);
    if (found === undefined) return undefined;
    access.door = found.match.door;
    access.registry = found.match.registry.name;
    return found;
  }

  /** Whatever is to be refused, or has to wait for anybody, takes the long way. */
  function answerAtOnce(exchange: ClientExchange): boolean {
    const found = findDoor(exchange.context);
    if (found?.match.door !== 'login_server') return false;
    const { registry } = found;
    return (
      registry.networkRules.decide(exchange.context) === 'allowed' && registry.doors.answerKept(exchange)
    );
  }

  const listeners: Listener[] = [];
  for (const [index, listener] of config.listeners.entries()) {
    listeners.push(
      await createListener(listener, {
        ...config,
        ...deps,
        onCertificates: (reason) =>
          record.note(
            'certificates',
            reason === undefined ? { result: 'applied' } : { result: 'rejected', reason },
            `listeners[${index}]`,
          ),
        nameDoor: findDoor,
        answerAtOnce,
        handle,
      }),
    );
  }
  await checkCoverage(
    serving.secureHosts,
    listeners.flatMap(({ certificates }) => [...certificates]),
    createTurns(),
  );
  return listeners;
}

async function enter(call: DoorRequest, { match, registry }: Found): Promise<void> {
  const { access } = call.context;
  // Before there are any doors: whoever is kept out is to cost nothing.
  admitNetwork(call.context, registry.networkRules);
  const { upstream, loginServer, dataEndpoint } = registry.doors;
  // A reload meanwhile leaves the upstream that this request began with open until it has ended.
  const letGo = upstream.hold();
  try {
    if (match.door === 'login_server') await loginServer(call);
    else await dataEndpoint(call, match.host, match.region);
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    access.outcome ??= 'upstream_failed';
    auditFailure(call.context, error);
    throw failureToOciError(error);
  } finally {
    letGo();
  }
}
