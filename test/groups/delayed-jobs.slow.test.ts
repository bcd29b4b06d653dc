/** Runs the worker of docs/guide/delayed-jobs.md, as it is there, over a restart after kill -9. */
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import supertest from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';
import { until } from '../support/until.js';

const GUIDE = readFileSync('docs/guide/delayed-jobs.md', 'utf8');
const [, PROGRAM = ''] = /```js\n(.*?)```/s.exec(GUIDE) ?? [];
const [, EXAMPLE = ''] = /records -H 'content-type.*? -d '(.*?)'/s.exec(GUIDE) ?? [];

const gateway = useGateway({
  SLUICE_GROUP_SESSION_TIMEOUT_MS: '1000',
});

/** Time between the first and the last record that is due. */
const SPREAD_MS = 3000;
const RECORDS = 600;

/** The guide's program. */
class Worker {
  /** Times at which it worked on each value, in ms. */
  readonly done = new Map<number, number>();
  #isStopped = false;

  constructor() {
    const fetchHere = async (url: string, init?: RequestInit): Promise<Response> => {
      if (this.#isStopped) return new Promise(() => undefined);
      return fetch(url.replace('http://localhost:8080', gateway.url), init);
    };
    runInNewContext(PROGRAM, {
      fetch: fetchHere,
      setTimeout: (task: () => void) => this.#isStopped || setTimeout(task, 10),
      work: async ({ n }: { n: number }) => {
        if (!this.done.has(n)) this.done.set(n, Date.now());
      },
    });
    onTestFinished(() => {
      this.#isStopped = true;
    });
  }
}

test('no delayed job is early and none is forgotten, although the gateway is killed', async () => {
  await supertest(gateway.url).post('/v1/topics').send({ name: 'reminders' }).expect(201);
  const fromMs = Date.now() + 2000;
  const stepMs = SPREAD_MS / RECORDS;
  const dueMs = (n: number): number => fromMs + Math.floor(((n * 7) % RECORDS) * stepMs);
  const values = Array.from({ length: RECORDS }, (_, n) => n);
  const records = values.map((n) => ({ value: { n }, deliverAt: dueMs(n) }));
  await supertest(gateway.url).post('/v1/topics/reminders/records').send({ records }).expect(200);
  const worker = new Worker();
  await until('the queue has come to all records', async () => {
    const pending = await gateway.metric('sluice_queue_delayed_pending');
    return pending + worker.done.size >= RECORDS * 0.9;
  });
  await until('some jobs are done', () => worker.done.size > RECORDS / 20);
  await gateway.process.kill();
  await gateway.process.start();
  await until('all jobs are done', () => worker.done.size === RECORDS);
  for (const [n, doneMs] of worker.done) expect(doneMs).toBeGreaterThanOrEqual(dueMs(n));
});

test('the records of the guide are accepted, except where they are too far ahead', async () => {
  const { body } = await supertest(gateway.url)
    .post('/v1/topics')
    .send({
      name: 'later',
      configs: { 'retention.ms': 86_400_000 },
    });
  expect(body).toMatchObject({ name: 'later' });
  const [soon, later] = (JSON.parse(EXAMPLE) as { records: object[] }).records;
  const send = (record?: object) =>
    supertest(gateway.url)
      .post('/v1/topics/later/records')
      .send({ records: [record] });
  await send(soon).expect(200);
  const tooFar = { ...later, deliverAt: Date.now() + 2 * 86_400_000 };
  expect((await send(tooFar).expect(400)).body).toMatchObject({ code: 'INVALID_TIMESTAMP' });
});
