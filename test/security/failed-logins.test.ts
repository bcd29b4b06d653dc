import { afterAll, beforeAll, expect, test } from 'vitest';
import { GatewayProcess } from '../support/gateway.js';
import { until } from '../support/until.js';
import { AUTH_ON, bearer, ROOT_KEY } from './keys.js';

/** Failed logins at once; the first few of an address are not held back. */
const FAILURES = 20;

let gateway: GatewayProcess;

beforeAll(async () => {
  gateway = await GatewayProcess.start({ ...AUTH_ON, SLUICE_FAILED_LOGIN_DELAY_MS: '1000' });
});

afterAll(() => gateway.dispose());

test('further failed logins of one address are answered later, and others at once', async () => {
  const isHeldBack = async (): Promise<boolean> => {
    let answered = 0;
    const failing = Array.from({ length: FAILURES }, async () => {
      const { status } = await listTopics('root.wrong');
      answered += 1;
      return status;
    });
    const { status } = await listTopics(ROOT_KEY);
    const answeredBefore = answered;
    expect(status).toBe(200);
    expect(new Set(await Promise.all(failing))).toEqual(new Set([401]));
    return answeredBefore === 0;
  };
  await until('all refusals to come after the answer to a later request', isHeldBack);
});

function listTopics(key: string): Promise<Response> {
  return fetch(`${gateway.url}/v1/topics`, { headers: bearer(key) });
}
