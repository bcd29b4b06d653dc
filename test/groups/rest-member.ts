import { expect } from 'vitest';
import { metricOf } from '../support/metric-of.js';
import { until } from '../support/until.js';

export interface RestPartition {
  readonly topic: string;
  readonly partition: number;
}

interface RestRecord extends RestPartition {
  readonly offset: number;
  readonly value: unknown;
}

export interface RestPoll {
  readonly records: readonly RestRecord[];
  readonly cursor: string;
  readonly generation: number;
  readonly assignment: readonly RestPartition[];
  readonly revoking: readonly RestPartition[];
  readonly resets: readonly { readonly from: number; readonly to: number }[];
}

export interface RestAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** A member of a group over REST, as a client with `fetch` has it. It may change its gateway. */
export class RestMember {
  url: string;
  readonly group: string;
  readonly memberId: string;
  generation: number;
  assignment: readonly RestPartition[];
  cursor: string | undefined;

  private constructor(url: string, group: string, joined: RestPoll & { memberId: string }) {
    this.url = url;
    this.group = group;
    this.memberId = joined.memberId;
    this.generation = joined.generation;
    this.assignment = joined.assignment;
  }

  static async join(url: string, group: string, request: object): Promise<RestMember> {
    const { status, body } = await tryJoin(url, group, request);
    expect(status, JSON.stringify(body)).toBe(201);
    return new RestMember(url, group, body as RestPoll & { memberId: string });
  }

  get path(): string {
    return `/v1/groups/${encodeURIComponent(this.group)}/members/${encodeURIComponent(this.memberId)}`;
  }

  /** Polls with the cursor of the last answer, and remembers the cursor of this one. */
  async poll(query = ''): Promise<RestPoll> {
    const { status, body } = await this.tryPoll(query);
    expect(status, JSON.stringify(body)).toBe(200);
    const polled = body as RestPoll;
    this.cursor = polled.cursor;
    this.generation = polled.generation;
    this.assignment = polled.assignment;
    return polled;
  }

  /** Polls without taking note of the answer, as when it is lost. */
  tryPoll(query = ''): Promise<RestAnswer> {
    const cursor = this.cursor === undefined ? '' : `&cursor=${this.cursor}`;
    return call(this.url, 'GET', `${this.path}/records?${query}${cursor}`);
  }

  heartbeat(body?: object): Promise<RestAnswer> {
    return call(this.url, 'POST', `${this.path}/heartbeat`, body);
  }

  commit(offsets: readonly object[], generation = this.generation): Promise<RestAnswer> {
    return call(this.url, 'PUT', `${this.path}/offsets`, { offsets, generation });
  }

  async leave(): Promise<void> {
    expect((await call(this.url, 'DELETE', this.path)).status).toBe(204);
  }
}

export function tryJoin(url: string, group: string, request: object): Promise<RestAnswer> {
  return call(url, 'POST', `/v1/groups/${encodeURIComponent(group)}/members`, request);
}

/** Resolves when one poll of a member waits at a gateway. */
export async function untilPollWaits(url: string): Promise<void> {
  await until('a poll waits', async () => {
    return (await metricOf(url, 'sluice_group_polls_waiting')) === 1;
  });
}

/** Calls an operation with a body of JSON; the answer's body is undefined when there is none. */
export async function call(
  url: string,
  method: string,
  path: string,
  body?: object,
): Promise<RestAnswer> {
  const response = await fetch(url + path, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}
