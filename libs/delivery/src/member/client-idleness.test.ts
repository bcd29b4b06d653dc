import { describe, expect, it } from 'vitest';
import { ClientIdleness } from './client-idleness.js';

describe('the idleness of a client', () => {
  it('ends only when the client had to act for the whole interval and did nothing', () => {
    const idleness = new ClientIdleness();
    expect(idleness.isOver(100, 200, true)).toBe(false);
    expect(idleness.isOver(100, 200, true)).toBe(false);
    expect(idleness.isOver(100, 200, false)).toBe(false);
    expect(idleness.isOver(100, 200, true)).toBe(false);
    expect(idleness.isOver(100, 200, true)).toBe(true);
  });

  it('begins again whenever the client acts', () => {
    const idleness = new ClientIdleness();
    for (let look = 0; look < 10; look += 1) {
      if (look % 2 === 0) idleness.acted();
      expect(idleness.isOver(150, 200, true)).toBe(false);
    }
  });
});
