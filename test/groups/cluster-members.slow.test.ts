/**
 * Members of a group on different brokers of a cluster, over REST, while the coordinator of their
 * group dies: they continue without joining again, and every record is read.
 */
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { call, RestMember, type RestPoll, untilPollWaits } from './rest-member.js';

const TOPIC = 'work';
const PARTITIONS = 4;
const TIMEOUT = { timeout: 300_000 };

/** A worker that polls any running broker until it is stopped. */
class Worker {
  readonly values: number[] = [];
  readonly #cluster: ClusterProcesses;
  readonly #member: RestMember;
  #isStopped = false;
  readonly done: Promise<void>;

  constructor(cluster: ClusterProcesses, member: RestMember) {
    this.#cluster = cluster;
    this.#member = member;
    this.done = this.#run();
  }

  get memberId(): string {
    return this.#member.memberId;
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    return this.done;
  }

  async #run(): Promise<void> {
    for (let turn = 0; !this.#isStopped; turn += 1) {
      const { running } = this.#cluster;
      this.#member.url = running[turn % running.length]?.url ?? this.#member.url;
      const answer = await this.#member.tryPoll('waitMs=1000').catch(() => undefined);
      if (answer?.status === 200) {
        const polled = answer.body as RestPoll;
        this.#member.cursor = polled.cursor;
        this.values.push(...polled.records.map(({ value }) => Number(value)));
      } else {
        expect([undefined, 503, 504], JSON.stringify(answer?.body)).toContain(answer?.status);
        await setTimeout(50);
      }
    }
  }
}

describe('members of a group on the brokers of a cluster', () => {
  let cluster: ClusterProcesses;

  beforeAll(async () => {
    cluster = await ClusterProcesses.start();
    await cluster.createTopic(TOPIC, PARTITIONS);
  });

  afterAll(() => cluster.dispose());

  it('continue when their coordinator is killed, and read every record', TIMEOUT, async () => {
    const group = 'workers';
    const request = { topics: [TOPIC], autoOffsetReset: 'earliest', sessionTimeoutMs: 30_000 };
    const workers: Worker[] = [];
    for (const broker of cluster.brokers) {
      workers.push(new Worker(cluster, await RestMember.join(broker.url, group, request)));
    }
    await until('all partitions are assigned', async () => {
      const { body } = await call(cluster.any.url, 'GET', `/v1/groups/${group}`);
      return (body as { state: string }).state === 'Stable';
    });
    const before = await produce(cluster, 0, 200);
    const coordinator = await coordinatorOf(cluster, group);
    await cluster.broker(coordinator).kill();
    const after = await produce(cluster, before, 200);
    const expected = Array.from({ length: after }, (_, value) => value);
    await until('all records are read', () => {
      const seen = new Set(workers.flatMap(({ values }) => values));
      return expected.every((value) => seen.has(value));
    });
    const { body } = await call(cluster.any.url, 'GET', `/v1/groups/${group}`);
    const members = (body as { members: { memberId: string }[] }).members;
    expect(new Set(members.map(({ memberId }) => memberId))).toEqual(
      new Set(workers.map(({ memberId }) => memberId)),
    );
    await Promise.all(workers.map((worker) => worker.stop()));
    await cluster.broker(coordinator).start();
  });

  it('a poll at one broker is answered at once for a join at another one', TIMEOUT, async () => {
    const group = 'joins';
    const [first, second] = cluster.running;
    if (first === undefined || second === undefined) throw new Error('too few brokers');
    const member = await RestMember.join(first.url, group, { topics: [TOPIC] });
    const waiting = member.poll('waitMs=60000');
    await untilPollWaits(first.url);
    const other = await RestMember.join(second.url, group, { topics: [TOPIC] });
    expect((await waiting).revoking).toHaveLength(PARTITIONS / 2);
    const got = other.poll('waitMs=60000');
    await untilPollWaits(second.url);
    await member.poll();
    expect((await got).assignment).toHaveLength(PARTITIONS / 2);
  });
});

async function coordinatorOf(cluster: ClusterProcesses, group: string): Promise<number> {
  const { body } = await call(cluster.any.url, 'GET', `/v1/groups/${group}`);
  return (body as { coordinator: number }).coordinator;
}

/** Produces numbers from `first` on, each until it is acknowledged. @returns the next number */
async function produce(cluster: ClusterProcesses, first: number, count: number): Promise<number> {
  for (let value = first; value < first + count; value += 10) {
    const records = Array.from({ length: 10 }, (_, at) => ({
      value: value + at,
      partition: (value / 10) % PARTITIONS,
    }));
    await until('the records are acknowledged', async () => {
      const path = `/v1/topics/${TOPIC}/records`;
      return (await cluster.any.send(path, 'POST', { records })).status === 200;
    });
  }
  return first + count;
}
