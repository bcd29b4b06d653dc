/**
 * Shows that the random histories of libs/log can see: takes one safeguard out of the log at a time and
 * runs them; each run must fail. The source on disk is not touched: the code is changed while it is
 * loaded. Ends with code 1 when a mutation is not noticed, or when its place in the source is gone.
 *
 * Usage: node test/mutations/log-mutations.mjs [part of a mutation's name]
 */
import { fileURLToPath } from 'node:url';
import { startVitest } from 'vitest/node';

/**
 * @typedef {object} Mutation
 * @property {string} name what is missing
 * @property {string} file in libs/log/src
 * @property {string} from must stand in the file exactly once
 * @property {string} to
 */

/** @type {readonly Mutation[]} */
const MUTATIONS = [
  {
    name: 'a round is answered without its datasync',
    file: 'log-writer.ts',
    from: 'const startMs = clock.monotonicMs();\n        await handle.datasync();',
    to: 'const startMs = clock.monotonicMs();',
  },
  {
    name: 'recovery does not check the CRC',
    file: 'segment-recovery.ts',
    from: 'if (!batch.isCrcValid()) return false;',
    to: '',
  },
  {
    name: 'recovery cuts a byte too many',
    file: 'segment-recovery.ts',
    from: 'await file.truncate(span.from);',
    to: 'await file.truncate(span.from - 1);',
  },
  {
    name: 'recovery does not sync what it found',
    file: 'segment-recovery.ts',
    from: 'await this.environment.syncs.run(() => segment.datasync());',
    to: '',
  },
  {
    name: 'a truncation leaves one batch too many',
    file: 'log-trimmer.ts',
    from: "if (batch.lastOffset < offset) return 'next';",
    to: "if (batch.lastOffset <= offset) return 'next';",
  },
  {
    name: 'a truncation is not synced',
    file: 'segment.ts',
    from: 'await handle.truncate(position);\n      await handle.datasync();',
    to: 'await handle.truncate(position);',
  },
  {
    name: 'a failed write is not taken back from the producer state',
    file: 'log-writer.ts',
    from: '    log.producers.undoTo();\n    try {\n      await handle.truncate',
    to: '    log.producers.commit();\n    try {\n      await handle.truncate',
  },
  {
    name: 'a failed write is not taken back from the file',
    file: 'log-writer.ts',
    from: 'await handle.truncate(log.segments.active.sizeBytes);',
    to: 'await handle.sizeBytes();',
  },
  {
    name: 'retries are not recognised',
    file: 'producer-state.ts',
    from: 'if (duplicate !== undefined) return duplicate;\n    throw notInOrder(batch, producer);',
    to: 'return undefined;',
  },
  {
    name: 'a checkpoint is renamed before it is synced',
    file: 'checkpoint-file.ts',
    from: 'await file.datasync();',
    to: '',
  },
  {
    name: 'the log start is not written down',
    file: 'log-trimmer.ts',
    from: 'await environment.checkpoints.persistLogStartOffsets();',
    to: '',
  },
  {
    name: 'retention deletes what is too young',
    file: 'retention.ts',
    from: 'segment.maxTimestamp < timestampMs',
    to: 'segment.maxTimestamp - 6000 < timestampMs',
  },
  {
    name: 'compaction keeps the first record of a key',
    file: 'batch-filter.ts',
    from: 'return record.offset >= rule.offsets.get(',
    to: 'return record.offset <= rule.offsets.get(',
  },
  {
    name: 'compaction drops tombstones at once',
    file: 'batch-filter.ts',
    from: 'const mayDropTombstones = batch.hasDeleteHorizon && rule.nowMs >= batch.baseTimestamp;',
    to: 'const mayDropTombstones = true; void rule.nowMs;',
  },
  {
    name: 'a compacted segment is not synced',
    file: 'compaction.ts',
    from: 'await this.environment.syncs.run(() => cleaned.datasync());',
    to: '',
  },
  {
    name: 'the leader epoch is not written down',
    file: 'leader-epoch-cache.ts',
    from: 'await this.file.write(this.#entries);',
    to: '',
  },
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const filter = process.argv[2] ?? '';
const chosen = MUTATIONS.filter(({ name }) => name.includes(filter));

process.env.SLUICE_HISTORIES_SHRINK = 'false';
process.env.SLUICE_HISTORIES_SEED ??= '1';
let unseen = 0;
for (const mutation of chosen) {
  const startMs = performance.now();
  const failures = await failuresWith(mutation);
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  if (failures === 0) unseen += 1;
  process.stdout.write(`${failures > 0 ? 'seen  ' : 'UNSEEN'}  ${seconds} s  ${mutation.name}\n`);
}
process.stdout.write(`${chosen.length - unseen} of ${chosen.length} mutations seen\n`);
process.exitCode = unseen === 0 ? 0 : 1;

/**
 * Runs the histories with one mutation.
 * @param {Mutation} mutation
 * @returns {Promise<number>} how many tests failed
 */
async function failuresWith(mutation) {
  const resolve = { conditions: ['source'] };
  let isApplied = false;
  const plugin = {
    name: 'mutation',
    enforce: 'pre',
    /** @param {string} code @param {string} id */
    transform(code, id) {
      if (!id.endsWith(`/libs/log/src/${mutation.file}`)) return undefined;
      const parts = code.split(mutation.from);
      if (parts.length !== 2) throw new Error(`${mutation.name}: its place is not there once`);
      isApplied = true;
      return parts.join(mutation.to);
    },
  };
  const vitest = await startVitest(
    'test',
    ['libs/log/src/log-histories.test.ts'],
    {
      root,
      config: false,
      watch: false,
      bail: 1,
      include: ['libs/log/src/log-histories.test.ts'],
      testTimeout: 120_000,
      reporters: [{}],
    },
    { resolve, ssr: { resolve }, plugins: [plugin] },
  );
  const failures = vitest.state.getCountOfFailedTests();
  await vitest.close();
  process.exitCode = 0;
  if (!isApplied) throw new Error(`${mutation.name}: ${mutation.file} was not loaded`);
  return failures;
}
