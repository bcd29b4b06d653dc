import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { settingsReference } from '#settings';
import { EXIT_CODES } from '../shared/exit-codes.js';
import { SETTINGS_SECTIONS } from './settings.js';

test('docs/reference/settings.md matches the table of settings', () => {
  const page = readFileSync(
    new URL('../../../../docs/reference/settings.md', import.meta.url),
    'utf8',
  );
  expect(page).toBe(settingsReference(SETTINGS_SECTIONS, EXIT_CODES));
});

test('no two settings share a variable', () => {
  const variables = SETTINGS_SECTIONS.flatMap(({ settings }) =>
    Object.values(settings).map((setting) => setting.variable),
  );
  expect(new Set(variables).size).toBe(variables.length);
});
