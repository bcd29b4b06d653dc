/** Servers and loads as separate processes; each is ended by its pid. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Core, pinned } from './machine.js';

const READY_POLL_MS = 20;
const READY_WAIT_MS_MAX = 120_000;

/** A running server, on a port of loopback. */
export interface Server {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** Header of the requests of the harness; absent while the server needs none. */
  readonly authorization?: string;
  /** Time from spawn to the first answer of its readiness path, ms. */
  readonly startedInMs: number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export interface GatewayOptions {
  readonly dataDir: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly nodeArgs?: readonly string[];
  /** Port; default: a free one. */
  readonly port?: number;
  /** Core; `any` when it shares the machine with other servers. */
  readonly core?: Core;
}

/** Starts the built gateway on the server's core. */
export async function startGateway(options: GatewayOptions): Promise<Server> {
  const port = options.port ?? (await freePort());
  const env = {
    SLUICE_PORT: String(port),
    SLUICE_DATA_DIR: options.dataDir,
    SLUICE_LOG_LEVEL: 'warn',
    ...options.env,
  };
  const args = [...(options.nodeArgs ?? []), 'dist/apps/gateway/main.js'];
  return startServer(args, { port, env, readyPath: '/health/ready', core: options.core });
}

/**
 * Starts a baseline of dist/esm/bench/baselines on the server's core, with its port as first
 * argument.
 */
export async function startBaseline(name: string, args: readonly string[]): Promise<Server> {
  const port = await freePort();
  const script = `dist/esm/bench/baselines/${name}.js`;
  return startServer([script, String(port), ...args], { port, env: {}, readyPath: '/' });
}

/** Starts a server of dist/esm/bench/experiments on the server's core. */
export async function startExperiment(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Server> {
  const port = await freePort();
  const script = `dist/esm/bench/experiments/${name}.js`;
  const settings = { SLUICE_PORT: String(port), ...env };
  return startServer([script, ...args], { port, env: settings, readyPath: '/health/ready' });
}

interface ServerOptions {
  readonly port: number;
  readonly env: Readonly<Record<string, string>>;
  readonly readyPath: string;
  readonly core?: Core | undefined;
}

async function startServer(args: readonly string[], options: ServerOptions): Promise<Server> {
  const startedMs = performance.now();
  const child = spawnPinned(options.core ?? 'server', args, options.env);
  const url = `http://127.0.0.1:${options.port}`;
  await untilAnswers(child, url + options.readyPath);
  return {
    port: options.port,
    url,
    pid: child.pid ?? 0,
    startedInMs: performance.now() - startedMs,
    stop: async (signal = 'SIGTERM') => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    },
  };
}

/** Runs a script of dist/bench (or bench/) to its end and parses the JSON line that it prints. */
export async function runJson<T>(core: Core, args: readonly string[]): Promise<T> {
  const child = spawnPinned(core, args, {});
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${args[0]} ended with ${code}`);
  return JSON.parse(text) as T;
}

function spawnPinned(
  core: Core,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): ChildProcess {
  const { command, args: all } = pinned(core, args);
  const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
  const child = spawn(command, all, { env: { ...process.env, ...env }, stdio });
  child.stdout.on('data', () => undefined);
  return child;
}

async function untilAnswers(child: ChildProcess, url: string): Promise<void> {
  const deadlineMs = performance.now() + READY_WAIT_MS_MAX;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    const response = await fetch(url).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.ok === true) return;
    if (performance.now() > deadlineMs) throw new Error(`${url} was never ready`);
    await new Promise((resolve) => setTimeout(resolve, READY_POLL_MS));
  }
}

/** A port of loopback without a listener. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Runs `use` with a temporary directory and removes it afterwards. */
export async function withTempDir<T>(use: (path: string) => Promise<T>): Promise<T> {
  const path = await mkdtemp(join(process.env['SLUICE_BENCH_DIR'] ?? tmpdir(), 'sluice-bench-'));
  try {
    return await use(path);
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/**
 * Resident and peak resident memory of a process, in bytes; undefined where /proc is missing, and
 * for a process that has ended: it has no memory.
 */
export async function memoryOf(pid: number): Promise<{ rss: number; peak: number } | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const rss = /^VmRSS:\s+(\d+)/m.exec(status)?.[1];
  const peak = /^VmHWM:\s+(\d+)/m.exec(status)?.[1];
  if (rss === undefined || peak === undefined) return undefined;
  return { rss: Number(rss) * 1024, peak: Number(peak) * 1024 };
}

/** Bytes that a process has read from files and sockets. */
export async function bytesReadBy(pid: number): Promise<number | undefined> {
  const io = await readFile(`/proc/${pid}/io`, 'utf8').catch(() => undefined);
  const match = /^rchar: (\d+)/m.exec(io ?? '');
  return match === null ? undefined : Number(match[1]);
}
