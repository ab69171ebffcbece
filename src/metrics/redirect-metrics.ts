import type { Instruments } from './instruments.ts';
import { REGISTRY_NAMES } from './labels.ts';

/** Why a Location was not followed or not given to a client. */
const REDIRECT_REFUSALS = [
  'malformed',
  'too_long',
  'scheme_not_allowed',
  'credentials_in_url',
  'fragment_in_url',
  'host_not_listed',
  'path_not_listed',
  'too_many_redirects',
  'address_refused',
  'upload_redirected',
] as const;
export type RedirectRefusal = (typeof REDIRECT_REFUSALS)[number];

/** Where clients are sent, and which Locations are not passed on. */
export function redirectMetrics(make: Instruments) {
  return {
    redirects: make.counter(
      'berth_redirects_total',
      'Blob requests answered by the login server, by delivery.',
      {
        delivery: ['dedicated', 'inline', 'passthrough'],
      },
    ),
    redirectsRefused: make.counter(
      'berth_redirects_refused_total',
      'Locations of upstreams that were neither followed nor given out.',
      { reason: REDIRECT_REFUSALS },
    ),
    dataEndpointEnabled: make.gauge(
      'berth_data_endpoint_enabled',
      '1 while data endpoints of the registry are on, 0 while they are off or delivery is `inline`.',
      { registry: REGISTRY_NAMES },
    ),
  };
}
