import { describe, expect, it } from 'vitest';
import { expectProblem, useTarget } from './target.js';

describe('health, cluster, metrics and documents', () => {
  const target = useTarget();

  it.each(['/health/live', '/health/ready'])('%s reports that the gateway serves', async (path) => {
    const response = await target.http.get(path).expect(200);
    expect(response.body).toHaveProperty('status');
  });

  it('the cluster is described', async () => {
    const response = await target.http.get('/v1/cluster').expect(200);
    expect(response.body).toMatchObject({
      clusterId: expect.any(String) as string,
      coordination: expect.stringMatching(/^(embedded|redis)$/) as string,
    });
    const { brokers } = response.body as { brokers: object[] };
    for (const broker of brokers) {
      expect(Object.keys(broker).toSorted()).toEqual(['alive', 'id', 'rack', 'url']);
    }
  });

  it('metrics are Prometheus text', async () => {
    const response = await target.http.get('/metrics').expect(200);
    expect(response.headers['content-type']).toMatch(/^text\/plain/);
    expect(response.text).toMatch(/^# TYPE /m);
  });

  it('the OpenAPI document and the docs page are served', async () => {
    const document = await target.http.get('/openapi.json').expect(200);
    const { openapi, paths } = document.body as { openapi: string; paths: Record<string, object> };
    expect(openapi).toMatch(/^3\.1/);
    expect(Object.keys(paths)).toEqual(
      expect.arrayContaining([
        '/v1/topics',
        '/v1/topics/{topic}/records',
        '/v1/topics/{topic}/partitions/{partition}/records',
        '/v1/groups/{group}/offsets',
      ]),
    );
    const page = await target.http.get('/docs').redirects(2).expect(200);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    expect(page.text).not.toMatch(/(src|href)="https?:\/\//);
  });

  it('an unknown route is 404 and a wrong method 405', async () => {
    expectProblem(await target.http.get('/v1/nothing'), 404, 'INVALID_REQUEST');
    expectProblem(await target.http.get('/nothing'), 404, 'INVALID_REQUEST');
    const topic = await target.topic();
    const responses = [
      await target.http.put('/v1/topics'),
      await target.http.get(`/v1/topics/${topic}/records`),
      await target.http.put(`/v1/topics/${topic}/partitions/0/records`),
      await target.http.post('/v1/cluster'),
    ];
    for (const response of responses) {
      expectProblem(response, 405, 'INVALID_REQUEST');
      expect(response.headers['allow']).toMatch(/^[A-Z, ]+$/);
    }
  });

  it('a request of a foreign origin is refused before it has an effect', async () => {
    const topic = await target.topic();
    const path = `/v1/topics/${topic}/records`;
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
      const response = await target.http
        .post(path)
        .set('origin', origin)
        .set('content-type', 'text/plain')
        .send('forged');
      expectProblem(response, 403, 'CLUSTER_AUTHORIZATION_FAILED');
      const get = await target.http.get('/v1/topics').set('origin', origin);
      expectProblem(get, 403, 'CLUSTER_AUTHORIZATION_FAILED');
      const create = await target.http
        .post('/v1/topics')
        .set('origin', origin)
        .send({ name: 'forged' });
      expectProblem(create, 403, 'CLUSTER_AUTHORIZATION_FAILED');
    }
    expect((await target.fetch(topic).expect(200)).body).toMatchObject({ highWatermark: 0 });
    await target.http.get('/v1/topics').set('origin', target.url).expect(200);
  });

  it.each(['zstd', 'gzip, gzip, nope', 'identity2'])(
    'a body with content coding %s is answered 415',
    async (coding) => {
      const topic = await target.topic();
      const response = await target.http
        .post(`/v1/topics/${topic}/records`)
        .set('content-encoding', coding)
        .set('content-type', 'text/plain')
        .send('x');
      expectProblem(response, 415, 'UNSUPPORTED_MEDIA_TYPE');
    },
  );
});
