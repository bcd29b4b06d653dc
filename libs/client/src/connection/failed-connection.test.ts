import { expect, test } from 'vitest';
import { connectionError } from './failed-connection.js';

test('a request to a broker that was not reached has had no effect', () => {
  for (const code of ['ECONNREFUSED', 'ENOTFOUND', 'UND_ERR_CONNECT_TIMEOUT']) {
    const error = connectionError('no answer', { code, message: `it is ${code}` }, 'unknown');
    expect(error).toMatchObject({ outcome: 'failed', retriable: true });
    expect(error.detail).toBe(`no answer: it is ${code}`);
  }
  // Node.js has an error without a message for a name with several addresses.
  const several = connectionError('no answer', { code: 'ECONNREFUSED', message: '' }, 'unknown');
  expect(several.detail).toBe('no answer: ECONNREFUSED');
});

test('the effect of a request whose connection broke is not known', () => {
  const fault = { code: 'UND_ERR_SOCKET', message: 'other side closed' };
  expect(connectionError('no answer', fault, 'unknown')).toMatchObject({ outcome: 'unknown' });
  // Browsers tell nothing.
  const untold = connectionError('no answer', undefined, 'unknown');
  expect(untold).toMatchObject({ detail: 'no answer', outcome: 'unknown', retriable: true });
});

test('a wrong certificate does not pass', () => {
  const cause = new TypeError('fetch failed');
  for (const code of ['DEPTH_ZERO_SELF_SIGNED_CERT', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']) {
    const fault = { code, message: 'not trusted' };
    expect(connectionError('no answer', fault, 'unknown', cause)).toMatchObject({
      code: 'NETWORK_EXCEPTION',
      detail: 'no answer: not trusted',
      outcome: 'failed',
      retriable: false,
      cause,
    });
  }
});
