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

test.each([
  ['an operation that refuses them', '/v1/topics', 401],
  ['a public one, which counts them as none', '/health/ready', 200],
])(
  'further failed logins of one address at %s are answered later, and others at once',
  async (...given) => {
    const [, path, failedStatus] = given;
    const isHeldBack = async (): Promise<boolean> => {
      let answered = 0;
      const failing = Array.from({ length: FAILURES }, async () => {
        const { status } = await get(path, 'root.wrong');
        answered += 1;
        return status;
      });
      const { status } = await get(path, ROOT_KEY);
      const answeredBefore = answered;
      expect(status).toBe(200);
      expect(new Set(await Promise.all(failing))).toEqual(new Set([failedStatus]));
      return answeredBefore === 0;
    };
    await until('all refusals to come after the answer to a later request', isHeldBack);
  },
);

function get(path: string, key: string): Promise<Response> {
  return fetch(gateway.url + path, { headers: bearer(key) });
}
