import { lookup } from 'node:dns/promises';
import { hostname } from 'node:os';
import supertest from 'supertest';
import { expect, onTestFinished, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';

test('a page of the gateway itself may call, by its name and any free port', async ({ skip }) => {
  const name = hostname();
  const isKnown = await lookup(name).then(
    () => true,
    () => false,
  );
  if (!isKnown) {
    skip('the machine does not know its own name');
    return;
  }
  const gateway = await GatewayProcess.start({ SLUICE_HOST: name, SLUICE_AUTH: 'off' });
  onTestFinished(() => gateway.dispose());
  const { port } = new URL(gateway.url);
  const create = (topic: string, origin: string): supertest.Test =>
    supertest(gateway.url).post('/v1/topics').set('Origin', origin).send({ name: topic });
  await create('own', `http://${name.toLowerCase()}:${port}`).expect(201);
  await create('foreign', `http://${name.toLowerCase()}:1`).expect(403);
  const { body } = await supertest(gateway.url).get('/v1/topics').expect(200);
  expect(body).toMatchObject({ topics: [{ name: 'own' }] });
});
