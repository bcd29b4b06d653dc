import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** The memory that this process may take. */
export interface AvailableMemory {
  /** Memory of the machine, or of the container if that has less, bytes. */
  readonly totalBytes: number;
  /** V8's limit of the heap, bytes. */
  readonly heapLimitBytes: number;
}

/**
 * The memory of the machine, or of the container (cgroup) if that has less, and V8's heap limit.
 */
export function availableMemory(): AvailableMemory {
  const constrained = process.constrainedMemory();
  const total = totalmem();
  return {
    totalBytes: constrained > 0 ? Math.min(constrained, total) : total,
    heapLimitBytes: getHeapStatistics().heap_size_limit,
  };
}
