import { isIP } from 'node:net';

/** Settings of the private listener's address. */
export interface ClusterAddressSettings {
  readonly clusterHost: string;
  readonly clusterUrl: string | undefined;
  /** Set: brokers talk over TLS. */
  readonly clusterTlsCaFile: string | undefined;
}

/**
 * How other brokers reach the private listener: what this broker registers.
 * @param port that it listens on
 */
export function clusterUrlOf(settings: ClusterAddressSettings, port: number): string {
  const { clusterHost, clusterUrl, clusterTlsCaFile } = settings;
  if (clusterUrl !== undefined) return clusterUrl;
  const scheme = clusterTlsCaFile === undefined ? 'http' : 'https';
  const host = isIP(clusterHost) === 6 ? `[${clusterHost}]` : clusterHost;
  return `${scheme}://${host}:${port}`;
}
