import supertest from 'supertest';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { AUTH_ON, bearer, ROOT_KEY } from './keys.js';

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start({ ...AUTH_ON, SLUICE_PAGES: 'off' });
});

afterAll(() => gateway.dispose());

test.each(['/try', '/docs', '/openapi.json', '/asyncapi.json', '/docs/start.js', '/try/app.js'])(
  '%s is not served with SLUICE_PAGES=off, not even to a super user',
  async (path) => {
    await supertest(gateway.url).get(path).expect(401);
    await supertest(gateway.url).get(path).set(bearer(ROOT_KEY)).expect(404);
  },
);

test('the list of entry points leaves the pages out, and a browser gets the list', async () => {
  const { body } = await supertest(gateway.url).get('/').set('Accept', 'text/html').expect(200);
  expect(Object.keys(body.links)).toEqual([
    'topics',
    'groups',
    'cluster',
    'live',
    'ready',
    'metrics',
    'webSocket',
  ]);
});
