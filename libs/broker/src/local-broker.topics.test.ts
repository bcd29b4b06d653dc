import { describe, expect, it } from 'vitest';
import type { CreateTopicRequest } from './broker.js';
import { failureOf } from './testing/failure-of.js';
import { produceOf } from './testing/records.js';
import { TestBroker } from './testing/test-broker.js';
import { TEST_DATA_DIR } from './testing/test-broker-settings.js';

describe('createTopic', () => {
  it('makes a topic with all defaults', async () => {
    const { broker } = await TestBroker.start();
    const topic = await broker.createTopic({ name: 'events' });
    expect(topic).toMatchObject({ name: 'events', internal: false });
    expect(topic.configs['retention.ms']).toBe('604800000');
    expect(topic.configs['min.insync.replicas']).toBe('1');
    expect(topic.configSources['retention.ms']).toBe('default');
    expect(topic.partitions).toEqual([
      {
        partition: 0,
        leader: 0,
        leaderEpoch: 0,
        replicas: [0],
        isr: [0],
        logStartOffset: 0,
        highWatermark: 0,
        logEndOffset: 0,
        sizeBytes: 0,
      },
    ]);
    expect(await broker.describeTopic('events')).toEqual(topic);
  });

  it('accepts configs as numbers, booleans and strings, and shows all as strings', async () => {
    const { broker } = await TestBroker.start();
    const configs = {
      'retention.ms': 1000,
      'unclean.leader.election.enable': true,
      'cleanup.policy': 'compact',
    };
    const topic = await broker.createTopic({ name: 'events', configs });
    expect(topic.configs).toMatchObject({
      'retention.ms': '1000',
      'unclean.leader.election.enable': 'true',
      'cleanup.policy': 'compact',
    });
    expect(topic.configSources['retention.ms']).toBe('topic');
    expect(broker.topicLimits('events')?.compacted).toBe(true);
  });

  it('places replicas where the client wants them', async () => {
    const { broker } = await TestBroker.start();
    const topic = await broker.createTopic({ name: 'events', replicaAssignment: [[0], [0]] });
    expect(topic.partitions).toHaveLength(2);
  });

  it.each<[string, Partial<CreateTopicRequest>, string, string[]]>([
    ['no partition', { partitions: 0 }, 'INVALID_PARTITIONS', ['/partitions']],
    ['half a partition', { partitions: 1.5 }, 'INVALID_PARTITIONS', ['/partitions']],
    [
      'more replicas than brokers',
      { replicationFactor: 2 },
      'INVALID_REPLICATION_FACTOR',
      ['/replicationFactor'],
    ],
    ['no replica', { replicationFactor: 0 }, 'INVALID_REPLICATION_FACTOR', ['/replicationFactor']],
    [
      'bad configs',
      { configs: { 'retention.ms': 'soon', 'a/b': 1, 'segment.bytes': 1 } },
      'INVALID_CONFIG',
      ['/configs/retention.ms', '/configs/a~1b', '/configs/segment.bytes'],
    ],
    [
      'more in-sync replicas than replicas',
      { configs: { 'min.insync.replicas': 2 } },
      'INVALID_CONFIG',
      ['/configs/min.insync.replicas'],
    ],
    [
      'a broker that is not there, and one twice',
      { replicaAssignment: [[7], [0, 0]] },
      'INVALID_REQUEST',
      ['/replicaAssignment/0', '/replicaAssignment/1', '/replicaAssignment/1'],
    ],
    [
      'another number of partitions than it assigns',
      { partitions: 3, replicaAssignment: [[0]] },
      'INVALID_REQUEST',
      ['/partitions'],
    ],
  ])('refuses %s', async (_, request, code, pointers) => {
    const { broker } = await TestBroker.start();
    const error = await failureOf(broker.createTopic({ name: 'events', ...request }));
    expect(error.code).toBe(code);
    expect(error.faults.map((fault) => fault.pointer)).toEqual(pointers);
    expect(await broker.listTopics({ includeInternal: true })).toEqual([]);
  });

  it('refuses bad names, names of the cluster, and names that are taken', async () => {
    const { broker } = await TestBroker.start();
    await broker.createTopic({ name: 'events' });
    for (const [name, code] of [
      ['', 'INVALID_TOPIC_EXCEPTION'],
      ['..', 'INVALID_TOPIC_EXCEPTION'],
      ['a b', 'INVALID_TOPIC_EXCEPTION'],
      ['a'.repeat(250), 'INVALID_TOPIC_EXCEPTION'],
      ['__mine', 'INVALID_TOPIC_EXCEPTION'],
      ['events', 'TOPIC_ALREADY_EXISTS'],
    ] as const) {
      const { code: refusal, faults } = await failureOf(broker.createTopic({ name }));
      expect(refusal).toBe(code);
      if (refusal === 'INVALID_TOPIC_EXCEPTION') expect(faults[0]?.pointer).toBe('/name');
    }
    await broker.createTopic({ name: 'Events' });
  });

  it('makes one topic of requests that come together', async () => {
    const { broker } = await TestBroker.start();
    const results = await Promise.allSettled([
      broker.createTopic({ name: 'events', partitions: 1 }),
      broker.createTopic({ name: 'events', partitions: 2 }),
    ]);
    expect(results.map((result) => result.status)).toEqual(['fulfilled', 'rejected']);
    expect((await broker.describeTopic('events')).partitions).toHaveLength(1);
  });

  it('bounds topics and partitions, those of the cluster not counted', async () => {
    const { broker } = await TestBroker.start({ topicsMax: 2, partitionsMax: 5 });
    await broker.createTopic({ name: 'a', partitions: 2 });
    await broker.commitOffsets('g', [{ topic: 'a', partition: 0, offset: 0 }]);
    const tooMany = await failureOf(broker.createTopic({ name: 'b', partitions: 4 }));
    expect(tooMany.code).toBe('POLICY_VIOLATION');
    await broker.createTopic({ name: 'b', partitions: 3 });
    expect((await failureOf(broker.createTopic({ name: 'c' }))).code).toBe('POLICY_VIOLATION');
    expect((await failureOf(broker.alterTopic('a', { partitions: 3 }))).code).toBe(
      'POLICY_VIOLATION',
    );
  });

  it('bounds the partitions of a broker, and says the setting', async () => {
    const { broker } = await TestBroker.start({ partitionsPerBrokerMax: 3 });
    await broker.createTopic({ name: 'a', partitions: 2 });
    for (const refused of [
      broker.createTopic({ name: 'b', partitions: 2 }),
      broker.alterTopic('a', { partitions: 4 }),
      broker.createTopic({ name: 'b', replicaAssignment: [[0], [0]] }),
    ]) {
      expect(await failureOf(refused)).toMatchObject({
        code: 'POLICY_VIOLATION',
        bound: 'SLUICE_PARTITIONS_PER_BROKER_MAX',
      });
    }
    await broker.createTopic({ name: 'b' });
  });

  it('leaves nothing behind when the disk does not take a partition', async () => {
    const test = await TestBroker.start();
    test.disk.failNext('makeDirectory', 'ENOSPC', { path: 'events-1' });
    const error = await failureOf(test.broker.createTopic({ name: 'events', partitions: 2 }));
    expect(error).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', outcome: 'failed' });
    expect(await test.broker.listTopics({ includeInternal: true })).toEqual([]);
    await test.broker.createTopic({ name: 'events', partitions: 2 });
    await test.broker.produce(produceOf('events', [{ value: 'a', partition: 1 }]));
  });
});

describe('alterTopic', () => {
  it('adds partitions, changes configs, and resets configs with null', async () => {
    const { broker } = await TestBroker.start();
    await broker.createTopic({ name: 'events', configs: { 'retention.ms': 1 } });
    const altered = await broker.alterTopic('events', {
      partitions: 3,
      configs: { 'retention.ms': null, 'max.message.bytes': 300 },
    });
    expect(altered.partitions).toHaveLength(3);
    expect(altered.configSources['retention.ms']).toBe('default');
    expect(broker.topicLimits('events')).toMatchObject({
      partitions: 3,
      maxMessageBytes: 300,
      compacted: false,
    });
    await broker.produce(produceOf('events', [{ value: 'a', partition: 2 }]));
  });

  it('keeps what an interrupted client asked for twice', async () => {
    const { broker } = await TestBroker.start();
    await broker.createTopic({ name: 'events' });
    await broker.alterTopic('events', { partitions: 2 });
    expect((await broker.alterTopic('events', { partitions: 2 })).partitions).toHaveLength(2);
  });

  it('refuses to shrink, bad configs, and unknown or internal topics', async () => {
    const { broker } = await TestBroker.start();
    await broker.createTopic({ name: 'events', partitions: 2 });
    await broker.commitOffsets('g', [{ topic: 'events', partition: 0, offset: 0 }]);
    for (const [name, change, code] of [
      ['events', { partitions: 1 }, 'INVALID_PARTITIONS'],
      ['events', { configs: { 'retention.ms': true } }, 'INVALID_CONFIG'],
      ['nowhere', { partitions: 3 }, 'UNKNOWN_TOPIC_OR_PARTITION'],
      ['__consumer_offsets', { partitions: 99 }, 'INVALID_TOPIC_EXCEPTION'],
    ] as const) {
      expect((await failureOf(broker.alterTopic(name, change))).code).toBe(code);
    }
    expect((await failureOf(broker.deleteTopic('__consumer_offsets'))).code).toBe(
      'INVALID_TOPIC_EXCEPTION',
    );
  });
});

describe('deleteTopic', () => {
  it('leaves a log that the disk does not let go for later, and starts all the same', async () => {
    const test = await TestBroker.start();
    await test.broker.createTopic({ name: 'events', partitions: 3 });
    await test.broker.createTopic({ name: 'orders' });
    await test.broker.produce(produceOf('events', ['a', 'b', 'c']));
    test.disk.failNext('rename', 'EIO', { path: 'events-1', times: 2 });
    await test.broker.deleteTopic('events');
    expect(await logDirectories(test)).toEqual(['events-1', 'orders-0']);
    await test.restart();
    expect(await logDirectories(test)).toEqual(['events-1', 'orders-0']);
    await test.restart();
    expect(await logDirectories(test)).toEqual(['orders-0']);
  });

  it('removes the records for good: a topic of the same name begins empty', async () => {
    const test = await TestBroker.start();
    await test.broker.createTopic({ name: 'events' });
    await test.broker.produce(produceOf('events', ['a']));
    await test.broker.deleteTopic('events');
    expect((await failureOf(test.broker.describeTopic('events'))).code).toBe(
      'UNKNOWN_TOPIC_OR_PARTITION',
    );
    const again = await test.broker.createTopic({ name: 'events' });
    expect(again.partitions[0]?.logEndOffset).toBe(0);
  });

  it('answers those who wait: producers, and readers at the tail', async () => {
    const test = await TestBroker.start({ lingerMs: 1000 });
    await test.broker.createTopic({ name: 'events' });
    const waiting = [
      failureOf(test.broker.produce(produceOf('events', ['a']))),
      failureOf(
        test.broker.fetch({
          topic: 'events',
          partition: 0,
          offset: 0,
          maxBytes: 1,
          minBytes: 1,
          waitMs: 1000,
        }),
      ),
    ];
    await test.broker.deleteTopic('events');
    for (const error of await Promise.all(waiting)) {
      expect(error.code).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    }
    expect(test.opened.status().delayedFetches).toBe(0);
  });
});

describe('the status in slices', () => {
  it('lists a partition once whose topic is deleted and made again meanwhile', async () => {
    const bounds = { partitionsMax: 2000, partitionsPerBrokerMax: 2000 };
    const test = await TestBroker.start(bounds);
    await test.broker.createTopic({ name: 'again' });
    await test.broker.createTopic({ name: 'many', partitions: 1500 });
    const reading = test.opened.statusInSlices();
    await test.broker.deleteTopic('again');
    await test.broker.createTopic({ name: 'again' });
    let isRead = false;
    void reading.finally(() => {
      isRead = true;
    });
    await Promise.resolve();
    expect(isRead).toBe(false);
    const { partitions } = await reading;
    expect(partitions.filter(({ topic }) => topic === 'again')).toHaveLength(1);
    expect(partitions).toHaveLength(1501);
  });
});

describe('topics over a restart', () => {
  it('are there with their records and configs, under a new leader epoch', async () => {
    const test = await TestBroker.start();
    await test.broker.createTopic({ name: 'events', configs: { 'retention.ms': 77_000 } });
    await test.broker.produce(produceOf('events', ['a']));
    for (const [epoch, start] of [
      [1, () => test.restart()],
      [2, () => test.losePower()],
    ] as const) {
      await start();
      const topic = await test.broker.describeTopic('events');
      expect(topic.configs['retention.ms']).toBe('77000');
      expect(topic.partitions[0]).toMatchObject({
        leaderEpoch: epoch,
        highWatermark: 1,
        logEndOffset: 1,
      });
    }
  });

  it('a partition whose log has vanished is offline, and the others are served', async () => {
    const test = await TestBroker.start();
    await test.broker.createTopic({ name: 'events', partitions: 2 });
    await test.broker.produce(produceOf('events', [{ value: 'a', partition: 0 }]));
    await test.opened.close();
    await test.disk.removeDirectory(`${TEST_DATA_DIR}/events-0`);
    await test.open();
    const { partitions } = await test.broker.describeTopic('events');
    expect(partitions[0]).toMatchObject({ leader: null, highWatermark: null, logEndOffset: null });
    expect(partitions[1]).toMatchObject({ leader: 0, highWatermark: 0 });
    const error = await failureOf(
      test.broker.produce(produceOf('events', [{ value: 'b', partition: 0 }])),
    );
    expect(error.code).toBe('KAFKA_STORAGE_ERROR');
    await test.broker.produce(produceOf('events', [{ value: 'b', partition: 1 }]));
    const offline = test.opened.status().partitions.filter((one) => one.offline !== undefined);
    expect(offline).toMatchObject([{ topic: 'events', partition: 0, highWatermark: null }]);
  });

  it('a deletion that was interrupted is finished at the next start', async () => {
    const test = await TestBroker.start();
    await test.broker.createTopic({ name: 'events', partitions: 2 });
    test.disk.failNext('rename', 'EIO', { path: 'events-1' });
    await test.broker.deleteTopic('events');
    await test.losePower();
    expect(await test.broker.listTopics({ includeInternal: true })).toEqual([]);
    expect(test.opened.status().partitions).toEqual([]);
    const left = await test.disk.readDirectory(TEST_DATA_DIR);
    expect(left.filter(({ name }) => name.startsWith('events'))).toEqual([]);
  });

  it('a creation that was interrupted leaves the topic whole or not at all', async () => {
    for (let operations = 1; operations < 60; operations += 1) {
      const test = await TestBroker.start();
      let left = operations;
      const creation = test.broker.createTopic({ name: 'events', partitions: 2 });
      creation.catch(() => undefined);
      while (left > 0) {
        await Promise.resolve();
        left -= 1;
      }
      await test.losePower();
      const topics = await test.broker.listTopics({ includeInternal: true });
      for (const topic of topics) {
        expect(topic.partitions.map((partition) => partition.leader)).toEqual([0, 0]);
      }
      if (topics.length === 0) await test.broker.createTopic({ name: 'events', partitions: 2 });
      await test.broker.produce(produceOf('events', [{ value: 'a', partition: 1 }]));
    }
  });
});

describe('describeCluster', () => {
  it('shows the one broker, which is the controller', async () => {
    const { broker } = await TestBroker.start({ rack: 'r1' });
    expect(broker.describeCluster()).toEqual({
      clusterId: 'sluice',
      coordination: 'embedded',
      controller: 0,
      brokers: [{ id: 0, url: 'http://127.0.0.1:8080', rack: 'r1', alive: true }],
    });
  });
});

describe('openLocalBroker', () => {
  it('changes no metadata when it stops: nobody could take over', async () => {
    const test = await TestBroker.start();
    await test.broker.createTopic({ name: 'events' });
    const before = await test.disk.readFile(`${TEST_DATA_DIR}/coordination.json`);
    await test.opened.announce();
    await test.opened.close();
    expect(await test.disk.readFile(`${TEST_DATA_DIR}/coordination.json`)).toEqual(before);
  });

  it('shows no state of a cluster: it has no peers', async () => {
    const test = await TestBroker.start();
    expect(test.opened.status().cluster).toBeUndefined();
  });

  it('refuses the data directory of another cluster or another process', async () => {
    const test = await TestBroker.start();
    await expect(test.open()).rejects.toMatchObject({ name: 'DataDirLockedError' });
    await test.opened.close();
    await expect(test.open({ clusterId: 'other' })).rejects.toMatchObject({ fault: 'foreign' });
    await expect(test.open({ brokerId: 1 })).rejects.toMatchObject({ fault: 'foreign' });
    await test.open();
  });
});

/** The directories of partitions that are on the disk. */
async function logDirectories({ disk }: TestBroker): Promise<string[]> {
  const entries = await disk.readDirectory(TEST_DATA_DIR);
  return entries.flatMap(({ name, isDirectory }) => (isDirectory ? [name] : [])).toSorted();
}
