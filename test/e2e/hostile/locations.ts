import { HOSTS } from '../hosts-file.ts';
import { TRAP_NAMES } from './hostile-scene.ts';

/** Redirect targets by what is wrong with them, each a valid repository name, and what the audit log says of it. */
export const HOSTILE_LOCATIONS: Readonly<
  Record<string, readonly [location: string, reason: string, detail: string]>
> = {
  metadata: ['https://169.254.169.254/latest', 'address', 'storage'],
  'metadata-mapped': ['https://[::ffff:169.254.169.254]/latest', 'address', 'storage'],
  'metadata-nat64': ['https://[64:ff9b::169.254.169.254]/latest', 'address', 'storage'],
  'metadata-decimal': ['https://2852039166/latest', 'address', 'storage'],
  'metadata-hex': ['https://0xA9FEA9FE/latest', 'address', 'storage'],
  'metadata-octal': ['https://0251.0376.0251.0376/latest', 'address', 'storage'],
  'metadata-name': [`https://${TRAP_NAMES.metadata}/latest`, 'address', 'storage'],
  'metadata-http': ['http://169.254.169.254/latest', 'redirect_location', 'scheme_not_allowed'],
  loopback: ['https://127.0.0.1/x', 'address', 'storage'],
  'loopback-short': ['https://127.1/x', 'address', 'storage'],
  'loopback-decimal': ['https://2130706433/x', 'address', 'storage'],
  'loopback-v6': ['https://[::1]/x', 'address', 'storage'],
  'loopback-mapped': ['https://[::ffff:7f00:1]/x', 'address', 'storage'],
  'loopback-name': [`https://${TRAP_NAMES.loopback}/x`, 'address', 'storage'],
  'any-address': ['https://0/x', 'address', 'storage'],
  'any-name': [`https://${TRAP_NAMES.any}/x`, 'address', 'storage'],
  'other-account': [`https://${HOSTS.attacker.name}/loot`, 'redirect_location', 'host_not_listed'],
  'other-account-address': [`https://${HOSTS.attacker.address}/loot`, 'redirect_location', 'host_not_listed'],
  'other-account-userinfo': [
    `https://${HOSTS.hostile.name}@${HOSTS.attacker.name}/loot`,
    'redirect_location',
    'credentials_in_url',
  ],
  'other-account-backslash': [
    `https://${HOSTS.attacker.name}\\@${TRAP_NAMES.loopback}/loot`,
    'redirect_location',
    'malformed',
  ],
};
