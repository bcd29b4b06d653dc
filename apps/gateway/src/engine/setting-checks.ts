/**
 * Checks of settings beyond their text: the parts of the Redis URL, files that must be readable.
 * They run before the data directory or a socket is opened.
 */
import { parseRedisUrl, RedisUrlError } from '#coordination';
import { settingProblem } from '#settings';
import { SETTINGS, type Settings } from '../config/settings.js';
import { readPeerTls } from './peer-tls-files.js';
import { PemFileError } from './pem-files.js';
import { readPublicTls } from './public-tls-files.js';

/** One line per problem, as `readSettings` reports them; empty when there is none. */
export async function settingProblems(settings: Settings): Promise<string[]> {
  const problems = [...(await pemProblems(() => readPublicTls(settings)))];
  if (settings.redisUrl === undefined) return problems;
  problems.push(...redisUrlProblems(settings.redisUrl));
  problems.push(...(await pemProblems(() => readPeerTls(settings))));
  return problems;
}

function redisUrlProblems(url: string): string[] {
  try {
    parseRedisUrl(url);
    return [];
  } catch (error) {
    if (!(error instanceof RedisUrlError)) throw error;
    return [settingProblem(SETTINGS.redisUrl, url, error.message)];
  }
}

/** Returns the problems that reading the PEM files finds. */
async function pemProblems(read: () => Promise<unknown>): Promise<readonly string[]> {
  try {
    await read();
    return [];
  } catch (error) {
    if (!(error instanceof PemFileError)) throw error;
    return error.problems;
  }
}
