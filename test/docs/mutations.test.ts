import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CLUSTER_FENCES, type Fence } from '../mutations/cluster-fences.mjs';

const page = readFileSync('docs/mutations.md', 'utf8');
const killers = readFileSync('test/simulation/killer-sequences.test.ts', 'utf8');

/** The row of a fence as its table has it. */
function rowOf({ name, rule, killers: words, seeds, tests }: Fence): string {
  const cells = [
    name,
    rule,
    words?.join('; ') ?? '',
    seeds === undefined ? '' : String(seeds),
    tests?.map((file) => `\`${file}\``).join(', ') ?? '',
  ];
  return `| ${cells.join(' | ')} |`.replaceAll('|  |', '| |').replaceAll('|  |', '| |');
}

describe.each(CLUSTER_FENCES.map((fence) => [fence.name, fence] as const))('%s', (_, fence) => {
  it('is in docs/mutations.md with who sees that it is missing', () => {
    expect(page.split('\n')).toContain(rowOf(fence));
  });

  it('stands where it can be taken out', () => {
    for (const { file, from } of [fence, ...(fence.also ?? [])]) {
      expect(readFileSync(`libs/${file}`, 'utf8').split(from)).toHaveLength(2);
    }
  });

  it('is seen by killer sequences that there are', () => {
    for (const words of fence.killers ?? []) expect(killers).toContain(words);
  });
});
