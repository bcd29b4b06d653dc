import type { TlsMaterial } from '#http-front';
import { SETTINGS } from '../config/settings.js';
import type { TlsValues } from '../config/tls-settings.js';
import { contextProblems, type PemFile, PemFileError, readPemFiles } from './pem-files.js';

/** Settings of the files of the public listener's TLS. */
export type PublicTlsFiles = Pick<
  TlsValues,
  'tlsCertFile' | 'tlsKeyFile' | 'tlsClientCaFile' | 'tlsClientCrlFile'
>;

/** Paths of the files that are set. */
export function publicTlsPaths(settings: PublicTlsFiles): string[] {
  return Object.values(filesOf(settings)).map(({ path }) => path);
}

/**
 * Reads and checks the files of TLS on the public listener.
 * @returns undefined if no files are set: clients talk plain HTTP
 * @throws PemFileError
 */
export async function readPublicTls(settings: PublicTlsFiles): Promise<TlsMaterial | undefined> {
  if (settings.tlsCertFile === undefined) return undefined;
  const files = filesOf(settings);
  const { cert = '', key = '', clientCa, clientCrl } = await readPemFiles(files);
  const problems = contextProblems([
    { file: files.cert, options: { cert } },
    { file: files.key, options: { cert, key } },
    { file: files.clientCa, options: { ca: clientCa } },
    { file: files.clientCrl, options: { crl: clientCrl } },
  ]);
  if (problems.length > 0) throw new PemFileError(problems);
  return { cert, key, clientCa, clientCrl };
}

type Files = Readonly<Partial<Record<'cert' | 'key' | 'clientCa' | 'clientCrl', PemFile>>>;

function filesOf(settings: PublicTlsFiles): Files {
  const { tlsCertFile, tlsKeyFile, tlsClientCaFile, tlsClientCrlFile } = settings;
  return {
    ...file('cert', SETTINGS.tlsCertFile.variable, tlsCertFile),
    ...file('key', SETTINGS.tlsKeyFile.variable, tlsKeyFile),
    ...file('clientCa', SETTINGS.tlsClientCaFile.variable, tlsClientCaFile),
    ...file('clientCrl', SETTINGS.tlsClientCrlFile.variable, tlsClientCrlFile),
  };
}

function file(name: keyof Files, variable: string, path: string | undefined): Files {
  return path === undefined ? {} : { [name]: { variable, path } };
}
