import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { problemLine } from '#settings';

/** A PEM file that a setting names. */
export interface PemFile {
  /** The environment variable of the setting. */
  readonly variable: string;
  readonly path: string;
}

/** PEM files cannot be read or used; the message has one line per file. */
export class PemFileError extends Error {
  override readonly name = 'PemFileError';

  constructor(readonly problems: readonly string[]) {
    super(problems.join('\n'));
  }
}

/**
 * Reads PEM files, in the order of their names.
 * @throws PemFileError with all problems
 */
export async function readPemFiles<Name extends string>(
  files: Readonly<Partial<Record<Name, PemFile>>>,
): Promise<Readonly<Partial<Record<Name, string>>>> {
  const problems: string[] = [];
  const texts: Partial<Record<Name, string>> = {};
  // The files are read in turn, so that problems are in the order of the settings.
  for (const [name, file] of Object.entries<PemFile | undefined>(files)) {
    if (file === undefined) continue;
    const { variable, path } = file;
    try {
      const text = await readFile(path, 'utf8');
      if (!text.includes('-----BEGIN ')) problems.push(problemLine(variable, path, 'a PEM file'));
      texts[name as Name] = text;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      problems.push(problemLine(variable, path, `a file that can be read (${reason})`));
    }
  }
  if (problems.length > 0) throw new PemFileError(problems);
  return texts;
}

/** Parts of a TLS context that OpenSSL checks, each with the file that it is from. */
export type TlsContextParts = readonly {
  readonly file: PemFile | undefined;
  readonly options: SecureContextOptions;
}[];

/**
 * Returns one line for each part in which OpenSSL finds a fault. A part is checked only if those
 * before it have none, because a key is checked together with its certificate.
 */
export function contextProblems(parts: TlsContextParts): string[] {
  const problems: string[] = [];
  for (const { file, options } of parts) {
    if (file === undefined || problems.length > 0) continue;
    try {
      createSecureContext(options);
      if (options.ca !== undefined) assertCertificates(String(options.ca));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push(problemLine(file.variable, file.path, `a usable PEM file (${reason})`));
    }
  }
  return problems;
}

/** OpenSSL skips parts of a file of authorities that are not certificates, and may trust none. */
function assertCertificates(pem: string): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const certificates = blocks.map((block) => new X509Certificate(block));
  if (certificates.length === 0) throw new Error('it has no certificate');
}
