import { expect } from 'vitest';
import type { useGateway } from '../data/gateway-under-test.js';
import { until } from '../support/until.js';

/** A record of a queue as its members get it. */
export interface QueuedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: unknown;
  readonly value: unknown;
  readonly deliveryCount: number;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

/** An answer of the gateway. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

type Gateway = Pick<ReturnType<typeof useGateway>, 'url' | 'topic'>;

/** A queue group on a topic of its own, with calls over REST. */
export class RestQueue {
  readonly #url: string;
  readonly group: string;

  constructor(
    gateway: Gateway,
    readonly topic: string,
    group = `g-${Math.random().toString(36).slice(2)}`,
  ) {
    this.#url = gateway.url;
    this.group = group;
  }

  static async open(gateway: Gateway, options: Record<string, unknown> = {}): Promise<RestQueue> {
    return new RestQueue(gateway, await gateway.topic(options));
  }

  /** Calls a path of the group, or one of the gateway when it begins with `/v1`. */
  async call(method: string, path: string, body?: object): Promise<Answer> {
    const url = path.startsWith('/v1') ? path : `/v1/groups/${this.group}${path}`;
    const response = await fetch(this.#url + url, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(body === undefined ? {} : { headers: { 'Content-Type': 'application/json' } }),
    });
    const text = await response.text();
    const parsed = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    return { status: response.status, body: parsed };
  }

  async produce(...records: readonly object[]): Promise<void> {
    await this.#ok('POST', `/v1/topics/${this.topic}/records`, { records });
  }

  async join(memberId: string, options: object = {}): Promise<void> {
    const all = { memberId, topics: [this.topic], mode: 'queue', autoOffsetReset: 'earliest' };
    await this.#ok('POST', '/members', { ...all, ...options });
  }

  async leave(memberId: string): Promise<void> {
    await this.#ok('DELETE', `/members/${memberId}`);
  }

  async poll(memberId: string, query = ''): Promise<QueuedRecord[]> {
    const { records } = await this.#ok('GET', `/members/${memberId}/records?${query}`);
    return records as QueuedRecord[];
  }

  async ack(
    memberId: string,
    records: readonly Pick<QueuedRecord, 'topic' | 'partition' | 'offset'>[],
    members: object = { type: 'ack' },
  ): Promise<unknown> {
    const acks = records.map(({ topic, partition, offset }) => {
      return { topic, partition, offset, ...members };
    });
    return (await this.#ok('POST', `/members/${memberId}/acks`, { acks }))['acks'];
  }

  async alter(configs: object): Promise<void> {
    await this.#ok('PATCH', '/configs', { configs });
  }

  /** The description of the group. */
  describe(): Promise<Record<string, unknown>> {
    return this.#ok('GET', '');
  }

  /** Records of a partition of any topic from its start; none when there is no such topic. */
  async recordsOf(topic: string, partition = 0): Promise<QueuedRecord[]> {
    const path = `/v1/topics/${topic}/partitions/${partition}/records`;
    const { status, body } = await this.call('GET', path);
    return status === 200 ? (body['records'] as QueuedRecord[]) : [];
  }

  async #ok(method: string, path: string, body?: object): Promise<Record<string, unknown>> {
    const answer = await this.call(method, path, body);
    expect([200, 201, 204], JSON.stringify(answer.body)).toContain(answer.status);
    return answer.body;
  }
}

/**
 * Waits until a group is done with all records of its topics.
 * @param queue the queue at a broker that can be called now
 */
export async function untilFinished(queue: () => RestQueue): Promise<void> {
  await until('the group is done with all records', async () => {
    return (await queue().describe())['lag'] === 0;
  });
}

/** The values of records. */
export const valuesOf = (records: readonly QueuedRecord[]) => records.map(({ value }) => value);
