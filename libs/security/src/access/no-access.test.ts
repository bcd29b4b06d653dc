import { expect, test } from 'vitest';
import { NO_ACCESS } from './no-access.js';

test('a caller without a valid credential may do nothing that needs a permission', () => {
  const resource = { type: 'topic', name: 'orders' } as const;
  expect(NO_ACCESS.may('Read', resource)).toBe(false);
  expect(NO_ACCESS.mayOnAny('Read', 'topic')).toBe(false);
  expect(() => NO_ACCESS.assertMay('Read', resource)).toThrow(
    expect.objectContaining({ code: 'CLUSTER_AUTHORIZATION_FAILED' }),
  );
});
