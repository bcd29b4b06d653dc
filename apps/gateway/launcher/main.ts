/**
 * The process's entry, `node dist/apps/gateway/main.js`: answers or refuses the arguments, sets up
 * the process and runs the gateway.
 *
 * The build compiles it to CommonJS on purpose: libuv sizes its thread pool once, at the first
 * asynchronous file operation, and Node's ES module loader does one for the entry itself, so that
 * an ES module entry always gets four threads. Everything here is synchronous until the size is set
 * (docs/adr/0003-thread-pool-and-launcher.md).
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { DESCRIPTORS_MIN, descriptorLimit } from '../src/engine/descriptor-limit.js';
import { EXIT_CODES, type ExitCode } from '../src/shared/exit-codes.js';
import { ARGUMENTS_HELP, parseArguments } from './arguments.js';
import { CompiledBundle } from './compiled-bundle.js';
import { readEnvFiles } from './env-file.js';
import { applyHeapLimit } from './heap-limit.js';

/** The exports of the bundle of src/main.ts. */
interface GatewayProgram {
  runGateway(environment: Readonly<Record<string, string | undefined>>): Promise<void>;
  settingsHelp(): string;
}

const BUNDLE_PATH = fileURLToPath(new URL('gateway.cjs', import.meta.url));
const PACKAGE_PATH = fileURLToPath(new URL('../../../package.json', import.meta.url));

const command = parseArguments(process.argv.slice(2));
switch (command.kind) {
  case 'help':
    print(help());
    break;
  case 'version':
    print(version());
    break;
  case 'refused':
    end(EXIT_CODES.badArguments, [`${command.reason}; --help lists what is accepted`]);
    break;
  case 'run':
    run(command.envFiles);
}

function run(envFiles: readonly string[]): void {
  const limit = descriptorLimit();
  if (limit !== undefined && limit < DESCRIPTORS_MIN) {
    // This check runs before anything else is loaded, because modules may need more descriptors
    // than there are.
    end(EXIT_CODES.tooFewDescriptors, [`${EXIT_CODES.tooFewDescriptors.sentence} It is ${limit}.`]);
    return;
  }
  const read = readEnvFiles(envFiles);
  if (!read.ok) {
    end(EXIT_CODES.badSettings, read.problems);
    return;
  }
  for (const [name, value] of Object.entries(read.variables)) process.env[name] ??= value;
  applyHeapLimit();
  process.env['UV_THREADPOOL_SIZE'] =
    process.env['SLUICE_IO_THREADS'] || process.env['UV_THREADPOOL_SIZE'] || '32';
  const bundle = CompiledBundle.read(BUNDLE_PATH);
  /**
   * The heap may double between two full collections (growth in percent of the live bytes). V8
   * derives its own value from how fast JavaScript objects are allocated and does not see the
   * buffers of records: it would collect after every ten MiB that pass through
   * (docs/adr/0013-collections-and-buffers.md).
   */
  setFlagsFromString('--heap-growing-percent=200');
  void (bundle.evaluate() as GatewayProgram).runGateway(process.env);
}

function help(): string {
  const program = CompiledBundle.read(BUNDLE_PATH).evaluate() as GatewayProgram;
  return `Sluice ${version()}: Kafka's model over plain HTTP, on a durable partitioned log of its own.

Usage: sluice serve [options]
   or, in a checkout: npm start -- [options]
   or, after a build: node dist/apps/gateway/main.js [options]

Options:
${ARGUMENTS_HELP}

Settings are environment variables. An empty one counts as unset.

${program.settingsHelp()}

Exit codes:
${Object.values(EXIT_CODES)
  .map(({ code, sentence }) => `  ${String(code).padStart(3)}   ${sentence}`)
  .join('\n')}`;
}

function version(): string {
  return (JSON.parse(readFileSync(PACKAGE_PATH, 'utf8')) as { version: string }).version;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function end({ code }: ExitCode, lines: readonly string[]): void {
  for (const line of lines) process.stderr.write(`${line}\n`);
  process.exitCode = code;
}
