import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ClusterBroker, ClusterProcesses } from '../support/cluster-processes.js';
import { until } from '../support/until.js';
import { SocketClient } from '../ws/socket-client.js';

interface Produced {
  readonly offsets: readonly { readonly partition: number; readonly offset: number }[];
}

interface Fetched {
  readonly records: readonly { readonly offset: number; readonly value: unknown }[];
  readonly highWatermark: number;
}

let cluster: ClusterProcesses;

beforeAll(async () => {
  cluster = await ClusterProcesses.start();
});

afterAll(() => cluster.dispose());

function produce(
  broker: ClusterBroker,
  topic: string,
  partition: number,
  values: readonly string[],
) {
  const records = values.map((value) => ({ value, partition }));
  return broker.send<Produced>(`/v1/topics/${topic}/records`, 'POST', { records });
}

async function valuesAt(
  broker: ClusterBroker,
  topic: string,
  partition: number,
): Promise<readonly unknown[]> {
  const path = `/v1/topics/${topic}/partitions/${partition}/records`;
  const { status, body } = await broker.call<Fetched>(path);
  expect(status).toBe(200);
  return body.records.map(({ value }) => value);
}

describe('three brokers', () => {
  test('describe one cluster, all alike', async () => {
    const views = await Promise.all(cluster.brokers.map((broker) => cluster.describe(broker)));
    expect(views[0]).toMatchObject({
      coordination: 'redis',
      brokers: cluster.brokers.map(({ id, url }) => ({ id, url, alive: true })),
    });
    expect(views[1]).toEqual(views[0]);
    expect(views[2]).toEqual(views[0]);
  });

  test('spread leaders and replicas of a topic that any of them creates', async () => {
    const created = await cluster
      .broker(3)
      .send('/v1/topics', 'POST', { name: 'spread', partitions: 6, replicationFactor: 2 });
    expect(created.status).toBe(201);
    const { partitions } = await cluster.untilInSync('spread');
    const count = (ids: readonly (number | null)[]): number[] =>
      cluster.brokers.map(({ id }) => ids.filter((one) => one === id).length);
    expect(count(partitions.map(({ leader }) => leader))).toEqual([2, 2, 2]);
    expect(count(partitions.flatMap(({ replicas }) => replicas))).toEqual([4, 4, 4]);
  });

  test('have a topic, its changes and its end everywhere once they are answered', async () => {
    for (const [index, broker] of Array.from({ length: 12 }, () => cluster.brokers)
      .flat()
      .entries()) {
      const name = `everywhere-${index}`;
      const path = `/v1/topics/${name}`;
      const viewsOf = () => Promise.all(cluster.brokers.map((other) => cluster.topic(name, other)));
      expect((await broker.send('/v1/topics', 'POST', { name, replicationFactor: 1 })).status).toBe(
        201,
      );
      expect(await viewsOf()).toHaveLength(3);
      const change = { partitions: 3, configs: { 'retention.ms': 5000 + index } };
      expect((await broker.send(path, 'PATCH', change)).status).toBe(200);
      for (const { partitions, configs } of await viewsOf()) {
        expect([partitions.length, configs['retention.ms']]).toEqual([3, `${5000 + index}`]);
      }
      const writes = cluster.brokers.map((other) => produce(other, name, 2, ['grown']));
      expect((await Promise.all(writes)).map(({ status }) => status)).toEqual([200, 200, 200]);
      expect((await broker.call(path, { method: 'DELETE' })).status).toBe(204);
      const asked = await Promise.all(cluster.brokers.map((other) => other.call(path)));
      expect(asked.map(({ status }) => status)).toEqual([404, 404, 404]);
    }
  });

  test('refuse a replication factor above their number', async () => {
    const topic = { name: 'too-many', replicationFactor: 4 };
    const { status, body } = await cluster.any.send('/v1/topics', 'POST', topic);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'INVALID_REPLICATION_FACTOR' });
  });

  test('take records at any of them, and show them at all of them', async () => {
    await cluster.createTopic('any', 3);
    for (let partition = 0; partition < 3; partition += 1) {
      const values: string[] = [];
      for (const broker of cluster.brokers) {
        const value = `from-${broker.id}-to-${partition}`;
        const { status, body } = await produce(broker, 'any', partition, [value]);
        expect(status).toBe(200);
        expect(body.offsets).toMatchObject([{ partition, offset: values.length }]);
        values.push(value);
      }
      for (const broker of cluster.brokers) {
        expect(await valuesAt(broker, 'any', partition)).toEqual(values);
      }
    }
  });

  test('show a retrying idempotent producer the offsets of its first attempt', async () => {
    await cluster.createTopic('idempotent', 1);
    const { body } = await cluster.any.send<Record<string, number>>('/v1/producers', 'POST', {});
    const headers = {
      'Content-Type': 'application/json',
      'Producer-Id': String(body['producerId']),
      'Producer-Epoch': String(body['producerEpoch']),
      'Producer-Sequence': '0',
    };
    const init = { method: 'POST', headers, body: '{"value": "once", "partition": 0}' };
    for (const broker of cluster.brokers) {
      const answer = await broker.call<Produced>('/v1/topics/idempotent/records', init);
      expect(answer).toMatchObject({ status: 200, body: { offsets: [{ offset: 0 }] } });
    }
    expect(await valuesAt(cluster.any, 'idempotent', 0)).toEqual(['once']);
  });

  test('give no producer id twice', async () => {
    const rounds = Array.from({ length: 10 }, () => cluster.brokers).flat();
    const answers = await Promise.all(
      rounds.map((broker) => broker.send<Record<string, number>>('/v1/producers', 'POST', {})),
    );
    const ids = answers.map((answer) => answer.body['producerId']);
    expect(new Set(ids).size).toBe(30);
  });

  test('describe a topic alike, with the watermarks of its leaders', async () => {
    await cluster.createTopic('described', 2);
    for (const partition of [0, 1]) await produce(cluster.any, 'described', partition, ['a', 'b']);
    await until('the same description everywhere', async () => {
      const views = await Promise.all(
        cluster.brokers.map((broker) => cluster.topic('described', broker)),
      );
      const isThere = views[0]?.partitions.every(({ highWatermark }) => highWatermark === 2);
      return isThere === true && new Set(views.map((view) => JSON.stringify(view))).size === 1;
    });
  });

  test('wait at any of them for records that are not there yet', async () => {
    await cluster.createTopic('awaited', 1);
    const path = '/v1/topics/awaited/partitions/0/records?offset=0&waitMs=30000';
    const waiting = cluster.brokers.map((broker) => broker.call<Fetched>(path));
    await produce(cluster.any, 'awaited', 0, ['at last']);
    for (const answer of await Promise.all(waiting)) {
      expect(answer.body.records).toMatchObject([{ offset: 0, value: 'at last' }]);
    }
  });

  test('keep the committed offsets of a group, whichever is asked', async () => {
    await cluster.createTopic('grouped', 1);
    await produce(cluster.any, 'grouped', 0, ['a', 'b', 'c']);
    for (const [index, broker] of cluster.brokers.entries()) {
      const offsets = [{ topic: 'grouped', partition: 0, offset: index + 1 }];
      const committed = await broker.send('/v1/groups/readers/offsets', 'PUT', { offsets });
      expect(committed.status).toBe(200);
      for (const other of cluster.brokers) {
        const { body } = await other.call('/v1/groups/readers/offsets');
        expect(body).toMatchObject({ offsets: [{ topic: 'grouped', offset: index + 1 }] });
      }
    }
  });

  test('keep members over WebSocket, and let those that were removed join again', async () => {
    const [topic, group] = ['watched', 'sockets'];
    await cluster.createTopic(topic, 3);
    const clients: SocketClient[] = [];
    try {
      for (const { url } of cluster.brokers) {
        const client = await SocketClient.open(url);
        clients.push(client);
        await client.subscribe({ subscription: 's', topic, group, sessionTimeoutMs: 6000 });
      }
      const path = `/v1/groups/${group}`;
      const memberIds = async () => {
        const { body } = await cluster.any.call<{ members: { memberId: string }[] }>(path);
        return body.members.map(({ memberId }) => memberId);
      };
      for (const memberId of await memberIds()) {
        const removal = { method: 'DELETE' } as const;
        const { status } = await cluster.any.call(`${path}/members/${memberId}`, removal);
        expect(status).toBe(204);
      }
      await until('every client is a member again, with a partition', async () => {
        const { length } = await memberIds();
        return length === 3 && clients.every((client) => client.of('assigned').length > 0);
      });
      expect(clients.flatMap((client) => client.of('error'))).toEqual([]);
    } finally {
      for (const client of clients) await client.close();
    }
  });

  test('forget a deleted topic everywhere, and know another one under its name', async () => {
    await cluster.createTopic('deleted', 1);
    await produce(cluster.any, 'deleted', 0, ['old']);
    expect((await cluster.broker(2).call('/v1/topics/deleted', { method: 'DELETE' })).status).toBe(
      204,
    );
    for (const broker of cluster.brokers) {
      await until(`"deleted" gone at ${broker.id}`, async () => {
        return (await broker.call('/v1/topics/deleted')).status === 404;
      });
    }
    await cluster.createTopic('deleted', 1);
    expect((await produce(cluster.broker(3), 'deleted', 0, ['new'])).body.offsets).toMatchObject([
      { offset: 0 },
    ]);
    expect(await valuesAt(cluster.broker(1), 'deleted', 0)).toEqual(['new']);
  });

  test('take more partitions and other configs from any of them', async () => {
    await cluster.createTopic('altered', 1);
    const change = { partitions: 3, configs: { 'retention.ms': 60_000 } };
    expect((await cluster.broker(2).send('/v1/topics/altered', 'PATCH', change)).status).toBe(200);
    const { partitions } = await until('three partitions in sync', async () => {
      const view = await cluster.untilInSync('altered');
      return view.partitions.length === 3 ? view : undefined;
    });
    expect(partitions.map(({ replicas }) => replicas.length)).toEqual([3, 3, 3]);
    for (const broker of cluster.brokers) {
      const { configs } = await cluster.topic('altered', broker);
      expect(configs['retention.ms']).toBe('60000');
      expect((await produce(broker, 'altered', 2, ['there'])).status).toBe(200);
    }
  });
});
