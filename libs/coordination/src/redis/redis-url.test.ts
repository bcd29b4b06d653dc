import { describe, expect, it } from 'vitest';
import { describeEndpoint, parseRedisUrl, RedisUrlError } from './redis-url.js';

const PLAIN = {
  mode: 'single',
  nodes: [{ host: 'redis', port: 6379 }],
  tls: false,
  username: undefined,
  password: undefined,
  db: 0,
  masterName: undefined,
  sentinelUsername: undefined,
  sentinelPassword: undefined,
};

describe('parseRedisUrl', () => {
  it('reads a single Redis', () => {
    expect(parseRedisUrl('redis://redis')).toEqual(PLAIN);
    expect(parseRedisUrl('redis://redis:6379/')).toEqual(PLAIN);
    expect(parseRedisUrl('rediss://ann:p%40ss@redis:7000/3')).toEqual({
      ...PLAIN,
      nodes: [{ host: 'redis', port: 7000 }],
      tls: true,
      username: 'ann',
      password: 'p@ss',
      db: 3,
    });
    expect(parseRedisUrl('redis://:secret@[::1]:7000')).toMatchObject({
      nodes: [{ host: '::1', port: 7000 }],
      username: undefined,
      password: 'secret',
    });
  });

  it('reads Sentinels and the master that they watch', () => {
    expect(
      parseRedisUrl('redis+sentinel://:pw@a,b:5000/main/2?sentinelUser=u&sentinelPassword=s%26p'),
    ).toEqual({
      ...PLAIN,
      mode: 'sentinel',
      nodes: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 5000 },
      ],
      password: 'pw',
      db: 2,
      masterName: 'main',
      sentinelUsername: 'u',
      sentinelPassword: 's&p',
    });
  });

  it('reads the nodes of a Redis Cluster', () => {
    expect(parseRedisUrl('rediss+cluster://a:1,b:2')).toEqual({
      ...PLAIN,
      mode: 'cluster',
      tls: true,
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
    });
  });

  it.each([
    ['http://redis', /redis:\/\//],
    ['redis', /redis:\/\//],
    ['redis://', /redis:\/\//],
    ['redis://a,b', /several nodes/],
    ['redis://a:0', /a port from 1 to 65535/],
    ['redis://a:70000', /a port from 1 to 65535/],
    ['redis://h:abc', /a port from 1 to 65535/],
    ['redis://a:b/c@host:1', /a port from 1 to 65535/],
    ['redis://a?timeout=5', /parameters of a Sentinel URL/],
    ['redis+sentinel://a/main?password=x', /parameters of a Sentinel URL/],
    ['redis://a/x', /number of a database/],
    ['redis://a/1/2', /number of a database/],
    ['redis+cluster://a/1', /only database 0/],
    ['redis+sentinel://a', /name of the master/],
    ['redis://:%zz@a', /percent encoding/],
  ])('refuses %s', (url, message) => {
    expect(() => parseRedisUrl(url)).toThrow(RedisUrlError);
    expect(() => parseRedisUrl(url)).toThrow(message);
  });
});

it('repeats no part of the URL in its errors', () => {
  for (const url of ['redis://u:sesame/x@host', 'redis://h:sesame', 'redis://a?sesame=sesame']) {
    let message = '';
    try {
      parseRedisUrl(url);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('RedisUrlError');
    expect(message).not.toContain('sesame');
  }
});

describe('describeEndpoint', () => {
  it('shows no secrets', () => {
    const urls = [
      'redis://u:secret@a',
      'redis+cluster://:secret@a,b',
      'redis+sentinel://:secret@a,b/main?sentinelPassword=secret',
    ];
    expect(urls.map((url) => describeEndpoint(parseRedisUrl(url)))).toEqual([
      'a:6379',
      'cluster of a:6379,b:6379',
      'master main of sentinels a:26379,b:26379',
    ]);
  });
});
