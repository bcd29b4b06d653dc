import type { ApiExample } from './api-example.js';
import { answers, problem } from './example-parts.js';

const PARTITION_0 = { topic: 'orders', partition: 0 };
const BOUNDS = { startOffset: 3, endOffset: 4 };

/**
 * Examples for a partition whose disk lost the record of offset 3 while the gateway was stopped.
 */
export const LOST_RECORDS_EXAMPLES: readonly ApiExample[] = [
  {
    name: 'otherBounds',
    operationId: 'acceptDataLoss',
    summary: 'A range larger than the missing one: nothing changes',
    request: { path: PARTITION_0, query: { startOffset: 1, endOffset: 4 } },
    response: problem({
      code: 'OFFSET_OUT_OF_RANGE',
      detail:
        'The records 1 up to 4 are not those missing in partition 0 of topic "orders": ' +
        'those missing are 3 up to 4.',
      instance: '/v1/topics/orders/partitions/0/lost-records',
      isWrite: true,
      members: { logStartOffset: 1, highWatermark: 4, lostStartOffset: 3, lostEndOffset: 4 },
    }),
  },
  {
    name: 'last',
    operationId: 'acceptDataLoss',
    summary: 'Accept the loss of offset 3; the next record gets offset 4',
    request: { path: PARTITION_0, query: BOUNDS },
    response: answers(200, BOUNDS),
  },
];
