import { randomUUID } from 'node:crypto';
import supertest, { type Response } from 'supertest';
import { afterAll, beforeAll, expect } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';

/**
 * The gateway under test: the one at `SLUICE_CONFORMANCE_URL`, or one that is started for the
 * tests. The tests know only the public contract and use topics with names of their own, so that
 * they can run against any gateway.
 */
export class Target {
  #url = process.env['SLUICE_CONFORMANCE_URL'];
  #gateway: GatewayProcess | undefined;

  get url(): string {
    if (this.#url === undefined) throw new Error('the target is not started');
    return this.#url;
  }

  get http(): ReturnType<typeof supertest> {
    return supertest(this.url);
  }

  async start(): Promise<void> {
    if (this.#url !== undefined) return;
    this.#gateway = await GatewayProcess.start();
    this.#url = this.#gateway.url;
  }

  async stop(): Promise<void> {
    await this.#gateway?.dispose();
  }

  /** Creates a topic and returns its name. */
  async topic(options: Record<string, unknown> = {}): Promise<string> {
    const name = `t-${randomUUID()}`;
    await this.http
      .post('/v1/topics')
      .send({ name, ...options })
      .expect(201);
    return name;
  }

  /** Produces JSON records and returns their partitions and offsets. */
  async produce(topic: string, records: readonly unknown[], query = ''): Promise<Place[]> {
    const response = await this.http.post(`/v1/topics/${topic}/records${query}`).send({ records });
    expect(response.status, response.text).toBe(200);
    return (response.body as { offsets: Place[] }).offsets;
  }

  fetch(topic: string, query = '', partition = 0): supertest.Test {
    return this.http.get(`/v1/topics/${topic}/partitions/${partition}/records${query}`);
  }
}

export interface Place {
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
}

/** Provides a target to the tests of a file. */
export function useTarget(): Target {
  const target = new Target();
  beforeAll(() => target.start());
  afterAll(() => target.stop());
  return target;
}

/** Checks that an answer is a problem of the contract; returns its document. */
export function expectProblem(response: Response, status: number, code: string): Problem {
  expect(response.status, response.text).toBe(status);
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json\b/);
  const problem = JSON.parse(response.text) as Problem;
  expect(problem).toMatchObject({ status, code });
  for (const member of ['type', 'title', 'detail', 'instance']) {
    expect(problem[member], `the member ${member}`).toBeTypeOf('string');
  }
  expect(problem['retriable']).toBeTypeOf('boolean');
  expect(response.text).not.toMatch(/node_modules|\.[jt]s:\d+|at \w+ \(/);
  return problem;
}

export interface Problem {
  readonly detail: string;
  readonly outcome?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  readonly [member: string]: unknown;
}

/** Pointers of a problem's faults. */
export function pointers(problem: Problem): string[] {
  return (problem.errors ?? []).map((error) => error.pointer);
}
