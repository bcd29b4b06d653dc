import { describe, expect, it } from 'vitest';
import { type ClusterState, EMPTY_CLUSTER } from '../cluster-state.js';
import { IncompleteRegistryError } from '../registry-errors.js';
import { brokerOf, clusterOf, partitionOf, topicOf } from '../testing/cluster-fixture.js';
import { RedisKeys } from './redis-keys.js';
import {
  changesFromEmpty,
  type SnapshotReply,
  stateOfSnapshot,
  writesFor,
} from './registry-codec.js';

const KEYS = new RedisKeys('sluice');
const STATE = clusterOf([brokerOf(0)], [topicOf('jobs', [partitionOf(), partitionOf()])]);

describe('the metadata in a snapshot of Redis', () => {
  it('is the state that was written', () => {
    const { brokers, topics, version, changeId } = stateOfSnapshot(snapshotOf(STATE));
    expect({ brokers, topics, version, changeId }).toEqual({
      brokers: STATE.brokers,
      topics: STATE.topics,
      version: STATE.version,
      changeId: STATE.changeId,
    });
  });

  it.each<[missing: string, without: (keys: RedisKeys) => string]>([
    ['Redis lacks the version', (keys) => keys.version],
    ['Redis lacks broker 0', (keys) => keys.broker(0)],
    ['Redis lacks topic "jobs"', (keys) => keys.topic('jobs')],
    ['Redis lacks partition 1 of topic "jobs"', (keys) => keys.partition('jobs', 1)],
  ])('is refused as incomplete: %s', (missing, without) => {
    const read = () => stateOfSnapshot(snapshotOf(STATE, without(KEYS)));
    expect(read).toThrow(IncompleteRegistryError);
    expect(read).toThrow(missing);
  });
});

/** The answer of `snapshot.lua` after these metadata were written, without the value of one key. */
function snapshotOf(state: ClusterState, lostKey?: string): SnapshotReply {
  const values = new Map([[KEYS.version, `${state.version} ${state.changeId}`]]);
  for (const { key, verb, value } of writesFor(KEYS, EMPTY_CLUSTER, changesFromEmpty(state))) {
    if (verb === 'set') values.set(key, value);
  }
  const valueOf = (key: string): string | null =>
    key === lostKey ? null : (values.get(key) ?? null);
  const brokers = Array.from(state.brokers.keys(), (id) => [String(id), valueOf(KEYS.broker(id))]);
  const topics = Array.from(state.topics.values(), ({ name, partitions }) => [
    name,
    valueOf(KEYS.topic(name)),
    partitions.map((_, partition) => valueOf(KEYS.partition(name, partition))),
  ]);
  return ['{}', valueOf(KEYS.version), null, brokers.flat(), topics.flat(), [], null, 1];
}
