/** Rows of three brokers and one Redis on this machine, which they share with the load. */
import { cp, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Availability, AvailabilityProbe } from '../harness/availability.js';
import { BenchCluster, cpuSecondsOf, until } from '../harness/cluster.js';
import { createTopic, JSON_HEADERS, type LoadResult, load } from '../harness/http.js';
import { memoryOf, startGateway, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

const LEASE_MS = 3000;
const TOPIC = 'bench';
const PATH = `/v1/topics/${TOPIC}/records`;
const RECORDS = 100;
const BODY = JSON.stringify({
  records: Array.from({ length: RECORDS }, () => ({ value: 'x'.repeat(98) })),
});
const CLUSTER = { SLUICE_LEASE_MS: String(LEASE_MS) };
const GIB = 2 ** 30;

export const clusterProduceRow: Row = {
  id: 'cluster-produce',
  title:
    'produce to three replicas, acks=all, min.insync.replicas 2, 100 records x 100 B per request',
  async run(context) {
    const alone = await produceAlone(context);
    return BenchCluster.run(CLUSTER, async (cluster) => {
      await cluster.createTopic(TOPIC, { partitions: 1 });
      await cluster.untilInSync(TOPIC);
      const leader = await cluster.leaderOf(TOPIC);
      const atLeader: LoadResult[] = [];
      const elsewhere: LoadResult[] = [];
      for (let round = 0; round < context.rounds; round += 1) {
        context.progress(`produce to three replicas: round ${round + 1} of ${context.rounds}`);
        atLeader.push(await post(cluster.broker(leader).port, context));
        elsewhere.push(await post(cluster.other(leader).port, context));
      }
      const led = result('acks=all, RF 3, at the leader', atLeader);
      return [
        {
          ...led,
          baseline: { name: 'one broker', value: alone },
          note: '100,000 records/s wanted; three brokers, Redis and the load share two cores',
        },
        {
          ...result('the same through another broker', elsewhere),
          baseline: { name: 'at the leader', value: led.value },
          target: 0.5,
        },
      ];
    });
  },
};

export const failoverRow: Row = {
  id: 'failover',
  title: 'pauses for clients of another broker when a broker is killed or stopped',
  run: (context) =>
    BenchCluster.run(CLUSTER, async (cluster) => {
      await cluster.createTopic(TOPIC, { partitions: 1 });
      await cluster.untilInSync(TOPIC);
      const times = context.isQuick ? 3 : 20;
      return [
        ...(await failures(cluster, context, { who: 'leader', signal: 'SIGKILL', times })),
        ...(await failures(cluster, context, { who: 'follower', signal: 'SIGKILL', times })),
        ...(await failures(cluster, context, { who: 'leader', signal: 'SIGTERM', times })),
      ];
    }),
};

export const manyPartitionsRow: Row = {
  id: 'cluster-partitions',
  title: '1,000 partitions x 3 replicas on three brokers: at rest, at a start, at a failover',
  run: (context) => BenchCluster.run(CLUSTER, (cluster) => manyPartitions(cluster, context)),
};

export const catchUpReplicaRow: Row = {
  id: 'replica-catch-up',
  title: 'an empty broker is filled from its leader, beside a copy of the files',
  run: (context) => BenchCluster.run(CLUSTER, (cluster) => fill(cluster, context)),
};

async function produceAlone(context: RowContext): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    context.progress(`one broker alone: round ${round + 1} of ${context.rounds}`);
    await withTempDir(async (dataDir) => {
      const server = await startGateway({ dataDir, core: 'any' });
      try {
        await createTopic(server, TOPIC);
        rates.push((await post(server.port, context)).requestsPerSecond * RECORDS);
      } finally {
        await server.stop();
      }
    });
  }
  return median(rates);
}

function post(port: number, { durationMs }: RowContext): Promise<LoadResult> {
  return load({ port, path: PATH, headers: JSON_HEADERS, body: BODY, durationMs });
}

function result(name: string, loads: readonly LoadResult[]): RowResult {
  return {
    name,
    value: median(loads.map((one) => one.requestsPerSecond * RECORDS)),
    unit: 'records/s',
    p50Ms: median(loads.map((one) => one.latencyMs.p50)),
    p99Ms: median(loads.map((one) => one.latencyMs.p99)),
  };
}

interface Failure {
  readonly who: 'leader' | 'follower';
  readonly signal: 'SIGKILL' | 'SIGTERM';
  readonly times: number;
}

async function failures(
  cluster: BenchCluster,
  context: RowContext,
  failure: Failure,
): Promise<RowResult[]> {
  const { who, signal, times } = failure;
  const seen: Availability[] = [];
  for (let time = 0; time < times; time += 1) {
    context.progress(`${signal} of a ${who}: ${time + 1} of ${times}`);
    seen.push(await failOnce(cluster, failure));
  }
  const how = signal === 'SIGKILL' ? 'kill -9' : 'planned stop (SIGTERM)';
  const wanted = signal === 'SIGKILL' ? `${LEASE_MS + 1000} ms wanted` : '500 ms wanted';
  const failed = seen.reduce((sum, one) => sum + one.failedRequests, 0);
  const row = (name: string, gaps: readonly number[], more: string): RowResult => ({
    name: `${how} of a ${who}: ${name}`,
    value: median(gaps),
    unit: 'ms median',
    note: `worst ${Math.round(Math.max(...gaps))} ms of ${times}; ${wanted}${more}`,
  });
  return [
    row(
      'longest pause of a producer',
      seen.map((one) => one.longestProduceGapMs),
      `; ${failed} failed requests`,
    ),
    row(
      'longest pause of a subscriber',
      seen.map((one) => one.longestSubscribeGapMs),
      '',
    ),
  ];
}

/** The clients use a broker that stays. */
async function failOnce(cluster: BenchCluster, { who, signal }: Failure): Promise<Availability> {
  const leader = await cluster.leaderOf(TOPIC);
  const victim = who === 'leader' ? leader : ([1, 2, 3].find((id) => id !== leader) ?? 0);
  // When a follower dies the clients use the leader.
  const server = who === 'leader' ? cluster.other(leader) : cluster.broker(leader);
  const probe = await AvailabilityProbe.start(server, TOPIC);
  await until('the probe produces', () => Promise.resolve(probe.acknowledged > 50));
  await cluster.stop(victim, signal);
  await until('the cluster has noticed', async () => {
    const [first] = await cluster.partitions(TOPIC);
    return first !== undefined && first.leader !== null && !first.isr.includes(victim);
  });
  const acknowledged = probe.acknowledged;
  await until('the probe continues to produce', () =>
    Promise.resolve(probe.acknowledged > acknowledged + 50),
  );
  const availability = await probe.end();
  await cluster.start(victim);
  await cluster.untilInSync(TOPIC);
  return availability;
}

async function manyPartitions(cluster: BenchCluster, context: RowContext): Promise<RowResult[]> {
  const { isQuick } = context;
  const partitions = isQuick ? 100 : 1000;
  const seconds = isQuick ? 3 : 20;
  context.progress(`${partitions} partitions: creating`);
  const startedMs = performance.now();
  await cluster.createTopic(TOPIC, { partitions });
  await cluster.untilInSync(TOPIC);
  const createdMs = performance.now() - startedMs;
  context.progress(`${partitions} partitions: at rest`);
  const cpuBefore = await Promise.all(cluster.brokers.map(({ pid }) => cpuSecondsOf(pid)));
  const commandsBefore = await cluster.redisCommands();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const cpuAfter = await Promise.all(cluster.brokers.map(({ pid }) => cpuSecondsOf(pid)));
  const commands = (await cluster.redisCommands()) - commandsBefore;
  const memory = await Promise.all(cluster.brokers.map(({ pid }) => memoryOf(pid)));
  const cpuPercent = cpuAfter.map((after, at) => (100 * (after - (cpuBefore[at] ?? 0))) / seconds);
  context.progress(`${partitions} partitions: failover`);
  const failover = await timed(async () => {
    await cluster.stop(1, 'SIGKILL');
    await until('others lead', async () =>
      (await cluster.partitions(TOPIC)).every(({ leader }) => leader !== null && leader !== 1),
    );
  });
  context.progress(`${partitions} partitions: start`);
  const start = await timed(async () => {
    await cluster.start(1);
    await cluster.untilInSync(TOPIC);
  });
  const name = `${partitions} partitions x RF 3`;
  return [
    { name: `${name}: created and in sync`, value: createdMs / 1000, unit: 's' },
    {
      name: `${name}: processor at rest`,
      value: Math.max(...cpuPercent),
      unit: '% of a core, the busiest broker',
      peakRssBytes: Math.max(...memory.map((one) => one?.peak ?? 0)),
    },
    { name: `${name}: Redis`, value: commands / seconds, unit: 'commands/s at rest' },
    {
      name: `${name}: kill -9 of a broker until all have leaders`,
      value: failover / 1000,
      unit: 's',
      note: `lease ${LEASE_MS} ms`,
    },
    { name: `${name}: start until in sync again`, value: start / 1000, unit: 's' },
  ];
}

async function fill(cluster: BenchCluster, context: RowContext): Promise<RowResult[]> {
  const { isQuick } = context;
  const wantedBytes = (isQuick ? 0.25 : 5) * GIB;
  await cluster.createTopic(TOPIC, {
    partitions: 1,
    configs: { 'segment.bytes': 256 * 2 ** 20, 'min.insync.replicas': 1 },
  });
  await cluster.untilInSync(TOPIC);
  const leader = await cluster.leaderOf(TOPIC);
  const follower = leader === 1 ? 2 : 1;
  await cluster.stop(follower, 'SIGTERM');
  await cluster.removeData(follower);
  const body = 'x'.repeat(1_000_000);
  const headers = { 'content-type': 'text/plain' };
  for (let written = 0; written < wantedBytes; ) {
    context.progress(`catch-up: writing, ${((100 * written) / wantedBytes).toFixed(0)} %`);
    const options = { port: cluster.broker(leader).port, path: PATH, headers, body };
    const one = await load({ ...options, connections: 8, warmupMs: 0, durationMs: 2000 });
    written += one.requests * body.length;
  }
  const source = join(cluster.dir, `broker-${leader}`, `${TOPIC}-0`);
  const bytes = await sizeOf(source);
  context.progress('catch-up: the empty broker is filled');
  const filledMs = await timed(async () => {
    await cluster.start(follower);
    await cluster.untilInSync(TOPIC);
  });
  context.progress('catch-up: a copy of the files');
  const copiedMs = await timed(() => cp(source, join(cluster.dir, 'copy'), { recursive: true }));
  const mbPerSecond = (ms: number): number => bytes / 1e6 / (ms / 1000);
  return [
    {
      name: `an empty broker is filled with ${(bytes / GIB).toFixed(2)} GiB`,
      value: mbPerSecond(filledMs),
      unit: 'MB/s',
      baseline: { name: 'copy of the files', value: mbPerSecond(copiedMs) },
      note: 'from its start until it is in sync; fsync beside a copy that is not synced',
    },
  ];
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await run();
  return performance.now() - startedMs;
}

async function sizeOf(directory: string): Promise<number> {
  const names = await readdir(directory);
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(directory, name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
