import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  DefaultReporter,
  type TestCase,
  type TestModule,
  type TestSpecification,
} from 'vitest/node';

/** Least time between two lines of progress, where the output is not a terminal. */
const LINE_INTERVAL_MS = 15_000;
const SLOWEST_FILES_SHOWN = 5;
const SLOW_PROJECT = 'slow';

type Outcome = 'passed' | 'failed' | 'skipped';

interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly files: number;
}

/**
 * Vitest's default reporter for a terminal. Elsewhere, such as in the log of a CI, it says every
 * few seconds how many files have run, instead of a line for every file. Both end with a line per
 * tier.
 */
export class ProgressReporter extends DefaultReporter {
  #fileCount = 0;
  #startMs = 0;
  #lastLineMs = 0;
  readonly #done: TestModule[] = [];

  override onTestRunStart(specifications: readonly TestSpecification[]): void {
    super.onTestRunStart(specifications);
    this.#fileCount = specifications.length;
    this.#done.length = 0;
    this.#startMs = performance.now();
    this.#lastLineMs = this.#startMs;
  }

  override onTestRunEnd(...args: Parameters<DefaultReporter['onTestRunEnd']>): void {
    super.onTestRunEnd(...args);
    if (!this.isTTY && this.#done.length > SLOWEST_FILES_SHOWN) this.#showSlowest();
    this.#showTiers();
  }

  protected override printTestModule(testModule: TestModule): void {
    this.#done.push(testModule);
    const hasFailed = testModule.state() === 'failed';
    if (this.isTTY || hasFailed || this.#fileCount <= SLOWEST_FILES_SHOWN) {
      super.printTestModule(testModule);
    }
    if (!this.isTTY) this.#maybeShowProgress();
  }

  #maybeShowProgress(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastLineMs < LINE_INTERVAL_MS) return;
    this.#lastLineMs = nowMs;
    const { passed, failed } = tallyOf(this.#done);
    this.log(
      `${this.#done.length} of ${this.#fileCount} files after ${secondsText(nowMs - this.#startMs)}: ` +
        `${passed} tests passed, ${failed} failed`,
    );
  }

  #showSlowest(): void {
    const byDuration = this.#done.toSorted((left, right) => durationOf(right) - durationOf(left));
    const slowest = byDuration.slice(0, SLOWEST_FILES_SHOWN);
    const texts = slowest.map(
      (file) => `${file.relativeModuleId} ${secondsText(durationOf(file))}`,
    );
    this.log(`slowest files: ${texts.join(', ')}`);
  }

  #showTiers(): void {
    const slow = this.#done.filter(({ project }) => project.name === SLOW_PROJECT);
    const quick = this.#done.filter(({ project }) => project.name !== SLOW_PROJECT);
    if (quick.length > 0) this.log(`quick tier: ${tallyText(tallyOf(quick))}`);
    if (slow.length > 0) this.log(`slow tier: ${tallyText(tallyOf(slow))}`);
    else if (process.env['npm_lifecycle_event'] === 'test') {
      const count = slowFiles(this.ctx.config.root).length;
      this.log(`slow tier: ${count} files not run (npm run test:slow, or test:all for both tiers)`);
    }
  }
}

function slowFiles(root: string): string[] {
  return ['apps', 'libs', 'test'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((path) =>
      path.endsWith('.slow.test.ts'),
    ),
  );
}

function tallyOf(files: readonly TestModule[]): Tally {
  const outcomes = files.flatMap((file) => [...file.children.allTests()].map(outcomeOf));
  const count = (wanted: Outcome): number => outcomes.filter((one) => one === wanted).length;
  return {
    passed: count('passed'),
    failed: count('failed') + files.filter((file) => file.errors().length > 0).length,
    skipped: count('skipped'),
    files: files.length,
  };
}

function outcomeOf(test: TestCase): Outcome {
  const { state } = test.result();
  return state === 'pending' ? 'skipped' : state;
}

function tallyText({ passed, failed, skipped, files }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped in ${files} files`;
}

function durationOf(file: TestModule): number {
  return file.diagnostic().duration;
}

function secondsText(durationMs: number): string {
  return `${Math.round(durationMs / 1000)} s`;
}
