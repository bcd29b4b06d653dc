import { isIP } from 'node:net';

/** Settings of the private listener's address. */
export interface ClusterAddressSettings {
  readonly clusterHost: string;
  readonly clusterUrl: string | undefined;
}

/**
 * Returns the URL at which other brokers reach the private listener; this broker registers it.
 * @param port the port of the listener
 */
export function clusterUrlOf(
  settings: ClusterAddressSettings,
  hasTls: boolean,
  port: number,
): string {
  const { clusterHost, clusterUrl } = settings;
  if (clusterUrl !== undefined) return clusterUrl;
  const scheme = hasTls ? 'https' : 'http';
  const host = isIP(clusterHost) === 6 ? `[${clusterHost}]` : clusterHost;
  return `${scheme}://${host}:${port}`;
}
