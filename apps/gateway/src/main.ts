/**
 * The program that the launcher runs (../launcher/main.ts). Loading this module starts nothing, so
 * that the build can load it to create the code cache.
 */
import 'reflect-metadata';
import { settingsHelp as helpOf } from '#settings';
import { readSettings } from './config/read-settings.js';
import { SETTINGS_SECTIONS } from './config/settings.js';
import { endOnBadSettings, runUntilStopped } from './engine/process-lifecycle.js';

/** Permissions that new files do not have: all those of the group and of others. */
const FILES_OF_OTHERS = 0o077;

/** Runs the gateway with the settings of an environment; ends the process itself. */
export async function runGateway(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const read = readSettings(environment);
  if (!read.ok) endOnBadSettings(read.problems, read.warnings);
  // Files are 0600 and directories 0700, for any umask: no other user may read records.
  process.umask(FILES_OF_OTHERS);
  await runUntilStopped(read.settings, read.warnings);
}

/** Formats all settings as plain text for `--help`. */
export function settingsHelp(): string {
  return helpOf(SETTINGS_SECTIONS);
}
