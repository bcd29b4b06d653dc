export { type LedPartition, ledPartition } from './led-partition.js';
