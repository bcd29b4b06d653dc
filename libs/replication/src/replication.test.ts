import { describe, expect, it } from 'vitest';
import { ReplicaCluster } from './testing/replica-cluster.js';

const ON_THREE = [[0, 1, 2]];
const MIN_TWO = { 'min.insync.replicas': '2' };

describe('replication', () => {
  it('copies every record to all replicas and acknowledges it when all synced it', async () => {
    const cluster = await ReplicaCluster.start(3);
    await cluster.createTopic(ON_THREE, MIN_TWO);
    const outcomes = [cluster.produce(0, 'a'), cluster.produce(0, 'b')];
    await cluster.until(() => cluster.partition(2).highWatermark === 2);
    expect(await Promise.all(outcomes)).toEqual(['acknowledged', 'acknowledged']);
    for (const id of [0, 1, 2]) {
      expect(await cluster.committed(id)).toEqual(['a', 'b']);
      expect(cluster.partition(id).log.offsets.syncedEnd).toBe(2);
    }
    expect(cluster.partition(1).metadata.isr).toEqual([0, 1, 2]);
  });
});
