import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CLOSE_CODES } from './close-codes.js';

test('docs/PROTOCOL.md says for every close code whether to reconnect', () => {
  const page = readFileSync(new URL('../../../docs/PROTOCOL.md', import.meta.url), 'utf8');
  for (const code of Object.values(CLOSE_CODES)) {
    expect(page).toMatch(new RegExp(`^\\| ${code} \\| [^|]+ \\| (yes|no)`, 'm'));
  }
});
