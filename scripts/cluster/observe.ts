/** The status of the brokers, read over the public API. */
import type { ClusterBroker } from './cluster-broker.js';

const ANSWER_TIMEOUT_MS = 1500;

/** A broker in the answer of `/v1/cluster`. */
interface RegisteredBroker {
  readonly id: number;
  readonly alive: boolean;
}

/** The part of the answer of `/v1/cluster` that is shown. */
export interface ObservedCluster {
  readonly controller: number | null;
  readonly brokers: readonly RegisteredBroker[];
}

/** The part of a partition in the answer of `/v1/topics` that is shown. */
export interface ObservedPartition {
  readonly partition: number;
  readonly leader: number | null;
  readonly leaderEpoch: number | null;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly highWatermark: number | null;
  readonly logEndOffset: number | null;
}

export interface ObservedTopic {
  readonly name: string;
  readonly internal: boolean;
  readonly partitions: readonly ObservedPartition[];
}

export interface Observed {
  /** Brokers that answered. */
  readonly servingIds: readonly number[];
  /** Undefined when no broker answered. */
  readonly cluster: ObservedCluster | undefined;
  readonly topics: readonly ObservedTopic[];
}

/** Asks all running brokers at once, and uses the first complete answer. */
export async function observe(brokers: readonly ClusterBroker[]): Promise<Observed> {
  const answers = await Promise.all(
    brokers.map(async (broker) => {
      if (!broker.isRunning) return undefined;
      const cluster = await ask<ObservedCluster>(broker, '/v1/cluster');
      return cluster === undefined ? undefined : { broker, cluster };
    }),
  );
  const serving = answers.filter((answer) => answer !== undefined);
  for (const { broker, cluster } of serving) {
    const topics = await ask<{ topics: ObservedTopic[] }>(broker, '/v1/topics?internal=true');
    if (topics === undefined) continue;
    return {
      servingIds: serving.map((answer) => answer.broker.id),
      cluster,
      topics: topics.topics,
    };
  }
  return {
    servingIds: serving.map(({ broker }) => broker.id),
    cluster: serving[0]?.cluster,
    topics: [],
  };
}

async function ask<T>({ url }: ClusterBroker, path: string): Promise<T | undefined> {
  try {
    const response = await fetch(`${url}${path}`, {
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return response.ok ? ((await response.json()) as T) : undefined;
  } catch {
    // The broker is not ready or has ended: the table shows it.
    return undefined;
  }
}
