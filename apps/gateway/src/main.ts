/**
 * What the launcher runs (../launcher/main.ts). Loading this module starts nothing, so that the build
 * can load it to make the code cache.
 */
import 'reflect-metadata';
import { readSettings } from './config/read-settings.js';
import { endOnBadSettings, runUntilStopped } from './engine/process-lifecycle.js';

export { settingsHelp } from './config/settings-help.js';

/** Runs the gateway with the settings of an environment; ends the process itself. */
export async function runGateway(
  environment: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const read = readSettings(environment);
  if (!read.ok) endOnBadSettings(read.problems, read.warnings);
  await runUntilStopped(read.settings, read.warnings);
}
