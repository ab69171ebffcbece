import type { Config } from '../config/config.ts';
import type { HostMatch } from '../endpoints/host-table.ts';
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
import type { Doors } from './open-doors.ts';
import type { ReloadRecord } from './reload-record.ts';
import type { Serving } from './serving.ts';

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
    return enter(call, found.match, found.doors);
  }

  function findDoor({ access, host }: RequestContext): ReturnType<typeof serving.find> {
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
    const { networkRules, answerKept } = found.doors;
    return networkRules.decide(exchange.context) === 'allowed' && answerKept(exchange);
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

async function enter(call: DoorRequest, match: HostMatch, doors: Doors): Promise<void> {
  const { access } = call.context;
  const { networkRules, loginServer, dataEndpoint } = doors;
  admitNetwork(call.context, networkRules);
  // A reload meanwhile leaves the upstream that this request began with open until it has ended.
  const letGo = doors.upstream.hold();
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
