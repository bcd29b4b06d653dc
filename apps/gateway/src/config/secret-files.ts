import { readFileSync } from 'node:fs';
import { problemLine, type Setting } from '#settings';

type Environment = Readonly<Record<string, string | undefined>>;

/** The environment with the contents of the files that hold secrets. */
export interface WithSecretFiles {
  readonly environment: Environment;
  /** One line per file that cannot be used. */
  readonly problems: readonly string[];
}

/**
 * Reads the files of secret settings: every secret variable has a twin with the suffix `_FILE`, so
 * that the secret is not visible in the environment of the process.
 */
export function withSecretFiles(
  table: Readonly<Record<string, Setting<unknown>>>,
  environment: Environment,
): WithSecretFiles {
  const read: Record<string, string | undefined> = { ...environment };
  const problems: string[] = [];
  for (const setting of Object.values(table)) {
    if (setting.isSecret !== true) continue;
    const { variable } = setting;
    const fileVariable = `${variable}_FILE`;
    const file = environment[fileVariable]?.trim() ?? '';
    delete read[fileVariable];
    if (file === '') continue;
    if ((environment[variable]?.trim() ?? '') !== '') {
      problems.push(problemLine(fileVariable, file, `nothing, while ${variable} is set`));
      continue;
    }
    try {
      read[variable] = readFileSync(file, 'utf8').trim();
      if (read[variable] === '') {
        problems.push(problemLine(fileVariable, file, 'a file that is not empty'));
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      problems.push(problemLine(fileVariable, file, `a file that can be read (${reason})`));
    }
  }
  return { environment: read, problems };
}
