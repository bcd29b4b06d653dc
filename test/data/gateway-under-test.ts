import { randomUUID } from 'node:crypto';
import supertest from 'supertest';
import { afterAll, beforeAll, expect } from 'vitest';
import { type Environment, GatewayProcess } from '../support/gateway.js';
import { metricOf } from '../support/metric-of.js';

/** A gateway for the tests of a file, with what they all do. */
export class GatewayUnderTest {
  #gateway: GatewayProcess | undefined;

  get process(): GatewayProcess {
    if (this.#gateway === undefined) throw new Error('the gateway is not started');
    return this.#gateway;
  }

  get url(): string {
    return this.process.url;
  }

  async start(environment: Environment): Promise<void> {
    this.#gateway = await GatewayProcess.start(environment);
  }

  async stop(): Promise<void> {
    await this.#gateway?.dispose();
  }

  /** Makes a topic and returns its name. */
  async topic(options: Record<string, unknown> = {}): Promise<string> {
    const name = `t-${randomUUID()}`;
    await supertest(this.url)
      .post('/v1/topics')
      .send({ name, ...options })
      .expect(201);
    return name;
  }

  /** The values of all records of partition 0. */
  async values(topic: string): Promise<unknown[]> {
    const response = await fetch(
      `${this.url}/v1/topics/${topic}/partitions/0/records?limit=1000000`,
    );
    expect(response.status).toBe(200);
    const { records } = (await response.json()) as { records: { value: unknown }[] };
    return records.map((record) => record.value);
  }

  /** A number that /metrics shows, by its name. */
  metric(name: string): Promise<number> {
    return metricOf(this.url, name);
  }

  /** Resolves when the metric has the value. */
  async untilMetric(name: string, value: number): Promise<void> {
    await expect.poll(() => this.metric(name), { interval: 20 }).toBe(value);
  }

  /** Resolves when no request holds anything; the request that asks is in flight itself. */
  async untilIdle(): Promise<void> {
    await this.untilMetric('sluice_http_requests_in_flight', 1);
    await this.untilMetric('sluice_http_request_memory_used_bytes', 0);
    await this.untilMetric('sluice_http_long_polls', 0);
    await this.untilMetric('kafka_server_delayedoperationpurgatory_fetch_purgatorysize', 0);
  }
}

/** A gateway that is started for the tests of a file. */
export function useGateway(environment: Environment = {}): GatewayUnderTest {
  const gateway = new GatewayUnderTest();
  beforeAll(() => gateway.start(environment));
  afterAll(() => gateway.stop());
  return gateway;
}
