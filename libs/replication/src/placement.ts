import type { Random } from '#runtime';

/**
 * Which brokers keep each of `count` new partitions, the preferred leader first: leaders take turns
 * from a random broker on, and the followers of a partition are the brokers behind its leader, at a
 * distance that changes with every round, so that one broker's leaderships fail over to all others.
 * @param brokerIds at least `replicationFactor` of them
 */
export function placeReplicas(
  brokerIds: readonly number[],
  count: number,
  replicationFactor: number,
  random: Random,
): number[][] {
  const brokers = brokerIds.length;
  const start = random.below(brokers);
  return Array.from({ length: count }, (_, partition) => {
    const leader = start + partition;
    const round = Math.floor(partition / brokers);
    return Array.from({ length: replicationFactor }, (_, replica) => {
      const distance = replica === 0 ? 0 : 1 + ((replica - 1 + round) % (brokers - 1));
      return brokerIds[(leader + distance) % brokers] as number;
    });
  });
}
