import { describe, expect, it } from 'vitest';
import { ProtocolError } from '#protocol';
import { eventQuery } from './event-query.js';

describe('a request for events', () => {
  it('it begins at the end of all partitions by default', () => {
    expect(eventQuery('', undefined)).toEqual({
      from: 'latest',
      partitions: undefined,
      autoOffsetReset: 'none',
      format: 'default',
    });
    const search = 'from=earliest&partitions=3,0&autoOffsetReset=latest&format=string';
    expect(eventQuery(search, undefined)).toEqual({
      from: 'earliest',
      partitions: [0, 3],
      autoOffsetReset: 'latest',
      format: 'string',
    });
  });

  it('it resumes from the header, else from the query, else begins at from', () => {
    const header = { positions: [{ partition: 0, offset: 1 }] };
    const query = { positions: [{ partition: 0, offset: 2 }] };
    const search = 'from=earliest&lastEventId=0:2';
    expect(eventQuery(search, '0:1').from).toEqual(header);
    expect(eventQuery(search, undefined).from).toEqual(query);
    expect(eventQuery(search, '').from).toEqual(query);
    expect(eventQuery('from=earliest&lastEventId=', '').from).toBe('earliest');
    expect(eventQuery('lastEventId=0%3A2%3A4%2C1%3A7%3B3f2a9c1e', undefined).from).toEqual({
      positions: [
        { partition: 0, offset: 2, leaderEpoch: 4 },
        { partition: 1, offset: 7 },
      ],
      topicDigits: '3f2a9c1e',
    });
  });

  it.each([
    ['from=now', undefined, 'latest, earliest'],
    ['lastEventId=x', undefined, '0:12,1:7'],
    ['lastEventId=0:1', 'x', 'Last-Event-ID'],
    ['partitions=', undefined, 'such as 0,1'],
    ['partitions=0,0', undefined, 'each once'],
    ['partitions=-1', undefined, 'such as 0,1'],
    ['partitions=0,', undefined, 'such as 0,1'],
    ['partitions=01', undefined, 'such as 0,1'],
    ['autoOffsetReset=first', undefined, 'latest, earliest, none'],
    ['offset=1', undefined, 'autoOffsetReset'],
    ['from=latest&group=g', undefined, '"subscribe" with "group"'],
    ['group', undefined, 'POST /v1/groups/{group}/members'],
    ['from=latest&from=latest', undefined, 'more than once'],
  ])('%s is refused, with the accepted values', (search, header, accepted) => {
    expect(() => eventQuery(search, header)).toThrow(ProtocolError);
    expect(() => eventQuery(search, header)).toThrow(accepted);
  });
});
