import { expect, test } from 'vitest';
import { maskedUrl } from './masked-url.js';

test.each([
  ['redis://host:6379', 'redis://host:6379'],
  ['rediss://[::1]:7000/3', 'rediss://[::1]:7000/3'],
  ['redis+sentinel://a,b:26379/main', 'redis+sentinel://a,b:26379/main'],
  ['redis://ann:sesame@host:1', 'redis://***@host:1'],
  ['redis://a:sesame/c@host:1', 'redis://***@host:1'],
  ['redis://a:se@same@host', 'redis://***@host'],
  ['redis://a:b@host:sesame', 'redis://***@host:***'],
  ['redis://h:sesame', 'redis://h:***'],
  ['redis://h:sesame,b:1/2', 'redis://h:***,b:1/2'],
  ['redis://:sesame', 'redis://:***'],
  ['redis:sesame', 'redis:***'],
  ['sesame', '***'],
  ['http://:sesame@localhost', 'http://***@localhost'],
  ['redis://a:ses?ame@host', 'redis://***'],
  [
    'redis+sentinel://a/main?sentinelUser=u&sentinelPassword=sesame',
    'redis+sentinel://a/main?sentinelUser=***&sentinelPassword=***',
  ],
  ['redis+sentinel://a/main?sentinelPassword=se@same', 'redis+sentinel://***'],
  ['redis://host?sesame', 'redis://host?***'],
])('%s is shown as %s', (url, shown) => {
  expect(maskedUrl(url)).toBe(shown);
  expect(maskedUrl(url)).not.toContain('same');
});
