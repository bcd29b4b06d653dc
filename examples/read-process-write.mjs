/**
 * Reads every record of one topic and writes one record to another topic for each: exactly once, even
 * if this program, the network or the gateway fails at any point.
 *
 * usage: node examples/read-process-write.mjs http://localhost:8080 orders invoices
 *
 * Three rules ensure that:
 *   - the sequence of a record that is written is the offset of the record that was read, so that the
 *     gateway recognises a repeated write and answers with the offset of the first;
 *   - the position, and the producer id that belongs to it, are committed together;
 *   - a record is written before the position after it is committed.
 *
 * Every partition of the input has its own writer, which writes to the same partition of the output.
 */
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const RETRY_MS = 500;
const WAIT_MS = 20_000;

/**
 * @typedef {object} Producer
 * @property {number} producerId
 * @property {number} producerEpoch
 *
 * @typedef {object} SluiceRecord
 * @property {number} partition
 * @property {number} offset
 * @property {string | null} [key]
 * @property {any} [value]
 */

/**
 * @param {object} job
 * @param {string} job.url URL of the gateway
 * @param {string} job.group group whose offsets store the position; each program needs its own
 * @param {string} job.from topic to read
 * @param {string} job.to topic to write, with the same number of partitions
 * @param {(record: SluiceRecord) => unknown} job.process returns the value to write; it may run twice
 */
export async function readProcessWrite({ url, group, from, to, process }) {
  const { partitions } = await call(url, 'GET', `/v1/topics/${from}`);
  await Promise.all(
    partitions.map((/** @type {{partition: number}} */ { partition }) => follow(partition)),
  );

  /** @param {number} partition */
  async function follow(partition) {
    let { offset, producer } = await resume(partition);
    for (;;) {
      const query = `offset=${offset}&waitMs=${WAIT_MS}`;
      const path = `/v1/topics/${from}/partitions/${partition}/records?${query}`;
      const { records, nextOffset } = await call(url, 'GET', path);
      for (const record of records) {
        await write(record, await process(record), producer);
      }
      offset = nextOffset;
      if (records.length > 0) await commit(partition, offset, producer);
    }
  }

  /**
   * Returns the position and the producer id of the last run, or the beginning and a new id.
   * @param {number} partition
   * @returns {Promise<{offset: number, producer: Producer}>}
   */
  async function resume(partition) {
    const { offsets } = await call(url, 'GET', `/v1/groups/${group}/offsets?topic=${from}`);
    const committed = offsets.find(
      (/** @type {{partition: number}} */ each) => each.partition === partition,
    );
    if (committed !== undefined && committed.offset !== null) {
      return { offset: committed.offset, producer: JSON.parse(committed.metadata) };
    }
    const producer = await call(url, 'POST', '/v1/producers');
    const path = `/v1/topics/${from}/partitions/${partition}/offsets?at=earliest`;
    const { offset } = await call(url, 'GET', path);
    await commit(partition, offset, producer);
    return { offset, producer };
  }

  /**
   * @param {number} partition
   * @param {number} offset
   * @param {Producer} producer
   */
  async function commit(partition, offset, producer) {
    const position = { topic: from, partition, offset, metadata: JSON.stringify(producer) };
    await call(url, 'PUT', `/v1/groups/${group}/offsets`, { offsets: [position] });
  }

  /**
   * @param {SluiceRecord} record
   * @param {unknown} value
   * @param {Producer} producer
   */
  async function write({ partition, offset, key }, value, { producerId, producerEpoch }) {
    const records = [{ key, value, partition }];
    await call(
      url,
      'POST',
      `/v1/topics/${to}/records`,
      { records },
      {
        'Producer-Id': String(producerId),
        'Producer-Epoch': String(producerEpoch),
        'Producer-Sequence': String(offset),
      },
    );
  }
}

/**
 * Calls the gateway until it gets an answer that repeating the call would not change.
 *
 * @param {string} url
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {Record<string, string>} [headers]
 * @returns {Promise<any>} the JSON of the answer
 */
async function call(url, method, path, body, headers = {}) {
  const hasBody = body !== undefined;
  const request = {
    method,
    headers: hasBody ? { ...headers, 'Content-Type': 'application/json' } : headers,
    ...(hasBody && { body: JSON.stringify(body) }),
  };
  for (;;) {
    const response = await fetch(`${url}${path}`, request).catch(() => undefined);
    /** @type {any} */
    const answer = await response?.json().catch(() => undefined);
    if (response?.ok && answer !== undefined) return answer;
    // The write is in the log already, but it is so old that the gateway has forgotten its offset.
    if (answer?.outcome === 'applied') return answer;
    if (answer !== undefined && answer.retriable === false && answer.outcome !== 'unknown') {
      throw new Error(`${method} ${path}: ${answer.detail}`);
    }
    await setTimeout(RETRY_MS);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [url = 'http://localhost:8080', from = 'orders', to = 'invoices'] = process.argv.slice(2);
  await readProcessWrite({
    url,
    group: `${from}-to-${to}`,
    from,
    to,
    process: ({ value }) => ({ seen: value }),
  });
}
