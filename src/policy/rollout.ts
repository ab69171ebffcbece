import { createHash } from 'node:crypto';

import type { Rollout } from '../config/config.ts';
import { parseAddress } from './address.ts';
import { createAddressSet } from './address-set.ts';
import { clientNetwork } from './client-network.ts';

/** Whether a client's address is among those that a rollout has reached. */
export type RolloutDecision = (address: string) => boolean;

/** @throws {TypeError} where `clients` holds no CIDR; the configuration's loader has refused that with its place. */
export function createRollout({ clients, percent }: Rollout): RolloutDecision {
  const first = createAddressSet(clients);
  return (address) => percent === 100 || first.has(address) || share(address) < percent;
}

/** The decisions of any number of rollouts, each made once and kept as long as its configuration is. */
export function createRollouts(): (rollout: Rollout, address: string) => boolean {
  const decisions = new WeakMap<Rollout, RolloutDecision>();
  return (rollout, address) => {
    let decide = decisions.get(rollout);
    if (decide === undefined) decisions.set(rollout, (decide = createRollout(rollout)));
    return decide(address);
  };
}

/**
 * Where a client stands in the order in which a rollout reaches it, 0 to below 100: the same in every process and for
 * every registry, so that a client is not in here and out there. Of IPv6 the /64 counts, as hosts change the rest of
 * their address by themselves. Text that is no address comes last.
 */
function share(text: string): number {
  const address = parseAddress(text);
  if (address === undefined) return 100;
  const key = address.includes(':') ? clientNetwork(address) : address;
  const hash = createHash('sha256').update(`berth-rollout-1 ${key}`).digest();
  return (hash.readUInt32BE(0) / 2 ** 32) * 100;
}
