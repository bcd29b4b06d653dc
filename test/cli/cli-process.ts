import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../../dist/apps/cli/main.js', import.meta.url));

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line as a person does: as processes, against one gateway. */
export class Cli {
  readonly #environment: NodeJS.ProcessEnv;

  /** @param home directory in which it keeps its files */
  constructor(url: string, home: string) {
    this.#environment = {
      ...process.env,
      SLUICE_URL: url,
      XDG_CONFIG_HOME: `${home}/config`,
      XDG_STATE_HOME: `${home}/state`,
    };
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], input = ''): Promise<CliResult> {
    const running = this.start(args);
    running.child.stdin?.on('error', () => undefined);
    running.child.stdin?.end(input);
    return running.end();
  }

  /** Runs a command that must succeed, and returns what it printed. */
  async print(args: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, input);
    if (code !== 0) throw new Error(`sluice ${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): RunningCli {
    return new RunningCli(
      spawn(process.execPath, [ENTRY, ...args], {
        env: { ...this.#environment, ...environment },
        stdio: 'pipe',
      }),
    );
  }

  /** Runs a command in a pseudo-terminal, in which stdout and stderr are one. */
  async inTerminal(
    args: readonly string[],
    environment: NodeJS.ProcessEnv = {},
  ): Promise<CliResult> {
    const running = this.startInTerminal(args, environment);
    running.child.stdin?.end();
    return await running.end();
  }

  /** Starts a command in a pseudo-terminal; what is written to its stdin is typed. */
  startInTerminal(args: readonly string[], environment: NodeJS.ProcessEnv = {}): RunningCli {
    const command = [process.execPath, ENTRY, ...args].map(quoted).join(' ');
    return new RunningCli(
      spawn('script', ['-qec', command, '/dev/null'], {
        env: { ...this.#environment, TERM: 'xterm-256color', ...environment },
        stdio: 'pipe',
      }),
    );
  }
}

/** A command that is running. */
export class RunningCli {
  readonly child: ChildProcess;
  readonly #ended: Promise<unknown>;
  stdout = '';
  stderr = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString('utf8');
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString('utf8');
    });
    this.#ended = once(child, 'close');
  }

  async end(): Promise<CliResult> {
    await this.#ended;
    return { code: this.child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
