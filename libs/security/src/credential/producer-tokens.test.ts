import { describe, expect, it } from 'vitest';
import { ProducerTokens } from './producer-tokens.js';

const PRODUCER = { producerId: 7, producerEpoch: 0 };

describe('producer tokens', () => {
  it('a token is valid for its id, epoch and principal alone', () => {
    const tokens = new ProducerTokens(['secret']);
    const token = tokens.issue('user:a', PRODUCER);
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(tokens.isValid(token, 'user:a', PRODUCER)).toBe(true);
    expect(tokens.isValid(token, 'user:b', PRODUCER)).toBe(false);
    expect(tokens.isValid(token, 'user:a', { ...PRODUCER, producerId: 8 })).toBe(false);
    expect(tokens.isValid(token, 'user:a', { ...PRODUCER, producerEpoch: 1 })).toBe(false);
    expect(tokens.isValid(`${token} `, 'user:a', PRODUCER)).toBe(false);
    expect(tokens.isValid('', 'user:a', PRODUCER)).toBe(false);
    expect(tokens.isValid(token, 'user:a', PRODUCER)).toBe(true);
    expect(tokens.refusedTotal).toBe(5);
  });

  it('every broker with the secret accepts it, and during a rotation with either secret', () => {
    const old = new ProducerTokens(['old']).issue('user:a', PRODUCER);
    expect(new ProducerTokens(['new', 'old']).isValid(old, 'user:a', PRODUCER)).toBe(true);
    expect(new ProducerTokens(['new']).isValid(old, 'user:a', PRODUCER)).toBe(false);
    const issued = new ProducerTokens(['new', 'old']).issue('user:a', PRODUCER);
    expect(new ProducerTokens(['new']).isValid(issued, 'user:a', PRODUCER)).toBe(true);
  });

  it('stays right after it has forgotten what it remembered', () => {
    const tokens = new ProducerTokens(['secret']);
    const token = tokens.issue('user:a', PRODUCER);
    for (let producerId = 0; producerId < 10_001; producerId += 1) {
      const producer = { producerId, producerEpoch: 0 };
      expect(tokens.isValid(tokens.issue('user:a', producer), 'user:a', producer)).toBe(true);
    }
    expect(tokens.isValid(token, 'user:a', PRODUCER)).toBe(true);
    expect(tokens.isValid(token, 'user:b', PRODUCER)).toBe(false);
  });
});
