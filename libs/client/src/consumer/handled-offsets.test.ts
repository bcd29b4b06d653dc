import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { HandledOffsets } from './handled-offsets.js';

test('an offset may be committed once all records before it are handled', () => {
  fc.assert(
    fc.property(fc.shuffledSubarray(Array.from({ length: 1500 }, (_, at) => at)), (order) => {
      const offsets = new HandledOffsets();
      // Compaction leaves gaps between offsets.
      const entries = Array.from({ length: 1500 }, (_, at) => offsets.add(at * 3));
      const handled = new Set<number>();
      let first = 0;
      for (const at of order) {
        const entry = entries[at];
        if (entry !== undefined) offsets.handled(entry);
        handled.add(at);
        while (handled.has(first)) first += 1;
        expect(offsets.committable).toBe(first === 0 ? undefined : (first - 1) * 3 + 1);
      }
    }),
    { numRuns: 20 },
  );
});
