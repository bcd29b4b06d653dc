import { describe, expect, test } from 'vitest';
import { readValues, settingProblem, unreadVariables } from './read-values.js';
import { flag, optional, optionalText, wholeNumber } from './setting.js';

const TABLE = {
  port: wholeNumber({ variable: 'SLUICE_PORT', byDefault: 80, min: 1, max: 99, sentence: 'Port.' }),
  isOpen: flag({ variable: 'SLUICE_OPEN', byDefault: false, sentence: 'Open.' }),
  rack: optional({
    variable: 'SLUICE_RACK',
    defaultNote: 'none',
    accepts: 'a letter',
    parse: (value) => (/^[a-z]$/.test(value) ? { ok: true, value } : { ok: false }),
    sentence: 'Rack.',
  }),
  secret: optionalText({
    variable: 'SLUICE_SECRET',
    defaultNote: 'none',
    accepts: 'a long word',
    isSecret: true,
    isAccepted: (value) => value.length > 3,
    sentence: 'Secret.',
  }),
};

describe('values of a table of settings', () => {
  test('an unset or empty variable has the default, or no value', () => {
    const read = readValues(TABLE, { SLUICE_PORT: ' ', SLUICE_OPEN: 'true' });
    expect(read).toEqual({
      values: { port: 80, isOpen: true, rack: undefined, secret: undefined },
      problems: [],
    });
  });

  test('all values that are not accepted are reported, secrets without the value', () => {
    const given = { SLUICE_PORT: '100', SLUICE_RACK: 'ab', SLUICE_SECRET: 'abc' };
    expect(readValues(TABLE, given).problems).toEqual([
      'SLUICE_PORT is "100"; accepted: a whole number from 1 to 99',
      'SLUICE_RACK is "ab"; accepted: a letter',
      'SLUICE_SECRET is set; accepted: a long word',
    ]);
  });

  test('a URL with a password is reported in its masked form, with the reason', () => {
    const row = { ...TABLE.secret, masked: () => '***' };
    expect(settingProblem(row, 'abc', 'too short')).toBe(
      'SLUICE_SECRET is "***"; accepted: a long word (too short)',
    );
  });
});

test('a variable that no row reads gets a warning, and the nearest name up to three edits', () => {
  const environment = { HOME: '/', SLUICE_PORTS: '1', SLUICE_PORT: '1', SLUICE_COLOUR: 'red' };
  expect(unreadVariables(TABLE, environment)).toEqual([
    'SLUICE_COLOUR is not a setting and has no effect',
    'SLUICE_PORTS is not a setting and has no effect; did you mean SLUICE_PORT?',
  ]);
  expect(unreadVariables(TABLE, environment, ['SLUICE_COLOUR'])).toHaveLength(1);
});
