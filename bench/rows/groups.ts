/** Consumer groups: what membership costs, and how soon others go on when something fails. */
import { BenchCluster, cpuSecondsOf, until } from '../harness/cluster.js';
import { BenchMember, memberSocket, RecordSource } from '../harness/group-members.js';
import { call, createTopic } from '../harness/http.js';
import { memoryOf, runJson, type Server, startGateway, withTempDir } from '../harness/processes.js';
import { median, type Row, type RowContext, type RowResult } from '../harness/row.js';

const PARTITIONS = 16;
const MEMBERS = 4;
const RECORD_BYTES = 100;
const BATCH_RECORDS = 10_000;
/** Session of a member that falls silent, ms: the shortest by default. */
const SESSION_MS = 1000;
const FED = { isFed: true };

/** See bench/load/group-load.mjs. */
interface GroupLoadResult {
  readonly recordsPerSecond: number;
}

export const groupConsumeRow: Row = {
  id: 'group-consume',
  title: '4 members of a group over 16 partitions, against the same reads without a group',
  run: (context) =>
    withGateway({}, async (server) => {
      const records = context.isQuick ? 320_000 : 1_600_000;
      await fill(server, records);
      const all = { server, context, records };
      return [
        await measureConsume({ ...all, name: 'polls, limit 500', limit: 500 }, [
          'fetches',
          'polls',
        ]),
        await measureConsume({ ...all, name: 'polls, limit 1', limit: 1, records: 4000 }, [
          'fetches',
          'polls',
        ]),
        await measureConsume({ ...all, name: 'WebSocket', limit: 500 }, [
          'sockets',
          'member-sockets',
        ]),
      ];
    }),
};

interface Consume {
  readonly server: Server;
  readonly context: RowContext;
  readonly name: string;
  readonly limit: number;
  readonly records: number;
}

async function measureConsume(
  { server, context, name, limit, records }: Consume,
  [plain, grouped]: readonly [string, string],
): Promise<RowResult> {
  const read = async (mode: string, round: number): Promise<number> => {
    const shape = { topic: 'bench', partitions: PARTITIONS, clients: MEMBERS, limit, records };
    const group = `${mode}-${limit}-${round}`;
    const options = { port: server.port, mode, group, ...shape };
    const script = ['bench/load/group-load.mjs', JSON.stringify(options)];
    return (await runJson<GroupLoadResult>('load', script)).recordsPerSecond;
  };
  const ours: number[] = [];
  const baseline: number[] = [];
  for (let round = 0; round < context.rounds; round += 1) {
    context.progress(`group-consume, ${name}: round ${round + 1} of ${context.rounds}`);
    baseline.push(await read(plain, round));
    ours.push(await read(grouped, round));
  }
  return {
    name: `group consume, ${name}`,
    value: median(ours),
    unit: 'records/s',
    baseline: { name: `plain ${plain}`, value: median(baseline) },
    ...(limit === 1 ? {} : { target: 0.7 }),
    peakRssBytes: (await memoryOf(server.pid))?.peak,
  };
}

async function fill(server: Server, count: number): Promise<void> {
  await createTopic(server, 'bench', { partitions: PARTITIONS });
  const value = 'x'.repeat(RECORD_BYTES - 2);
  for (let done = 0; done < count; done += BATCH_RECORDS) {
    const records = Array.from({ length: BATCH_RECORDS }, (_, at) => {
      return { value, partition: at % PARTITIONS };
    });
    await call(server, '/v1/topics/bench/records', { records });
  }
}

export const groupJoinRow: Row = {
  id: 'group-join',
  title: 'join of the 1st, 10th and 100th member to its first record, the others in a long poll',
  run: (context) =>
    withGateway({}, async (server) => {
      await createTopic(server, 'bench', { partitions: 128 });
      const members: BenchMember[] = [];
      const results: RowResult[] = [];
      try {
        for (const nth of [1, 10, 100]) {
          context.progress(`group-join: member ${nth}`);
          while (members.length < nth - 1) {
            const member = await BenchMember.join(server, 'g', `m${members.length}`, FED);
            members.push(member);
            await member.firstRecord;
          }
          const took: number[] = [];
          for (let sample = 0; sample < (context.isQuick ? 20 : 100); sample += 1) {
            const startedMs = performance.now();
            const joined = await BenchMember.join(server, 'g', `s${nth}-${sample}`, FED);
            took.push((await joined.firstRecord) - startedMs);
            await joined.leave();
          }
          results.push(timesRow(`join of member ${nth} to its first record`, took, 50));
        }
      } finally {
        await Promise.all(members.map((member) => member.leave()));
      }
      return results;
    }),
};

export const groupDeathRow: Row = {
  id: 'group-death',
  title: 'a member dies (its socket closes, its session ends) until another one reads on',
  run: (context) =>
    withGateway({}, async (server) => {
      await createTopic(server, 'bench', { partitions: PARTITIONS });
      const closed: number[] = [];
      const silent: number[] = [];
      for (let sample = 0; sample < (context.isQuick ? 10 : 40); sample += 1) {
        const group = `closed-${sample}`;
        const one = await memberSocket(server, group, FED);
        const other = await memberSocket(server, group, FED);
        await other.untilReads(PARTITIONS / 2);
        const startedMs = performance.now();
        one.terminate();
        closed.push((await other.untilReads(PARTITIONS)) - startedMs);
        other.terminate();
      }
      for (let sample = 0; sample < (context.isQuick ? 2 : 5); sample += 1) {
        const group = `silent-${sample}`;
        const request = { sessionTimeoutMs: SESSION_MS };
        await BenchMember.joinOnly(server, group, 'dead', { request });
        const lastCallMs = performance.now();
        const other = await BenchMember.join(server, group, 'other', FED);
        silent.push((await other.firstRecord) - lastCallMs - SESSION_MS);
        await other.leave();
      }
      return [
        timesRow('socket of a member closes to all of its partitions read by another', closed, 100),
        timesRow('session of a silent member over to the first record of another', silent, 200),
      ];
    }),
};

export const groupFailoverRow: Row = {
  id: 'group-failover',
  title: 'the coordinator of a group is killed: longest pause of a member',
  run: (context) =>
    BenchCluster.run({}, async (cluster) => {
      await cluster.createTopic('bench', { partitions: 3 });
      await cluster.untilInSync('bench');
      const servers = () => cluster.brokers;
      const [first] = cluster.brokers;
      if (first === undefined) throw new Error('no broker');
      const member = await BenchMember.join(first, 'g', 'm', { servers });
      const source = RecordSource.start(3, servers);
      await member.firstRecord;
      await cluster.untilInSync('__consumer_offsets');
      const { coordinator } = await call(first, '/v1/groups/g', undefined, 'GET');
      context.progress(`group-failover: broker ${String(coordinator)} is killed`);
      const killedMs = performance.now();
      await cluster.stop(Number(coordinator), 'SIGKILL');
      await until(
        'records after the failure',
        async () => member.recordsSince(killedMs + 1000) > 10,
      );
      const pauseMs = member.longestPauseMs;
      await source.stop();
      await member.leave();
      const lease = { name: 'lease + 1 s', value: LEASE_MS + 1000 };
      return [{ name: 'pause of a member', value: pauseMs, unit: 'ms', baseline: lease }];
    }),
};

/** Default of SLUICE_LEASE_MS. */
const LEASE_MS = 6000;

export const groupManyRow: Row = {
  id: 'group-many',
  title: '1,000 groups with 10 members each: memory, CPU at rest, load time',
  run: async (context) => {
    const groups = context.isQuick ? 200 : 1000;
    return withTempDir(async (dataDir) => {
      const env = { SLUICE_CONNECTIONS_MAX: '20000' };
      const server = await startGateway({ dataDir, env });
      await createTopic(server, 'bench', { partitions: 10 });
      const before = (await memoryOf(server.pid))?.rss ?? Number.NaN;
      const sockets = [];
      for (let group = 0; group < groups; group += 1) {
        if (group % 100 === 0) context.progress(`group-many: ${group} groups`);
        const names = Array.from({ length: 10 }, () => memberSocket(server, `g${group}`));
        sockets.push(...(await Promise.all(names)));
      }
      const after = (await memoryOf(server.pid))?.rss ?? Number.NaN;
      const usedSeconds = await cpuSecondsOf(server.pid);
      await new Promise((resolve) => setTimeout(resolve, REST_MS));
      const cpu = ((await cpuSecondsOf(server.pid)) - usedSeconds) / (REST_MS / 1000);
      const size = `${groups} groups, ${groups * 10} members`;
      for (const socket of sockets) socket.terminate();
      await server.stop('SIGKILL');
      const again = await startGateway({ dataDir, env });
      const startedMs = performance.now();
      await call(again, '/v1/groups?limit=1', undefined, 'GET');
      const loadMs = performance.now() - startedMs;
      await again.stop();
      const each = (after - before) / groups / 10 / 1024;
      const overRest = await cpuOfHeartbeats(context, groups);
      return [
        {
          name: `CPU of heartbeats over HTTP, ${size}`,
          value: overRest * 100,
          unit: '% of a core',
        },
        { name: `memory, ${size}`, value: Math.round(each), unit: 'KiB a member' },
        { name: `CPU at rest, ${size}`, value: cpu * 100, unit: '% of a core' },
        { name: `ready to first list of groups, ${size}`, value: loadMs, unit: 'ms' },
      ];
    });
  },
};

const REST_MS = 30_000;
/** Session and time without a poll of members that send nothing until all have joined, ms. */
const LONG_SESSION_MS = 1_800_000;
/** Heartbeats that are under way at the same time. */
const HEARTBEATS_AT_ONCE = 32;
/** Time between two heartbeats of a member: a third of the session time-out by default, ms. */
const HEARTBEAT_MS = 15_000;

/** The share of a core that members over HTTP cost which only send heartbeats. */
function cpuOfHeartbeats(context: RowContext, groups: number): Promise<number> {
  return withGateway({}, async (server) => {
    await createTopic(server, 'bench', { partitions: 10 });
    context.progress(`group-many: ${groups * 10} members over HTTP`);
    const paths: string[] = [];
    for (let group = 0; group < groups; group += 1) {
      const names = Array.from({ length: 10 }, (_, at) => `m${at}`);
      const request = { sessionTimeoutMs: LONG_SESSION_MS, maxPollIntervalMs: LONG_SESSION_MS };
      const join = (name: string) => BenchMember.joinOnly(server, `g${group}`, name, { request });
      await Promise.all(names.map(join));
      paths.push(...names.map((name) => `/v1/groups/g${group}/members/${name}/heartbeat`));
    }
    const usedSeconds = await cpuSecondsOf(server.pid);
    const startedMs = performance.now();
    let next = 0;
    const sendAll = async (): Promise<void> => {
      while (next < (paths.length * REST_MS) / HEARTBEAT_MS) {
        const at = next;
        next += 1;
        const leftMs = startedMs + (at * HEARTBEAT_MS) / paths.length - performance.now();
        if (leftMs > 1) await new Promise((resolve) => setTimeout(resolve, leftMs));
        await call(server, paths[at % paths.length] ?? '', {});
      }
    };
    await Promise.all(Array.from({ length: HEARTBEATS_AT_ONCE }, sendAll));
    return ((await cpuSecondsOf(server.pid)) - usedSeconds) / (REST_MS / 1000);
  });
}

function timesRow(name: string, took: readonly number[], targetMs: number): RowResult {
  const sorted = took.toSorted((one, other) => one - other);
  const p99Ms = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * 0.99))] ?? Number.NaN;
  const p50Ms = median(took);
  return { name, value: p50Ms, unit: 'ms', p50Ms, p99Ms, note: `${targetMs} ms wanted` };
}

function withGateway<T>(
  env: Readonly<Record<string, string>>,
  use: (server: Server) => Promise<T>,
): Promise<T> {
  return withTempDir(async (dataDir) => {
    const server = await startGateway({ dataDir, env });
    try {
      return await use(server);
    } finally {
      await server.stop();
    }
  });
}
