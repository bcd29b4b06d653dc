import { expect, it } from 'vitest';
import { assertNoQueryCredential } from './query-credential.js';

it.each([
  'access_token=a',
  'access-token=a',
  'accesstoken=a',
  'limit=1&api_key=a',
  'api-key=a',
  'apikey=a',
  'auth=a',
  'auth_token=a',
  'authorization=a',
  'bearer=a',
  'credential=a',
  'id_token=a',
  'jwt=a',
  'secret=a',
  'TOKEN=a',
  'to%6Ben=a',
  '%61pi_key=a',
  '%61%70i_key=a',
  '%6A%77%74=a',
  'password',
])('refuses the credential in ?%s, and does not repeat it', (search) => {
  const refused = () => {
    assertNoQueryCredential(search.replace('=a', '=hidden'));
  };
  expect(refused).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  expect(refused).not.toThrow(/hidden/);
});

it.each([
  '',
  'ticket=a',
  'key=a',
  'key=token',
  'a+b=secret',
  'offset=1&limit=2',
  'from=latest',
  '%zz=1',
])('accepts ?%s', (search) => {
  assertNoQueryCredential(search);
});
