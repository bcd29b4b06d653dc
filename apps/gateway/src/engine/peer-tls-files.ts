import type { PeerNetwork, PeerTls } from '#peer-rpc';
import { SETTINGS, type Settings } from '../config/settings.js';
import { contextProblems, PemFileError, readPemFiles } from './pem-files.js';
import { TlsReloader, type TlsReloaderPorts } from './tls-reloader.js';

/** Paths of the TLS files. */
export interface PeerTlsFiles {
  readonly clusterTlsCaFile: string | undefined;
  readonly clusterTlsCertFile: string | undefined;
  readonly clusterTlsKeyFile: string | undefined;
}

/** Passes changed files of TLS between brokers to their calls, until it is closed. */
export function followPeerTls(
  settings: PeerTlsFiles & Pick<Settings, 'tlsReloadIntervalMs'>,
  current: PeerTls,
  network: Pick<PeerNetwork, 'useTls'>,
  ports: TlsReloaderPorts,
): TlsReloader<PeerTls> {
  const { clusterTlsCaFile, clusterTlsCertFile, clusterTlsKeyFile } = settings;
  const paths = [clusterTlsCaFile, clusterTlsCertFile, clusterTlsKeyFile];
  const options = {
    current,
    paths: paths.filter((path) => path !== undefined),
    intervalMs: settings.tlsReloadIntervalMs,
    read: async () => (await readPeerTls(settings)) ?? current,
    use: (tls: PeerTls) => network.useTls(tls),
  };
  return new TlsReloader(options, ports);
}

/**
 * Reads and checks the files of TLS between brokers.
 * @returns undefined if no files are set: the brokers talk without TLS
 * @throws PemFileError
 */
export async function readPeerTls(settings: PeerTlsFiles): Promise<PeerTls | undefined> {
  const { clusterTlsCaFile, clusterTlsCertFile, clusterTlsKeyFile } = settings;
  if (
    clusterTlsCaFile === undefined ||
    clusterTlsCertFile === undefined ||
    clusterTlsKeyFile === undefined
  ) {
    return undefined;
  }
  const files = {
    ca: { variable: SETTINGS.clusterTlsCaFile.variable, path: clusterTlsCaFile },
    cert: { variable: SETTINGS.clusterTlsCertFile.variable, path: clusterTlsCertFile },
    key: { variable: SETTINGS.clusterTlsKeyFile.variable, path: clusterTlsKeyFile },
  };
  const { ca = '', cert = '', key = '' } = await readPemFiles(files);
  const problems = contextProblems([
    { file: files.ca, options: { ca } },
    { file: files.cert, options: { cert } },
    { file: files.key, options: { cert, key } },
  ]);
  if (problems.length > 0) throw new PemFileError(problems);
  return { ca, cert, key };
}
