import type { Suite } from './mutations.js';

/** The safeguards of libs/log that its random histories must miss when one is taken out. */
export const LOG_SUITE: Suite = {
  folder: 'libs/log/src',
  tests: ['libs/log/src/log-histories.test.ts'],
  mutations: [
    {
      name: 'a round is answered without its datasync',
      file: 'log/round-storage.ts',
      from: 'return isSynced ? this.#sync(round, handle) : undefined;',
      to: 'return undefined;',
    },
    {
      name: 'a write is taken for one that was synced, whatever file it went to',
      file: 'log/round-storage.ts',
      from: 'if (isSynced && handle.syncsWrites) return',
      to: 'if (isSynced) return',
    },
    {
      name: 'a round whose synced write failed is taken for undone without a truncation',
      file: 'log/round-storage.ts',
      from: 'return isDiskFailure(error) ? syncFailed(error) : this.#undo(handle, error);',
      to: "return { isUndone: !isDiskFailure(error), what: '', cause: error };",
    },
    {
      name: 'recovery does not check the CRC',
      file: 'recovery/segment-recovery.ts',
      from: ' || !batch.isCrcValid()',
      to: '',
    },
    {
      name: 'recovery truncates one byte too many',
      file: 'recovery/segment-recovery.ts',
      from: 'await file.truncate(span.from);',
      to: 'await file.truncate(span.from - 1);',
    },
    {
      name: 'recovery does not sync the records that it found',
      file: 'recovery/segment-recovery.ts',
      from: 'await syncs.run(() => segment.datasync());',
      to: '',
    },
    {
      name: 'a truncation leaves one batch too many',
      file: 'cleaning/log-trimmer.ts',
      from: "if (batch.lastOffset < offset) return 'next';",
      to: "if (batch.lastOffset <= offset) return 'next';",
    },
    {
      name: 'a truncation is not synced',
      file: 'segment/segment.ts',
      from: 'await handle.truncate(position);\n      await handle.datasync();',
      to: 'await handle.truncate(position);',
    },
    {
      name: 'a failed write is not reverted in the producer state',
      file: 'log/log-writer.ts',
      from: 'this.#log.producers.undoTo();\n    if (failure.isUndone) {',
      to: 'this.#log.producers.commit();\n    if (failure.isUndone) {',
    },
    {
      name: 'a failed write is not reverted in the file',
      file: 'log/round-storage.ts',
      from: '() => handle.truncate(sizeBytes));',
      to: '() => handle.sizeBytes());',
    },
    {
      name: 'retries are not recognised',
      file: 'producer-state/producer-state.ts',
      from: 'if (duplicate !== undefined) return duplicate;\n    throw unexpectedSequenceError(batch, producer);',
      to: 'return undefined;',
    },
    {
      name: 'a checkpoint is renamed before it is synced',
      file: 'checkpoint/checkpoint-file.ts',
      from: 'await file.datasync();',
      to: '',
    },
    {
      name: 'the log start is not persisted',
      file: 'cleaning/log-trimmer.ts',
      from: 'await environment.checkpoints.persistLogStartOffsets();\n    } catch',
      to: '} catch',
    },
    {
      name: 'retention deletes records that are too young',
      file: 'cleaning/retention.ts',
      from: 'return timeMs >= 0 && timeMs < nowMs',
      to: 'return timeMs >= 0 && timeMs - 6000 < nowMs',
    },
    {
      name: 'compaction keeps the first record of a key',
      file: 'cleaning/batch-filter.ts',
      from: 'return record.offset >= rule.offsets.get(',
      to: 'return record.offset <= rule.offsets.get(',
    },
    {
      name: 'compaction drops tombstones at once',
      file: 'cleaning/batch-filter.ts',
      from: 'const mayDropTombstones = batch.hasDeleteHorizon && rule.nowMs >= batch.baseTimestamp;',
      to: 'const mayDropTombstones = true; void rule.nowMs;',
    },
    {
      name: 'a compacted segment is not synced',
      file: 'cleaning/compaction.ts',
      from: 'await this.#environment.syncs.run(() => cleaned.datasync());',
      to: '',
    },
    {
      name: 'a read of few records counts offsets that compaction removed',
      file: 'log/log-reader.ts',
      from: 'return hasGaps ? 0 : lastOffset - offset + 1;',
      to: 'void hasGaps; return lastOffset - offset + 1;',
    },
    {
      name: 'the leader epoch is not persisted',
      file: 'leader-epoch/leader-epoch-cache.ts',
      from: 'await this.#file.write(this.#entries);',
      to: '',
    },
  ],
};
