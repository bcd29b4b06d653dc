import { describe, expect, it } from 'vitest';
import { assertTopicName, isInternalTopic, topicNameFault } from './topic-name.js';

describe('topic names', () => {
  it.each(['a', 'orders', 'Orders.2024_eu-west', '...', 'x'.repeat(249), '__internal'])(
    'accept %s',
    (name) => {
      expect(topicNameFault(name)).toBeUndefined();
    },
  );

  it.each(['', '.', '..', 'x'.repeat(250), 'a b', 'a/b', 'ä', 'a\n', 'a\u0000', '../x'])(
    'refuse %j as an invalid topic',
    (name) => {
      expect(() => assertTopicName(name)).toThrowError(
        expect.objectContaining({ code: 'INVALID_TOPIC_EXCEPTION' }),
      );
    },
  );

  it('are internal when they begin with two underscores', () => {
    expect(isInternalTopic('__consumer_offsets')).toBe(true);
    expect(isInternalTopic('_orders')).toBe(false);
  });
});
