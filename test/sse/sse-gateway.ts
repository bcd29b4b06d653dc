import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { GatewayUnderTest } from '../data/gateway-under-test.js';
import type { Environment } from '../support/gateway.js';
import { EventClient } from './event-client.js';

/** A gateway for the tests of streams; it ends the streams that a test left open. */
export class SseGateway extends GatewayUnderTest {
  readonly #clients: EventClient[] = [];

  /** Opens a stream. @param path after `/v1/topics/`, with its query */
  async events(path: string, headers: Readonly<Record<string, string>> = {}): Promise<EventClient> {
    const client = await EventClient.open(this.url, path, headers);
    this.#clients.push(client);
    return client;
  }

  /** Appends values to one partition, as one request. */
  async produce(topic: string, values: readonly unknown[], partition = 0): Promise<void> {
    const records = values.map((value) => ({ value, partition }));
    const body = JSON.stringify({ records });
    const headers = { 'Content-Type': 'application/json' };
    const url = `${this.url}/v1/topics/${topic}/records`;
    const response = await fetch(url, { method: 'POST', headers, body });
    expect(response.status, await response.text()).toBe(200);
  }

  async deleteRecords(topic: string, beforeOffset: number): Promise<void> {
    const path = `${topic}/partitions/0/records?beforeOffset=${beforeOffset}`;
    const response = await fetch(`${this.url}/v1/topics/${path}`, { method: 'DELETE' });
    expect(response.status, await response.text()).toBe(200);
  }

  async addPartitions(topic: string, partitions: number): Promise<void> {
    const response = await fetch(`${this.url}/v1/topics/${topic}`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ partitions }),
    });
    expect(response.status, await response.text()).toBe(200);
  }

  async deleteTopic(topic: string): Promise<void> {
    const response = await fetch(`${this.url}/v1/topics/${topic}`, { method: 'DELETE' });
    expect(response.status).toBe(204);
  }

  /** Resolves with the error answer to a refused request for events. */
  async refusal(
    path: string,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Record<string, unknown>> {
    const response = await fetch(`${this.url}/v1/topics/${path}`, { headers });
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const problem = (await response.json()) as Record<string, unknown>;
    expect(problem['status']).toBe(response.status);
    return problem;
  }

  /** The id of events of a topic. @param positions such as `0:12:4,1:7:4` */
  async eventId(topic: string, positions: string): Promise<string> {
    const response = await fetch(`${this.url}/v1/topics/${topic}`);
    const { topicId } = (await response.json()) as { readonly topicId: string };
    return `${positions};${topicId.slice(0, 8)}`;
  }

  /** Resolves when no stream holds memory any more. */
  async untilNoStreams(): Promise<void> {
    await this.untilMetric('sluice_delivery_subscriptions', 0);
    await this.untilMetric('sluice_delivery_cursors', 0);
    await this.untilMetric('sluice_delivery_live_cursors', 0);
    await this.untilMetric('sluice_http_requests_in_flight', 1);
  }

  endStreams(): void {
    for (const client of this.#clients.splice(0)) client.abort();
  }
}

/** Returns a gateway that is started for the tests of a file. */
export function useSseGateway(environment: Environment = {}): SseGateway {
  const gateway = new SseGateway();
  beforeAll(() => gateway.start(environment));
  afterEach(() => {
    gateway.endStreams();
  });
  afterAll(() => gateway.stop());
  return gateway;
}
