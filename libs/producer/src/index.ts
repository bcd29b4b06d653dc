export { Accumulator, AccumulatorEntry, type PartitionQueue } from './accumulator.js';
export { BufferPool } from './buffer-pool.js';
export { partitionForKey, RoundRobinPartitioner, StickyPartitioner } from './partitioner.js';
