import { describe, expect, it } from 'vitest';
import { parseAuthorization, parseBearer, presentedCredential } from './authorization.js';

const SECRET = 's'.repeat(43);
const KEY = { id: 'team-a', secret: SECRET };
const MALFORMED = { kind: 'malformed' };

describe('the Authorization header', () => {
  it.each(['Bearer', 'bearer', 'BEARER'])('%s with one dot is an API key', (scheme) => {
    const credential = parseAuthorization(`${scheme} team-a.${SECRET}`);
    expect(credential).toEqual({ kind: 'key', key: KEY, isBasic: false });
  });

  it('two dots in a bearer are a JWT', () => {
    expect(parseAuthorization('Bearer aa.bb.cc')).toEqual({ kind: 'token', token: 'aa.bb.cc' });
    expect(parseAuthorization('Bearer aa.bb.')).toEqual({ kind: 'token', token: 'aa.bb.' });
  });

  it('Basic has the id before the first colon and the secret after it', () => {
    const credential = parseAuthorization(basic(`team-a:${SECRET}`));
    expect(credential).toEqual({ kind: 'key', key: KEY, isBasic: true });
  });

  it.each([
    ['', 'an empty value'],
    ['Bearer', 'no credential'],
    ['Bearer ', 'an empty credential'],
    [`Bearer  a b.${SECRET}`, 'a space in the credential'],
    [`Bearer team-a.${SECRET}, Bearer team-b.${SECRET}`, 'a list of credentials'],
    ['Bearer no-dot', 'no dot'],
    ['Bearer a.b.c.d', 'three dots'],
    [`Bearer ${'a'.repeat(9000)}.b.c`, 'a huge token'],
    [`Digest team-a.${SECRET}`, 'another scheme'],
    [`team-a.${SECRET}`, 'no scheme'],
    ['Basic !!!!', 'no base64'],
    [basic('team-a'), 'no colon'],
    [basic(`:${SECRET}`), 'no id'],
    [basic(`team.a:${SECRET}`), 'a dot in the id'],
    [basic(`team-a:${SECRET}:`), 'a colon in the secret'],
    [basic(`team-a:${SECRET}\0`), 'a control character'],
    [`Basic ${Buffer.from([0xff, 0x3a, 0x61]).toString('base64')}`, 'bytes that are not UTF-8'],
    [basic(`team-a:${SECRET}`).replace(/=+$/, ''), 'a base64 without its padding'],
  ])('is malformed and identifies nobody: %j (%s)', (value) => {
    expect(parseAuthorization(value)).toEqual(MALFORMED);
  });

  it('is found under any spelling of its name', () => {
    const headers = ['Host', 'a', 'AUTHORIZATION', `Bearer team-a.${SECRET}`];
    expect(presentedCredential(headers)).toMatchObject({ kind: 'key', key: KEY });
    expect(presentedCredential(['Host', 'a', 'Proxy-Authorization', 'b'])).toEqual({
      kind: 'none',
    });
  });

  it('identifies nobody when it occurs twice, even with the same value', () => {
    const header = ['Authorization', `Bearer team-a.${SECRET}`];
    expect(presentedCredential([...header, ...header])).toEqual(MALFORMED);
  });

  it('a huge bearer of an authenticate message is malformed', () => {
    expect(parseBearer(`${'a'.repeat(9000)}.b.c`)).toEqual(MALFORMED);
  });
});

function basic(text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`;
}
