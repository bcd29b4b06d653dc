/** The status of the brokers, read over the public API. */

const ANSWER_TIMEOUT_MS = 1500;

/**
 * Asks all running brokers at once, and uses the first complete answer.
 * @returns {Promise<Observed>}
 */
export async function observe(brokers) {
  const answers = await Promise.all(
    brokers.map(async (broker) => {
      if (!broker.isRunning) return undefined;
      const cluster = await ask(broker, '/v1/cluster');
      return cluster === undefined ? undefined : { broker, cluster };
    }),
  );
  const serving = answers.filter((answer) => answer !== undefined);
  for (const { broker, cluster } of serving) {
    const topics = await ask(broker, '/v1/topics?internal=true');
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

async function ask({ url }, path) {
  try {
    const response = await fetch(`${url}${path}`, {
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return response.ok ? await response.json() : undefined;
  } catch {
    // The broker is not ready or has ended: the table shows it.
    return undefined;
  }
}
