/** Runs the worker of docs/guide/queues.md, as it is there, in several instances. */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import supertest from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { useGateway } from '../data/gateway-under-test.js';
import { RestQueue, valuesOf } from '../groups/rest-queue.js';
import { until } from '../support/until.js';

const GUIDE = readFileSync('docs/guide/queues.md', 'utf8');
const [, PROGRAM = ''] = /```js\n(.*?)```/s.exec(GUIDE) ?? [];
const [, CONFIGS = ''] = /-d '(\{"configs".*?\})'/.exec(GUIDE) ?? [];
const LETTERS = 60;

const gateway = useGateway();

class PermanentError extends Error {
  readonly isPermanent = true;
}

/** One instance of the program, whose connection a test can break. */
class Worker {
  #socket: WebSocket | undefined;
  #isStopped = false;

  constructor(deliver: (value: number) => Promise<void>) {
    const onSocket = (socket: WebSocket): void => {
      this.#socket = socket;
    };
    const sockets = class extends WebSocket {
      constructor(_: string, protocol: string) {
        super(`${gateway.url.replace('http', 'ws')}/v1/ws`, protocol);
        onSocket(this);
      }
    };
    runInNewContext(PROGRAM, {
      WebSocket: sockets,
      setTimeout: (task: () => void) => this.#isStopped || setTimeout(task, 10),
      report: (problem: object) => expect.fail(JSON.stringify(problem)),
      deliver,
    });
    onTestFinished(() => this.stop());
  }

  /** Ends the connection; the program does not connect again. */
  stop(): void {
    this.#isStopped = true;
    this.#socket?.terminate();
  }
}

test('all letters are delivered although a worker dies, some fail and some are wrong', async () => {
  await supertest(gateway.url).post('/v1/topics').send({ name: 'letters' }).expect(201);
  const queue = new RestQueue(gateway, 'letters', 'mail');
  const { configs } = JSON.parse(CONFIGS) as { configs: object };
  await queue.alter({ ...configs, 'sluice.share.retry.backoff.ms': 20 });
  const delivered = new Set<number>();
  const tried = new Set<number>();
  const deliver = async (letter: number): Promise<void> => {
    if (letter % 20 === 7) throw new PermanentError('no such address');
    if (letter % 10 === 3 && !tried.has(letter)) {
      tried.add(letter);
      throw new Error('the server is busy');
    }
    delivered.add(letter);
  };
  const held = new Worker(() => new Promise(() => undefined));
  await gateway.untilMetric('sluice_socket_members', 1);
  const letters = Array.from({ length: LETTERS }, (_, value) => ({ value }));
  await queue.produce(...letters);
  await gateway.untilMetric('sluice_socket_queue_records', 4);
  const workers = [1, 2].map(() => new Worker(deliver));
  await gateway.untilMetric('sluice_socket_members', 3);
  held.stop();
  await until('all letters are delivered', () => delivered.size === LETTERS - LETTERS / 20);
  await until('the wrong ones are dead letters', async () => {
    return (await queue.recordsOf('dlq.mail')).length === LETTERS / 20;
  });
  expect(valuesOf(await queue.recordsOf('dlq.mail'))).toEqual(expect.arrayContaining([7, 27, 47]));
  expect(tried.size).toBe(LETTERS / 10);
  for (const worker of workers) worker.stop();
});
