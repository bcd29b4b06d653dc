/**
 * Checks of settings beyond their text: the parts of the Redis URL, files that must be readable.
 * They run before the data directory or a socket is opened.
 */
import { createSecureContext } from 'node:tls';
import { parseRedisUrl, RedisUrlError } from '#coordination';
import type { PeerTls } from '#peer-rpc';
import { problem } from '../config/read-settings.js';
import { SETTINGS, type Settings } from '../config/settings.js';
import { PeerTlsFileError, readPeerTls } from './peer-tls-files.js';

/** One line per problem, as `readSettings` reports them; empty when there is none. */
export async function settingProblems(settings: Settings): Promise<string[]> {
  if (settings.redisUrl === undefined) return [];
  return [...redisUrlProblems(settings.redisUrl), ...(await tlsProblems(settings))];
}

function redisUrlProblems(url: string): string[] {
  try {
    parseRedisUrl(url);
    return [];
  } catch (error) {
    if (!(error instanceof RedisUrlError)) throw error;
    return [problem(SETTINGS.redisUrl, url, error.message)];
  }
}

async function tlsProblems(settings: Settings): Promise<string[]> {
  try {
    const tls = await readPeerTls(settings);
    return tls === undefined ? [] : certificateProblems(settings, tls);
  } catch (error) {
    if (!(error instanceof PeerTlsFileError)) throw error;
    return [...error.problems];
  }
}

/** Returns the faults that OpenSSL finds in the certificate and its key. */
function certificateProblems(settings: Settings, { ca, cert, key }: PeerTls): string[] {
  const faultOf = (options: Parameters<typeof createSecureContext>[0]): string | undefined => {
    try {
      createSecureContext(options);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  };
  const { clusterTlsCaFile, clusterTlsCertFile, clusterTlsKeyFile } = SETTINGS;
  const problems: string[] = [];
  const caFault = faultOf({ ca });
  if (caFault !== undefined) {
    problems.push(problem(clusterTlsCaFile, settings.clusterTlsCaFile ?? '', caFault));
  }
  const certFault = faultOf({ cert });
  if (certFault !== undefined) {
    problems.push(problem(clusterTlsCertFile, settings.clusterTlsCertFile ?? '', certFault));
  }
  const keyFault = certFault === undefined ? faultOf({ cert, key }) : undefined;
  if (keyFault !== undefined) {
    problems.push(problem(clusterTlsKeyFile, settings.clusterTlsKeyFile ?? '', keyFault));
  }
  return problems;
}
