import type { ClusterSecurity } from '#coordination';
import { AssertionError } from '#runtime';
import { FakeClock, FakeScheduler, SeededRandom } from '#runtime/testing';
import { SimulatedLinks } from '../simulated-links.js';
import type { ProcessWorld, SimulatedProcess } from '../simulated-process.js';
import { Trace } from '../trace.js';
import { SecurityBroker } from './security-broker.js';
import { SecurityRedis } from './security-redis.js';

const BROKERS = [0, 1, 2];
const DRIVEN_MS = 100;
const CHECK_MS = 20;
/** Errors that no fault may cause: each shows a bug. */
const BUGS = [AssertionError, TypeError, RangeError, ReferenceError, SyntaxError];

/** One call between two brokers. */
interface Call {
  readonly from: number;
  readonly to: number;
  readonly process: SimulatedProcess;
  readonly timeoutMs: number;
}

/** The security metadata of three brokers, their network and their Redis, on one clock. */
export class SecurityWorld implements ProcessWorld {
  readonly ids = BROKERS;
  readonly clock = new FakeClock();
  readonly scheduler = new FakeScheduler(this.clock);
  readonly trace = new Trace(this.clock);
  readonly links: SimulatedLinks;
  readonly redis = new SecurityRedis();
  readonly brokers: readonly SecurityBroker[];
  readonly violations: string[] = [];
  readonly #seed: number;
  readonly #onUnhandled = (error: unknown): void => this.unexpected('nobody', error);

  constructor(seed: number) {
    this.#seed = seed;
    this.links = new SimulatedLinks(this.scheduler, this.randomOf('links'));
    this.brokers = BROKERS.map((id) => new SecurityBroker(id, this));
    process.on('unhandledRejection', this.#onUnhandled);
  }

  get nowMs(): number {
    return this.clock.monotonicMs();
  }

  /** A stream of random numbers of its own: draws from other streams do not change it. */
  randomOf(name: string): SeededRandom {
    let hash = this.#seed | 0;
    for (const char of name) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
    return new SeededRandom(hash);
  }

  broker(id: number): SecurityBroker {
    const broker = this.brokers[id];
    if (broker === undefined) throw new Error(`there is no broker ${id}`);
    return broker;
  }

  /** Sends a message to another broker, and resolves with its answer. */
  call<Message, Answer>(
    { from, to, process, timeoutMs }: Call,
    message: Message,
    handle: (security: ClusterSecurity, message: Message) => Promise<Answer>,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const timer = process.ports.scheduler.after(timeoutMs, () =>
        reject(new Error(`broker ${to} gave no answer`)),
      );
      const answered = (act: () => void): void =>
        this.links.send(to, from, () =>
          process.deliver(() => {
            timer.cancel();
            act();
          }),
        );
      this.links.send(from, to, () => {
        const receiver = this.broker(to);
        receiver.process?.deliver(() => {
          if (receiver.security === undefined) return;
          handle(receiver.security, structuredClone(message)).then(
            (answer) => answered(() => resolve(structuredClone(answer))),
            (error: unknown) => answered(() => reject(error)),
          );
        });
      });
    });
  }

  /** Lets time pass until the scenario has ended. */
  async drive(scenario: () => Promise<void>): Promise<void> {
    const run = { isOver: false };
    const result = scenario().finally(() => {
      run.isOver = true;
    });
    result.catch(() => undefined);
    while (!run.isOver) await this.scheduler.advance(DRIVEN_MS);
    await result;
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.scheduler.after(ms, resolve);
    });
  }

  /** @returns true when the condition became true in time */
  async until(condition: () => boolean, msMax: number): Promise<boolean> {
    const endMs = this.nowMs + msMax;
    while (!condition()) {
      if (this.nowMs >= endMs || this.violations.length > 0) return false;
      await this.sleep(CHECK_MS);
    }
    return true;
  }

  logged(id: number, message: string, error: unknown): void {
    this.trace.add(`broker ${id}`, message);
    for (let one = error; one instanceof Error; one = one.cause) {
      if (BUGS.some((bug) => one instanceof bug)) this.unexpected(`broker ${id}`, one);
    }
  }

  violated(what: string): void {
    this.trace.add('checker', `VIOLATION: ${what}`);
    this.violations.push(what);
  }

  unexpected(who: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? String(error)) : String(error);
    this.violated(`${who}: an unexpected error: ${text}`);
  }

  end(): void {
    process.off('unhandledRejection', this.#onUnhandled);
    for (const broker of this.brokers) broker.process?.kill();
  }
}
