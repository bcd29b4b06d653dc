import type { Suite } from './mutations.js';

/** The safeguards of delivery that its random histories must miss when one is taken out. */
export const DELIVERY_SUITE: Suite = {
  folder: 'libs/delivery/src',
  tests: [
    'libs/delivery/src/delivery-histories.test.ts',
    'libs/delivery/src/delivery.test.ts',
    'libs/delivery/src/record-run.test.ts',
  ],
  mutations: [
    {
      name: 'a cursor that is behind joins the live cursors',
      file: 'partition-feed.ts',
      from: 'if (!this.#isRunning || cursor.position < this.#position) return false;',
      to: 'if (!this.#isRunning) return false;',
    },
    {
      name: 'a live cursor accepts a run that does not begin at its position',
      file: 'cursor.ts',
      from: 'if (run.from === this.#position) {',
      to: 'if (run.nextOffset > this.#position) {',
    },
    {
      name: 'a live cursor without room stays live',
      file: 'cursor.ts',
      from: "this.#feed.leave(this);\n    this.#state = 'behind';",
      to: 'return;',
    },
    {
      name: 'a read that began before a seek is delivered',
      file: 'cursor.ts',
      from: 'if (holds !== this.#holdCount) return;',
      to: '',
    },
    {
      name: 'after a part of a run the cursor continues after the whole run',
      file: 'record-run.ts',
      from: 'recordsMax === 0 ? this.from : this.offsetAt(recordsMax - 1) + 1;',
      to: 'this.nextOffset;',
    },
    {
      name: 'a feed that begins within a batch offers all of it',
      file: 'record-run.ts',
      from: 'while (first < offsets.length && (offsets[first] as Offset) < position) first += 1;',
      to: '',
    },
    {
      name: 'new credit does not wake its cursor',
      file: 'subscription.ts',
      from: 'this.#credit += records;\n    this.resume();',
      to: 'this.#credit += records;',
    },
    {
      name: 'a cursor that accepts a part is not woken for the rest',
      file: 'cursor.ts',
      from: 'if (this.#owner.roomFor(this) > 0) this.resume();',
      to: '',
    },
    {
      name: 'a cursor that left is still offered records',
      file: 'cursor.ts',
      from: "if (this.#state === 'live') this.#feed.leave(this);\n    this.#state = state;",
      to: 'this.#state = state;',
    },
  ],
};
