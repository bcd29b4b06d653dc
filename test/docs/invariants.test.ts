import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const page = readFileSync('docs/INVARIANTS.md', 'utf8');
const references = [...page.matchAll(/`((?:libs|apps|test)\/[^`]+)`: "([^"]+)"/g)];

describe('docs/INVARIANTS.md', () => {
  it('every invariant has what enforces it', () => {
    const invariants = page.split(/^\*\*[A-Z]\d+\. /m).slice(1);
    expect(invariants.length).toBeGreaterThan(0);
    for (const invariant of invariants) expect(invariant).toMatch(/\*\*Enforced by:\*\*\s+`/);
  });

  it.each(references.map(([, file, title]) => [file ?? '', title ?? '']))(
    'finds in %s: %s',
    (file, title) => {
      expect(readFileSync(file, 'utf8')).toContain(title);
    },
  );
});
