/**
 * Faults of every kind, one after the other and together, drawn at random, under load. The seed is
 * in the name of the history; `SLUICE_CLUSTER_SEED` draws the same again (what the processes make
 * of it is their own), `SLUICE_CLUSTER_ROUNDS` tells how many.
 */
import { rm } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { test } from 'vitest';
import { SeededRandom } from '../fuzz/seeded-random.js';
import type { ClusterBroker } from '../support/cluster-processes.js';
import { type RunUnderLoad, runUnderLoad, TOPIC } from './run-under-load.js';

const ROUNDS = Number(process.env['SLUICE_CLUSTER_ROUNDS'] ?? 6);
const SEED = Number(process.env['SLUICE_CLUSTER_SEED'] ?? Date.now() % 1_000_000);
const RECORDS_BETWEEN = 100;
/** Longer than the lease that the brokers of these tests have. */
const LONG_PAUSE_MS = 3000;

test('random faults', { timeout: 60_000 + ROUNDS * 60_000 }, async () => {
  const random = new SeededRandom(SEED);
  await runUnderLoad({ name: `random-${SEED}`, withRelays: true }, async (run) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const fault = random.pick(FAULTS);
      await fault(run, random);
      await run.load.more(RECORDS_BETWEEN);
      // Most begin while the last one is not over yet.
      if (random.oneIn(3)) await run.cluster.untilInSync(TOPIC);
    }
    await run.cluster.untilAllSeeAlive(run.cluster.brokers.map(({ id }) => id));
    await run.cluster.untilInSync(TOPIC);
  });
});

/** Does something, and undoes it. */
type RandomFault = (run: RunUnderLoad, random: SeededRandom) => Promise<void>;

const FAULTS: readonly RandomFault[] = [
  async (run, random) => killed(run, [random.pick(run.cluster.brokers)], random),
  async (run, random) => killed(run, [await run.cluster.leaderOf(TOPIC, 0)], random),
  async (run, random) => {
    const spared = random.pick(run.cluster.brokers);
    const two = run.cluster.brokers.filter((broker) => broker !== spared);
    await killed(run, two, random);
  },
  async (run, random) => killed(run, run.cluster.brokers, random),
  async (run, random) => paused(run, random, LONG_PAUSE_MS),
  async (run, random) => paused(run, random, 200),
  async ({ cluster, history, ...run }, random) => {
    history.fault('SIGSTOP of Redis and of a broker');
    cluster.redis.pause();
    await paused({ cluster, history, ...run }, random, LONG_PAUSE_MS);
    cluster.redis.resume();
  },
  async ({ cluster, history, load }, random) => {
    history.fault('kill -9 of Redis');
    await cluster.redis.kill();
    await load.more(RECORDS_BETWEEN);
    if (random.oneIn(2)) {
      const broker = random.pick(cluster.brokers);
      history.fault(`kill -9 of broker ${broker.id} while Redis is down`);
      await broker.kill();
      await Promise.all([cluster.redis.restart(), broker.start()]);
    } else await cluster.redis.restart();
  },
  async ({ cluster, history }) => {
    history.fault('FLUSHALL');
    await cluster.emptyRedis();
  },
  async ({ cluster, history }, random) => {
    const broker = random.pick(cluster.brokers);
    history.fault(`FLUSHALL while broker ${broker.id} is restarted`);
    const stopped = broker.stop();
    await cluster.emptyRedis();
    await stopped;
    await broker.start();
  },
  async ({ cluster, history, load }, random) => {
    const broker = random.pick(cluster.brokers);
    history.fault(`broker ${broker.id} is cut off`);
    broker.isUp = false;
    cluster.isolate(broker.id);
    await load.more(RECORDS_BETWEEN);
    cluster.heal();
    broker.isUp = true;
  },
  async ({ cluster, history }, random) => {
    const from = random.pick(cluster.brokers);
    const to = random.pick(cluster.brokers.filter((broker) => broker !== from));
    const direction = random.pick(['to-target', 'from-target'] as const);
    history.fault(`calls of broker ${from.id} to ${to.id} are lost, ${direction}`);
    cluster.cutCalls(from.id, to.id, { direction });
    // Requests that one broker forwards to the other wait meanwhile; no other broker is elected.
    await setTimeout(LONG_PAUSE_MS);
    cluster.heal();
  },
  async (run, random) => diskReplaced(run, random, false),
  async (run, random) => diskReplaced(run, random, true),
];

async function killed(
  { cluster, history, load }: RunUnderLoad,
  brokers: readonly ClusterBroker[],
  random: SeededRandom,
): Promise<void> {
  history.fault(`kill -9 of brokers ${brokers.map(({ id }) => id).join(', ')}`);
  await Promise.all(brokers.map((broker) => broker.kill()));
  if (brokers.length === 1 && random.oneIn(2)) await load.more(RECORDS_BETWEEN);
  // In another order than they died in.
  for (const broker of brokers.toReversed()) await broker.start();
  await cluster.untilAllSeeAlive(cluster.brokers.map(({ id }) => id));
}

async function paused(
  { cluster, history }: RunUnderLoad,
  random: SeededRandom,
  pauseMs: number,
): Promise<void> {
  const broker = random.pick(cluster.brokers);
  history.fault(`SIGSTOP of broker ${broker.id} for ${pauseMs} ms`);
  broker.pause();
  // The length of the pause is the fault.
  await setTimeout(pauseMs);
  broker.resume();
}

/** One disk at a time, when all others have everything: more would be allowed to lose records. */
async function diskReplaced(
  { cluster, history, load }: RunUnderLoad,
  random: SeededRandom,
  isRedisDown: boolean,
): Promise<void> {
  await cluster.untilInSync(TOPIC);
  const broker = random.pick(cluster.brokers);
  history.fault(`the disk of broker ${broker.id} is replaced, Redis down: ${isRedisDown}`);
  await broker.kill();
  if (isRedisDown) await cluster.redis.kill();
  await rm(broker.process.dataDir, { recursive: true });
  if (isRedisDown) await cluster.redis.restart();
  await load.more(RECORDS_BETWEEN);
  await broker.start();
  await cluster.untilInSync(TOPIC);
}
