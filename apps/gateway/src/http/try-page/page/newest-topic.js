// Finds the topic that a visitor most probably wants to see.

/** Maximum number of partitions whose last record is fetched; each costs a request. */
const PARTITIONS_MAX = 48;

/**
 * Returns the name of the topic with the newest record; undefined if no topic has one.
 * @param topics as the gateway lists them
 */
export async function topicWithNewestRecord(topics) {
  const ends = topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ logStartOffset, highWatermark }) => highWatermark > (logStartOffset ?? 0))
      .map(({ partition, highWatermark }) => ({ name, partition, offset: highWatermark - 1 })),
  );
  // With more partitions than that, every topic is checked before a second partition of any.
  const asked = ends.toSorted((a, b) => a.partition - b.partition).slice(0, PARTITIONS_MAX);
  const times = await Promise.all(asked.map(timestampAt));
  const newest = Math.max(...times);
  return newest > Number.NEGATIVE_INFINITY ? asked[times.indexOf(newest)].name : undefined;
}

/** Returns the time of one record, without its value; minus infinity if there is none. */
async function timestampAt({ name, partition, offset }) {
  const path = `v1/topics/${encodeURIComponent(name)}/partitions/${partition}/records`;
  const response = await fetch(`${path}?format=raw&limit=1&offset=${offset}`, { method: 'HEAD' });
  const timestamp = response.ok ? response.headers.get('Sluice-Timestamp') : null;
  return timestamp === null ? Number.NEGATIVE_INFINITY : Number(timestamp);
}
