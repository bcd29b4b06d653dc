/** Three brokers of which one took over from another that may not have heard of it. */
import { ReplicaCluster } from '#replication/testing';

/** Broker 0 leads partition 0, and one record is committed. */
export async function clusterLedByFirstBroker(): Promise<ReplicaCluster> {
  const cluster = await ReplicaCluster.start(3);
  await cluster.createTopic([[0, 1, 2]], { 'min.insync.replicas': '2' });
  await produced(cluster, 0, 'a');
  return cluster;
}

/** Broker 1 takes over and commits a second record, and broker 0 has not heard of it. */
export async function takeOverUnnoticed(cluster: ReplicaCluster): Promise<void> {
  cluster.process(0).sight.fallBehind();
  await cluster.elect(1, [1, 2]);
  await produced(cluster, 1, 'b');
}

async function produced(cluster: ReplicaCluster, id: number, value: string): Promise<void> {
  const outcome = cluster.produce(id, value);
  await cluster.until(async () => (await cluster.committed(id)).includes(value));
  if ((await outcome) !== 'acknowledged') throw new Error(`the record is ${await outcome}`);
  await cluster.settle();
}
