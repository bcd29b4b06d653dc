import { isIPv4 } from 'node:net';

/** True if only processes of this machine reach a listener on the host, a name or an address. */
export function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  // A name may begin with these characters and belong to any address.
  return isIPv4(host) && host.startsWith('127.');
}
