import { describe, expect, it } from 'vitest';
import { Sluice } from '../sluice.js';
import '../testing/parts-loaded.js';

const requests: { url: string; init: RequestInit }[] = [];
const fetch = (url: unknown, init: RequestInit = {}): Promise<Response> => {
  requests.push({ url: String(url), init });
  return Promise.resolve(new Response('{}'));
};
const sluice = new Sluice({ url: 'http://gateway', transport: 'http', fetch });

describe('admin', () => {
  it('sends the members of an operation without a body as path and query', async () => {
    await sluice.admin.fetch({ topic: 'a b', partition: 1, offset: 7, limit: 2 });
    expect(requests.pop()).toMatchObject({
      url: 'http://gateway/v1/topics/a%20b/partitions/1/records?offset=7&limit=2',
      init: { method: 'GET' },
    });
  });

  it('tells a body of JSON from the query and the headers', async () => {
    const records = [{ value: 1 }];
    await sluice.admin.produce({ topic: 't', acks: 'all', producerId: 5, records });
    expect(requests.pop()).toMatchObject({
      url: 'http://gateway/v1/topics/t/records?acks=all',
      init: {
        method: 'POST',
        body: JSON.stringify({ records }),
        headers: { 'Producer-Id': '5', 'Content-Type': 'application/json' },
      },
    });
  });

  it('sends a body of another type beside the query and the headers', async () => {
    const body = new Uint8Array([1]);
    await sluice.admin.produceValue({ topic: 't', key: 'k', producerId: 5, body });
    expect(requests.pop()).toMatchObject({
      url: 'http://gateway/v1/topics/t/records:raw?key=k',
      init: { body, headers: { 'Producer-Id': '5' } },
    });
  });

  it('names a member of the path that is missing', async () => {
    await expect(sluice.admin.deleteTopic({} as never)).rejects.toThrow(
      'topic: is needed by deleteTopic.',
    );
  });
});
