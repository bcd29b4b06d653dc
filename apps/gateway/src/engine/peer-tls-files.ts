import { readFile } from 'node:fs/promises';
import type { PeerTls } from '#peer-rpc';

/** Paths of the TLS files. */
export interface PeerTlsFiles {
  readonly clusterTlsCaFile: string | undefined;
  readonly clusterTlsCertFile: string | undefined;
  readonly clusterTlsKeyFile: string | undefined;
}

/** The file of a setting cannot be read; the message has one line per file. */
export class PeerTlsFileError extends Error {
  override readonly name = 'PeerTlsFileError';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

/**
 * @returns undefined if no files are set: the brokers talk without TLS
 * @throws PeerTlsFileError
 */
export async function readPeerTls(files: PeerTlsFiles): Promise<PeerTls | undefined> {
  const { clusterTlsCaFile, clusterTlsCertFile, clusterTlsKeyFile } = files;
  if (
    clusterTlsCaFile === undefined ||
    clusterTlsCertFile === undefined ||
    clusterTlsKeyFile === undefined
  ) {
    return undefined;
  }
  const problems: string[] = [];
  const pem = async (variable: string, path: string): Promise<string> => {
    try {
      const text = await readFile(path, 'utf8');
      if (!text.includes('-----BEGIN ')) problems.push(line(variable, path, 'a PEM file'));
      return text;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      problems.push(line(variable, path, `a file that can be read (${reason})`));
      return '';
    }
  };
  // The files are read in turn, so that problems are in the order of the settings.
  const ca = await pem('SLUICE_CLUSTER_TLS_CA_FILE', clusterTlsCaFile);
  const cert = await pem('SLUICE_CLUSTER_TLS_CERT_FILE', clusterTlsCertFile);
  const key = await pem('SLUICE_CLUSTER_TLS_KEY_FILE', clusterTlsKeyFile);
  if (problems.length > 0) throw new PeerTlsFileError(problems);
  return { ca, cert, key };
}

function line(variable: string, path: string, accepts: string): string {
  return `${variable} is ${JSON.stringify(path)}; accepted: ${accepts}`;
}
