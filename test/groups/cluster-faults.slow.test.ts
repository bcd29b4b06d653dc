/**
 * A group of workers over REST and WebSocket on real brokers that are killed, paused and cut off,
 * while the workers crash and freeze for longer than their sessions.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClusterBroker, ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { RestWorker, SocketWorker } from './faulty-workers.js';
import { call } from './rest-member.js';

const TOPIC = 'work';
const PARTITIONS = 6;
const SESSION_MS = 3000;
const TIMEOUT = { timeout: 600_000 };

interface GroupView {
  readonly coordinator: number | null;
  readonly members: readonly { readonly memberId: string }[];
}

let cluster: ClusterProcesses;

beforeAll(async () => {
  cluster = await ClusterProcesses.start({ withRelays: true });
  await cluster.createTopic(TOPIC, PARTITIONS);
});

afterAll(() => cluster?.dispose());

describe('a group under faults', () => {
  const group = 'under-faults';
  const options = { group, topic: TOPIC, sessionTimeoutMs: SESSION_MS };

  it(
    'nothing is skipped, and zombies are refused, whatever happens to brokers and members',
    TIMEOUT,
    async () => {
      const rest = [0, 1, 2].map((at) => new RestWorker(cluster, options, at).start());
      const sockets = [0, 1, 2].map((at) => new SocketWorker(cluster, options, at).start());
      const workers = [...rest, ...sockets];
      const [restWorker] = rest;
      const [socketWorker, otherSocket] = sockets;
      if (restWorker === undefined || socketWorker === undefined) throw new Error('no workers');
      const producer = new Numbers(cluster);
      const consumed = (): Promise<void> => untilConsumed(workers, producer.next);

      await producer.produce(120);
      await consumed();
      const killed = await coordinatorOf(group);
      await killed.kill();
      await producer.produce(120);
      otherSocket?.crash();
      await consumed();
      await killed.start();

      const paused = await coordinatorOf(group);
      paused.pause();
      await producer.produce(120);
      await consumed();
      paused.resume();

      const cutOff = await coordinatorOf(group);
      cutOff.isUp = false;
      cluster.isolate(cutOff.id);
      await producer.produce(120);
      await consumed();
      cluster.heal();
      cutOff.isUp = true;
      await cluster.untilAllSeeAlive([1, 2, 3]);

      const zombie = await restWorker.freeze();
      socketWorker.freeze();
      await producer.produce(120);
      await until('the session of the frozen member is over', async () => {
        const { members } = await viewOf(group);
        return members.every(({ memberId }) => memberId !== zombie);
      });
      await consumed();
      await restWorker.thaw();
      socketWorker.thaw();
      await producer.produce(120);
      await consumed();

      await Promise.all(workers.map((worker) => worker.stop()));
      expect(restWorker.fenced).toBe(1);
      expect(workers.flatMap(({ faults }) => faults)).toEqual([]);
      const values = workers.flatMap((worker) => worker.values);
      expect(new Set(values).size).toBe(producer.next);
    },
  );
});

/** Produces numbers from 0 on, each until it is acknowledged. */
class Numbers {
  next = 0;
  readonly #cluster: ClusterProcesses;

  constructor(target: ClusterProcesses) {
    this.#cluster = target;
  }

  async produce(count: number): Promise<void> {
    for (const end = this.next + count; this.next < end; this.next += 10) {
      const records = Array.from({ length: 10 }, (_, at) => ({
        value: this.next + at,
        partition: (this.next / 10) % PARTITIONS,
      }));
      await until('the records are acknowledged', async () => {
        const path = `/v1/topics/${TOPIC}/records`;
        const sent = this.#cluster.any.send(path, 'POST', { records });
        return (await sent.catch(() => undefined))?.status === 200;
      });
    }
  }
}

async function viewOf(group: string): Promise<GroupView> {
  return until('the group is described', async () => {
    const path = `/v1/groups/${group}`;
    const answer = await call(cluster.any.url, 'GET', path).catch(() => undefined);
    return answer?.status === 200 ? (answer.body as GroupView) : undefined;
  });
}

async function coordinatorOf(group: string): Promise<ClusterBroker> {
  return until('the group has a running coordinator', async () => {
    const { coordinator } = await viewOf(group);
    return cluster.running.find(({ id }) => id === coordinator);
  });
}

async function untilConsumed(
  workers: readonly { readonly values: readonly number[] }[],
  count: number,
): Promise<void> {
  await until('all records are consumed', () => {
    return new Set(workers.flatMap(({ values }) => values)).size === count;
  });
}
