import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import type { FaultCode, FaultPoint } from '#runtime/testing';
import type { LogManager } from './data-dir/log-manager.js';
import type { Log } from './log.js';
import { stampBatch } from './record-batch/record-batch.js';
import {
  appendValues,
  FakeBroker,
  FETCHED,
  filler,
  LOG_0,
  readAll,
  testLog,
  topicConfig,
  valuesBatch,
} from './testing/log-fixture.js';

const SMALL_SEGMENTS = { 'segment.bytes': '1024' };
const COPY = { topic: 'copies', partition: 0 };
const BRIEF = { topic: 'brief', partition: 0 };
const ELECTION = { epoch: 1, electionId: 'first' };
const OPTIONS = { openFilesMax: 1 };
const CODES: readonly FaultCode[] = ['EMFILE', 'ENFILE', 'ENOMEM', 'EINTR'];
/** Syncs of log bytes are not among them: a sync that failed is never tried again. */
const POINTS: readonly FaultPoint[] = [
  'open',
  'readFile',
  'readDirectory',
  'makeDirectory',
  'rename',
  'removeFile',
  'fileSize',
  'syncDirectory',
  'read',
  'writev',
  'truncate',
  'sizeBytes',
  'close',
];

describe('an operating system that is short of descriptors or memory', () => {
  it.each(POINTS)('fails %s, whichever time it is: writes are refused and go on', async (point) => {
    for (let nth = 0; ; nth += 1) {
      const code = CODES[nth % CODES.length] as FaultCode;
      const history = new ShortHistory();
      await history.start();
      // Three in a row: trying again at once does not help.
      history.broker.disk.failNext(point, code, { afterCalls: nth, times: 3 });
      await history.run(`${code} of ${point} ${nth}`);
      const wasReached = history.broker.disk.waitingFaults === 0;
      history.broker.disk.clearFaults();
      await history.check(`${code} of ${point} ${nth}`);
      if (!wasReached) return;
      expect(nth).toBeLessThan(1000);
    }
  });

  it('takes the partition offline when fsync itself reports a shortage', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    log.writer.onLogEnd(FETCHED);
    broker.disk.failNext('datasync', 'ENOMEM', { path: LOG_0 });
    await expect(appendValues(log, 'a')).rejects.toMatchObject({ outcome: 'unknown' });
    expect(log.isWritable).toBe(false);
  });

  it('is named by the refusal, which does not blame the disk', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), SMALL_SEGMENTS);
    await appendValues(log, filler(900));
    broker.disk.failNext('syncDirectory', 'EMFILE', { path: 'orders-0', times: 2 });
    const refusal = await appendValues(log, filler(900)).catch((error: unknown) => error);
    expect(refusal).toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      outcome: 'failed',
      retriable: true,
      message: 'The broker has no file descriptor free (ulimit -n): nothing was written.',
    });
  });

  it('keeps small records out of the segment before a roll that is not done yet', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), SMALL_SEGMENTS);
    await appendValues(log, filler(800));
    // The first is that of the producer snapshot.
    broker.disk.failNext('syncDirectory', 'EMFILE', { path: 'orders-0', afterCalls: 1 });
    await expect(appendValues(log, filler(800))).rejects.toBeInstanceOf(ProtocolError);
    await appendValues(log, 'small');
    expect(log.segments.map(({ baseOffset }) => baseOffset)).toEqual([0, 1]);
    broker.crash();
    const again = await testLog(await broker.open());
    expect((await readAll(again)).map(([offset]) => offset)).toEqual([0, 1]);
    expect(again.damage.ranges).toEqual([]);
  });

  it('leaves no file of a roll behind that a truncation makes wrong', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open(), SMALL_SEGMENTS);
    for (const value of ['a', 'b', filler(700)]) await appendValues(log, value);
    // The first is that of the producer snapshot.
    broker.disk.failNext('syncDirectory', 'EMFILE', { path: 'orders-0', afterCalls: 1 });
    await expect(appendValues(log, filler(800))).rejects.toBeInstanceOf(ProtocolError);
    await log.trimmer.truncateTo(1);
    for (const value of ['c', 'd', 'e', 'f']) await appendValues(log, value);
    await broker.scheduler.advance(1000);
    broker.disk.kill();
    const again = await testLog(await broker.open());
    expect((await readAll(again)).map(([, value]) => value)).toEqual(['a', 'c', 'd', 'e', 'f']);
    expect(again.damage.ranges).toEqual([]);
  });

  it('does not let a round begin in a leader epoch that is not written down', async () => {
    const broker = new FakeBroker();
    const log = await testLog(await broker.open());
    const append = (): Promise<unknown> =>
      log.writer.append([valuesBatch(['a'])], { leaderEpoch: 3 });
    broker.disk.failNext('open', 'EMFILE', { path: 'leader-epoch-checkpoint', times: 2 });
    await expect(append()).rejects.toMatchObject({ outcome: 'failed' });
    await expect(append()).rejects.toMatchObject({ outcome: 'failed' });
    await append();
    const file = await broker.disk.readFile(broker.path('leader-epoch-checkpoint'));
    expect(file.toString()).toContain('3 0');
  });
});

/** One history of all that writes to logs; every step is tried again until it is done. */
class ShortHistory {
  readonly broker = new FakeBroker();
  readonly #acknowledged: string[] = [];
  readonly #copied: string[] = [];
  #what = '';
  #manager: LogManager | undefined;

  async start(): Promise<void> {
    this.#manager = await this.broker.open(OPTIONS);
    const log = await testLog(this.#manager, SMALL_SEGMENTS);
    await appendValues(log, 'first');
    this.#acknowledged.push('first');
    const copy = await this.manager.createLog(COPY, 'copy-id', topicConfig(SMALL_SEGMENTS));
    await copy.leadership.stopLeading();
    await copy.leadership.tryAccept(ELECTION);
  }

  async run(what: string): Promise<void> {
    this.#what = what;
    const log = this.#log;
    for (let i = 0; i < 3; i += 1) await this.#append(`${i}${filler(600)}`);
    for (let i = 0; i < 3; i += 1) await this.#copy(`${i}${filler(600)}`);
    await this.#done(() => this.manager.createLog(BRIEF, 'brief-id', topicConfig()));
    await this.broker.scheduler.advance(6000);
    await this.#done(() => log.trimmer.deleteRecordsBefore(1));
    this.#acknowledged.shift();
    await this.#done(() => log.trimmer.truncateTo(log.offsets.logEnd));
    await this.#done(() => this.#cutLast());
    await this.#done(() => log.leadership.assignEpoch(2));
    await this.#append(`last${filler(600)}`);
    await this.#done(() => readAll(log));
    await this.#done(() => this.manager.deleteLog(BRIEF));
    await this.broker.scheduler.advance(6000);
  }

  /** All that was acknowledged is there, before and after a loss of power, and writes go on. */
  async check(what: string): Promise<void> {
    await this.#append('and on');
    await this.#copy('and on');
    for (const when of ['before', 'after']) {
      for (const [log, values] of [
        [this.#log, this.#acknowledged],
        [this.manager.log(COPY) as Log, this.#copied],
      ] as const) {
        const seen = (await readAll(log)).map(([, value]) => value);
        expect(seen, `${what}, ${when} a crash`).toEqual(values);
        const sound = [log.isWritable, log.damage.ranges, log.damage.lostStart];
        expect(sound, what).toEqual([true, [], undefined]);
      }
      if (when === 'after') return;
      this.broker.crash();
      this.#manager = await this.broker.open(OPTIONS);
    }
  }

  get manager(): LogManager {
    if (this.#manager === undefined) throw new Error('the history has not started');
    return this.#manager;
  }

  get #log(): Log {
    return this.manager.log({ topic: 'orders', partition: 0 }) as Log;
  }

  async #append(value: string): Promise<void> {
    const leaderEpoch = Math.max(0, this.#log.leadership.latestEpoch ?? 0);
    await this.#done(() => this.#log.writer.append([valuesBatch([value])], { leaderEpoch }));
    this.#log.updateHighWatermark(this.#log.offsets.syncedEnd);
    this.#acknowledged.push(value);
  }

  async #copy(value: string): Promise<void> {
    const copy = this.manager.log(COPY) as Log;
    await this.#done(() => {
      const bytes = valuesBatch([value]);
      stampBatch(bytes, copy.offsets.logEnd, 1);
      return copy.copies.append([bytes], {
        election: ELECTION,
        compactedEndOffset: 0,
        elections: [],
      });
    });
    this.#copied.push(value);
  }

  /** Cuts the follower's last record, as a new leader may tell it to. */
  async #cutLast(): Promise<void> {
    const copy = this.manager.log(COPY) as Log;
    await copy.trimmer.truncateTo(this.#copied.length - 1, ELECTION);
    if (copy.offsets.logEnd < this.#copied.length) this.#copied.pop();
  }

  /** Tries a step until it is done: each refusal must be one that may be tried again. */
  async #done(step: () => Promise<unknown>): Promise<void> {
    for (let tries = 0; tries < 5; tries += 1) {
      const error = await this.#outcomeOf(step);
      if (error === undefined) return;
      if (error instanceof ProtocolError) {
        if (error.code === 'TOPIC_ALREADY_EXISTS') return;
        expect(error, this.#what).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
      } else {
        const { code, message } = error as Error & { readonly code?: FaultCode };
        expect(CODES, `${this.#what}: ${message}`).toContain(code);
      }
      await this.broker.scheduler.advance(1000);
    }
    throw new Error(`${this.#what}: a step was refused five times`);
  }

  /** The error of a step, or undefined; the clock of the test runs until the step has ended. */
  async #outcomeOf(step: () => Promise<unknown>): Promise<unknown> {
    const { scheduler } = this.broker;
    const run = { isOver: false };
    const outcome = step()
      .then(
        () => undefined,
        (error: unknown) => error,
      )
      .finally(() => {
        run.isOver = true;
      });
    await scheduler.settle();
    while (!run.isOver) await scheduler.advance(100);
    return outcome;
  }
}
