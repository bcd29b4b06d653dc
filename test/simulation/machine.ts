import { join } from 'node:path';
import {
  type Broker,
  type ClusterBrokerPorts,
  type ClusterBrokerSettings,
  type OpenBroker,
  openClusterBroker,
} from '#broker';
import { TEST_BROKER_SETTINGS } from '#broker/testing';
import type { CoordinationStore } from '#coordination';
import { BrokerIdTakenError } from '#coordination';
import { silentLogObserver } from '#log';
import { ProtocolError } from '#protocol';
import type { FileSystem, LogFields, Logger, Random } from '#runtime';
import { FakeDisk } from '#runtime/testing';
import { withoutPeers } from '../../libs/broker/src/open-local-broker.js';
import { type DiskObserver, ProcessDisk } from './simulated-disk.js';
import { SimulatedProcess } from './simulated-process.js';
import type { World } from './world.js';

const DATA_DIR = '/data';
const LEASE_MS = 3000;

/** Delay before a process that ended by itself is started again, ms. */
const SUPERVISOR_DELAY_MS = 500;
const STORE_RETRY_MS = 500;
/** Time after which a gateway abandons a clean stop, ms. */
const STOP_TIMEOUT_MS = 30_000;
const STOP_CHECK_MS = 5;
const USUAL_DISK_MS_MAX = 1.5;

/** The machine of one broker: a disk, a wall clock, and a process from time to time. */
export class Machine {
  disk: FakeDisk;
  wallOffsetMs = 0;
  diskMsMax = USUAL_DISK_MS_MAX;
  /** True when its disk failed in a way that needs a new process. */
  mustRestart = false;
  readonly #world: World;
  readonly #observer: DiskObserver;
  #process: SimulatedProcess | undefined;
  #open: OpenBroker | undefined;
  #lives = 0;
  #disks = 1;
  /** True when the process is started again after it ended by itself. */
  #isWanted = false;
  #heldSyncs: string | undefined;

  constructor(
    readonly id: number,
    world: World,
    observer: DiskObserver,
  ) {
    this.#world = world;
    this.#observer = observer;
    this.disk = this.#newDisk(`disk ${id}`);
  }

  get name(): string {
    return `broker ${this.id}`;
  }

  get process(): SimulatedProcess | undefined {
    return this.#process;
  }

  /** Number of processes that ran on this machine. */
  get lives(): number {
    return this.#lives;
  }

  /** True while it serves or starts, false while it is stopped or stopping. */
  get isRunning(): boolean {
    return this.#process?.isStopped === false && this.#isWanted;
  }

  /** The broker; undefined while it does not run, or still starts. */
  get broker(): Broker | undefined {
    return this.#open?.broker;
  }

  get opened(): OpenBroker | undefined {
    return this.#open;
  }

  start(): void {
    if (this.#process !== undefined) return;
    this.#isWanted = true;
    this.#lives += 1;
    this.mustRestart = false;
    this.#world.network.setDark(this.id, false);
    const process = new SimulatedProcess(this.#world, {
      name: `${this.name}.${this.#lives}`,
      random: this.#world.randomOf(`process ${this.id}.${this.#lives}`),
      wallOffsetMs: () => this.wallOffsetMs,
      log: (level, fields, message) => this.#log(level, fields, message),
    });
    this.#process = process;
    this.#say('starts');
    void this.#run(process);
  }

  /** Kills the process (kill -9). */
  kill(): void {
    this.#end('is killed');
    this.disk.kill();
  }

  /**
   * Cuts the power: unsynced changes are lost, torn or kept.
   * @param fate decides which; default: the disk's own randomness
   */
  losePower(fate?: Random): void {
    this.#world.network.setDark(this.id, true);
    this.#end('loses power');
    this.disk.crash({ random: fate });
  }

  /** Holds back syncs of files whose path contains this text, without an error. */
  holdSyncs(word: string): void {
    this.#say(`syncs of "${word}" do not return`);
    this.#heldSyncs = word;
  }

  /** Resets the disk to its usual speed. */
  resetSpeed(): void {
    this.diskMsMax = USUAL_DISK_MS_MAX;
    this.#heldSyncs = undefined;
  }

  /** Stops the process with SIGSTOP. */
  pause(): void {
    this.#say('is stopped by SIGSTOP');
    this.#process?.stop();
  }

  /** Continues the process with SIGCONT. */
  resume(): void {
    if (this.#process?.isStopped !== true) return;
    this.#say('goes on');
    this.#process.resume();
  }

  /** Stops the process cleanly; resolves when it has ended. */
  async stop(): Promise<void> {
    const process = this.#process;
    const open = this.#open;
    if (process === undefined || open === undefined || process.isStopped || !this.#isWanted) {
      this.kill();
      return;
    }
    this.#isWanted = false;
    this.#say('is asked to stop');
    const end = { isClean: false };
    process.deliver(() => {
      open.endWaits();
      open.close().then(
        () => (end.isClean = true),
        (error: unknown) => this.#world.unexpected(process.name, error),
      );
    });
    const endMs = this.#world.nowMs + STOP_TIMEOUT_MS;
    while (!end.isClean && !process.isDead && this.#world.nowMs < endMs) {
      await this.#world.sleep(STOP_CHECK_MS);
    }
    if (this.#process !== process) return;
    this.#end(end.isClean ? 'has stopped' : 'is killed because its stop took too long');
    this.disk.kill();
  }

  /** Replaces the disk with an empty one. */
  replaceDisk(): void {
    this.#end('gets an empty disk');
    this.#disks += 1;
    this.disk = this.#newDisk(`disk ${this.id}.${this.#disks}`);
  }

  #newDisk(name: string): FakeDisk {
    const world = this.#world;
    const nowMs = (): number => Math.floor(world.clock.nowMs() + this.wallOffsetMs);
    return new FakeDisk({ random: world.randomOf(name), nowMs });
  }

  #end(how: string): void {
    this.#isWanted = false;
    if (this.#process === undefined) return;
    this.#say(how);
    this.#process.kill();
    this.#process = undefined;
    this.#open = undefined;
  }

  async #run(process: SimulatedProcess): Promise<void> {
    try {
      const open = await this.#openBroker(process);
      if (this.#process !== process) return;
      this.#open = open;
      this.#say('serves');
      await open.announce().catch((error: unknown) => this.#couldNotAnnounce(error));
    } catch (error) {
      this.#exited(process, error);
    }
  }

  #couldNotAnnounce(error: unknown): void {
    const isAway = error instanceof ProtocolError && error.code === 'BROKER_NOT_AVAILABLE';
    if (!isAway) throw error;
    this.#say('could not announce its URL');
  }

  /** Called when the process has ended by itself; it is started again. */
  #exited(process: SimulatedProcess, error: unknown): void {
    if (this.#process !== process) return;
    const isUsual =
      error instanceof BrokerIdTakenError ||
      (error instanceof ProtocolError && error.code === 'BROKER_NOT_AVAILABLE');
    if (!isUsual && !this.#world.mayDisksFail) this.#world.unexpected(process.name, error);
    this.#end(`exits: ${String(error)}`);
    this.disk.kill();
    this.#isWanted = true;
    this.#world.scheduler.after(SUPERVISOR_DELAY_MS, () => {
      if (this.#isWanted) this.start();
    });
  }

  #openBroker(process: SimulatedProcess): Promise<OpenBroker> {
    const { world, id } = { world: this.#world, id: this.id };
    const fileSystem = new ProcessDisk({
      disk: this.disk,
      process,
      after: (delayMs, task) => void world.scheduler.after(delayMs, task),
      random: world.randomOf(`disk speed ${id}.${this.#lives}`),
      speed: () => ({ latencyMsMax: this.diskMsMax }),
      isSyncHeld: (path) => this.#heldSyncs !== undefined && path.includes(this.#heldSyncs),
      observer: this.#observer,
    });
    const settings = settingsOf(id, world.settings);
    const url = (): string => `http://broker-${id}:8080`;
    const local = { ...process.ports, fileSystem, observer: silentLogObserver, url };
    const { soleStore } = world;
    if (soleStore !== undefined) {
      const ports = withoutPeers(settings, local);
      const openStore: ClusterBrokerPorts['openStore'] = async (logManager) =>
        soleStore.opened(await ports.openStore(logManager));
      return openClusterBroker(settings, { ...ports, openStore });
    }
    return openClusterBroker(settings, {
      ...local,
      network: world.network.open(id, process),
      onFenced: () => this.#exited(process, new ProtocolError('BROKER_NOT_AVAILABLE', 'Fenced.')),
      openStore: () => this.#openStore(process, fileSystem),
    });
  }

  /** Redis may start after its gateways: they wait for it. */
  async #openStore(process: SimulatedProcess, fileSystem: FileSystem): Promise<CoordinationStore> {
    for (;;) {
      try {
        return await this.#world.redis.openStore({
          brokerId: this.id,
          process,
          fileSystem,
          dataDir: DATA_DIR,
          clusterId: 'simulated',
          leaseMs: LEASE_MS,
        });
      } catch (error) {
        const isAway = error instanceof ProtocolError && error.code === 'BROKER_NOT_AVAILABLE';
        if (!isAway) throw error;
        await new Promise<void>((resolve) => {
          process.ports.scheduler.after(STORE_RETRY_MS, resolve);
        });
      }
    }
  }

  #log(level: keyof Logger, fields: LogFields, message: string): void {
    const { err, error = err, ...rest } = fields;
    this.#world.checkLogged(`${this.name}.${this.#lives}`, error);
    if (level === 'debug') return;
    const details = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest)}`;
    const cause = error instanceof Error ? `: ${String(error)}` : '';
    this.#say(`${level}: ${message}${details}${cause}`);
  }

  #say(text: string): void {
    this.#world.trace.add(this.name, text);
  }
}

/** Directory of a partition's log on a machine's disk. */
export function partitionDirectory(topic: string, partition: number): string {
  return join(DATA_DIR, `${topic}-${partition}`);
}

function settingsOf(
  brokerId: number,
  changes: Partial<ClusterBrokerSettings>,
): ClusterBrokerSettings {
  return { ...SETTINGS, ...changes, brokerId };
}

const SETTINGS: ClusterBrokerSettings = {
  ...TEST_BROKER_SETTINGS,
  dataDir: DATA_DIR,
  clusterId: 'simulated',
  tailCacheBytes: 4096,
  topicsMax: 100,
  partitionsMax: 300,
  partitionsPerBrokerMax: 300,
  offsetsTopicPartitions: 1,
  groupSessionTimeoutMinMs: 100,
  leaseMs: LEASE_MS,
  leaderWaitMs: 5000,
  preferredLeaderIntervalMs: 4000,
  forwardsInFlightMax: 5,
  replicaLagTimeMaxMs: 4000,
  replicaFetchWaitMaxMs: 500,
  replicaFetchMaxBytes: 4096,
  replicaFetchResponseMaxBytes: 16_384,
  replicaFetchers: 1,
};
