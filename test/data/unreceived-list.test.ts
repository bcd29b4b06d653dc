import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../support/until.js';
import { useGateway } from './gateway-under-test.js';

/** Room for a few lists of topics. */
const gateway = useGateway({ SLUICE_OUTBOUND_MEMORY_BYTES: String(256 * 1024) });
/** More lists than the buffers of the system take. */
const LISTS = 60;

test('a list of topics is refused while a client has not received earlier answers', async () => {
  await gateway.topic({ partitions: 600 });
  const { hostname, port } = new URL(gateway.url);
  const client = connect({ host: hostname, port: Number(port) }).on('error', () => undefined);
  onTestFinished(() => void client.destroy());
  client.pause().write('GET /v1/topics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(LISTS));
  const refusal = await until('a list to be refused', async () => {
    const response = await listTopics();
    const body: unknown = await response.json();
    return response.status === 200 ? undefined : { status: response.status, body };
  });
  expect(refusal).toMatchObject({
    status: 429,
    body: {
      code: 'THROTTLING_QUOTA_EXCEEDED',
      detail: expect.stringContaining('(SLUICE_OUTBOUND_MEMORY_BYTES)'),
    },
  });
  client.destroy();
  await until('a list to be answered', async () => {
    return (await listTopics()).status === 200;
  });
});

/** Lists all topics, uncompressed. */
function listTopics(): Promise<Response> {
  return fetch(`${gateway.url}/v1/topics`, { headers: { 'accept-encoding': 'identity' } });
}
