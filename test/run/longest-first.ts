import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Folders whose files take longest, the longest first; used where no earlier run has measured a
 * file.
 */
const LONG_FOLDERS = [
  'test/stress/',
  'test/cluster/',
  'test/model/',
  'test/browser/',
  'test/simulation/',
  'test/faults/',
  'test/coordination/',
  'test/gateway/',
  'test/sse/',
  'test/ws/',
];

/** Unit tests come last, together: a worker keeps the modules that it has loaded for them. */
const PROJECTS = ['slow', 'integration', 'unit'];

/**
 * Runs the longest files first, so that no worker is left with a long file while others are idle.
 */
export class LongestFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = files.toSorted(
      (left, right) =>
        PROJECTS.indexOf(left.project.name) - PROJECTS.indexOf(right.project.name) ||
        this.#durationMsOf(right) - this.#durationMsOf(left) ||
        left.moduleId.localeCompare(right.moduleId),
    );
    return Promise.resolve(sorted);
  }

  /**
   * Milliseconds that a file took in the last run; before the first run, a guess from its folder.
   */
  #durationMsOf({ moduleId, project }: TestSpecification): number {
    const path = relative(this.ctx.config.root, moduleId);
    const measured = this.ctx.cache.getFileTestResults(`${project.name}:${path}`);
    if (measured !== undefined) return measured.duration;
    const rank = LONG_FOLDERS.findIndex((folder) => path.startsWith(folder));
    return rank === -1 ? 0 : (LONG_FOLDERS.length - rank) * 1000;
  }
}
