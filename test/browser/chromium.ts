import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
const HOW =
  'the browser tests need Chromium on the PATH; on Debian: apt-get update && apt-get install chromium';

/**
 * The path of a Chromium; on Debian, for root, it is installed when there is none.
 * @throws Error one line that says how to come by it
 */
export function chromiumPath(): string {
  const path = commandPath() ?? (canInstall() ? installed() : undefined);
  if (path === undefined) throw new Error(HOW);
  return path;
}

function commandPath(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return COMMANDS.flatMap((command) => folders.map((folder) => join(folder, command))).find(
    isExecutable,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function canInstall(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && hasAptGet();
}

function hasAptGet(): boolean {
  return spawnSync('apt-get', ['--version']).status === 0;
}

function installed(): string | undefined {
  process.stderr.write('installing chromium for the browser tests\n');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '--yes', '--no-install-recommends', 'chromium'];
  for (const args of [['update'], install]) {
    const { status, stderr } = spawnSync('apt-get', args, { env, encoding: 'utf8' });
    if (status !== 0) throw new Error(`${HOW} (apt-get ${args[0]} failed: ${lastLine(stderr)})`);
  }
  return commandPath();
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
