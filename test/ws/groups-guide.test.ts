/** Runs the worker of docs/guide/sharing-work.md, as it is there, in several instances. */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import supertest from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { useGateway } from '../data/gateway-under-test.js';
import { until } from '../support/until.js';

const GUIDE = readFileSync('docs/guide/sharing-work.md', 'utf8');
const [, PROGRAM = ''] = /```js\n(.*?)```/s.exec(GUIDE) ?? [];

const gateway = useGateway();

/** One instance of the program, whose connection a test can break. */
class Worker {
  readonly done: number[] = [];
  #socket: WebSocket | undefined;
  #isStopped = false;

  constructor(url: string) {
    const onSocket = (socket: WebSocket): void => {
      this.#socket = socket;
    };
    const sockets = class extends WebSocket {
      constructor(_: string, protocol: string) {
        super(`${url.replace('http', 'ws')}/v1/ws`, protocol);
        onSocket(this);
      }
    };
    runInNewContext(PROGRAM, {
      WebSocket: sockets,
      setTimeout: (task: () => void) => this.#isStopped || setTimeout(task, 10),
      report: (problem: object) => expect.fail(JSON.stringify(problem)),
      work: async ({ value }: { value: number }) => {
        this.done.push(value);
      },
    });
    onTestFinished(() => this.stop());
  }

  /** Ends the connection; the program does not connect again. */
  stop(): void {
    this.#isStopped = true;
    this.#socket?.terminate();
  }
}

test('three workers do all of the work, although one of them is killed', async () => {
  await supertest(gateway.url).post('/v1/topics').send({ name: 'orders', partitions: 6 });
  const workers = [1, 2, 3].map(() => new Worker(gateway.url));
  await gateway.untilMetric('sluice_socket_members', 3);
  const [killed] = workers;
  for (let round = 0; round < 5; round += 1) {
    const records = Array.from({ length: 60 }, (_, index) => ({
      value: round * 60 + index,
      partition: index % 6,
    }));
    await supertest(gateway.url).post('/v1/topics/orders/records').send({ records }).expect(200);
    if (round === 2) killed?.stop();
  }
  const done = (): number => new Set(workers.flatMap((worker) => worker.done)).size;
  await until('all work is done', () => done() === 300);
  await until('all work is committed', async () => {
    const { body } = await supertest(gateway.url).get('/v1/groups/billing');
    return (body as { lag: number }).lag === 0;
  });
});
