import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { useSseGateway } from './sse-gateway.js';

const gateway = useSseGateway();
const running: ChildProcess[] = [];

afterEach(() => {
  for (const child of running.splice(0)) child.kill();
});

/** A running curl, and the lines that it prints. */
class Curl {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(...args: readonly string[]) {
    const child = spawn('curl', ['-sN', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    running.push(child);
    this.#child = child;
    this.#lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error('curl has ended');
    return value;
  }

  /** Resolves with its exit code. */
  async ended(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'exit');
    return this.#child.exitCode;
  }

  /** Sends SIGINT, like Control-C. */
  interrupt(): void {
    this.#child.kill('SIGINT');
  }
}

test('curl -N shows events as they arrive', async () => {
  const topic = await gateway.topic({ partitions: 2 });
  const curl = new Curl(`${gateway.url}/v1/topics/${topic}/events`);
  const opening = [await curl.line(), await curl.line(), await curl.line(), await curl.line()];
  const first = await gateway.eventId(topic, '0:0:0,1:0:0');
  expect(opening).toEqual(['retry: 2000', 'event: position', `id: ${first}`, '']);
  for (const offset of [0, 1, 2]) {
    await gateway.produce(topic, [{ n: offset }], 1);
    expect(await curl.line()).toBe('event: record');
    expect(await curl.line()).toContain(`"value":{"n":${offset}}`);
    const id = await gateway.eventId(topic, `0:0:0,1:${offset + 1}:0`);
    expect(await curl.line()).toBe(`id: ${id}`);
    expect(await curl.line()).toBe('');
  }
  curl.interrupt();
  await gateway.untilNoStreams();
});

test('curl -N exits with 0 at the end of the stream', async () => {
  const topic = await gateway.topic();
  const curl = new Curl(`${gateway.url}/v1/topics/${topic}/events`);
  for (let lines = 0; lines < 4; lines += 1) await curl.line();
  await gateway.deleteTopic(topic);
  expect(await curl.line()).toBe('retry: 10000');
  expect(await curl.line()).toBe('event: error');
  expect(await curl.line()).toContain('UNKNOWN_TOPIC_OR_PARTITION');
  expect(await curl.ended()).toBe(0);
});

test('curl -N shows lines of NDJSON as they arrive', async () => {
  const topic = await gateway.topic();
  const url = `${gateway.url}/v1/topics/${topic}/partitions/0/records?follow=true`;
  const curl = new Curl('-H', 'Accept: application/x-ndjson', url);
  for (const offset of [0, 1, 2]) {
    await gateway.produce(topic, [{ n: offset }]);
    expect(JSON.parse(await curl.line())).toMatchObject({ offset, value: { n: offset } });
  }
  curl.interrupt();
  await gateway.untilIdle();
});

test('curl -N of NDJSON with waitMs exits with 0 after silence', async () => {
  const topic = await gateway.topic();
  await gateway.produce(topic, ['a']);
  const url = `${gateway.url}/v1/topics/${topic}/partitions/0/records?waitMs=100`;
  const curl = new Curl('-H', 'Accept: application/x-ndjson', url);
  expect(JSON.parse(await curl.line())).toMatchObject({ offset: 0 });
  expect(JSON.parse(await curl.line())).toEqual({ nextOffset: 1, highWatermark: 1 });
  expect(await curl.ended()).toBe(0);
});
