import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const SLOW = '.slow.test.ts';
/** Folders with only slow tests, and the reason. */
const ALL_SLOW: Readonly<Record<string, string>> = {
  'test/proxies': 'each test needs a proxy that the machine must have',
};

const tests = ['apps', 'libs', 'test'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => join(folder, path)),
);
const slow = tests.filter((path) => path.endsWith(SLOW) && !(dirname(path) in ALL_SLOW));
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

describe('the tiers of the tests', () => {
  it.each(slow)('%s has a quick test in its folder', (path) => {
    const quick = tests.filter((other) => dirname(other) === dirname(path));
    expect(quick.filter((other) => !other.endsWith(SLOW))).not.toEqual([]);
  });

  it('the commands in CONTRIBUTING.md and docs/TESTING.md exist', () => {
    for (const page of ['CONTRIBUTING.md', 'docs/TESTING.md']) {
      const text = readFileSync(page, 'utf8');
      for (const name of ['test:slow', 'test:all', 'test:faults', 'test:mutations']) {
        expect(scripts).toHaveProperty([name]);
        expect(text, `${page} names ${name}`).toContain(`npm run ${name}`);
      }
      expect(text).toContain(`*${SLOW}`);
    }
  });
});
