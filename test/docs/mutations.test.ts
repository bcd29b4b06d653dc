import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BUILT, bundledText } from '../mutations/bundled-text.js';
import { CLUSTER_FENCES, type Fence } from '../mutations/cluster-fences.js';
import { DELIVERY_SUITE } from '../mutations/delivery-suite.js';
import { GROUP_FENCES } from '../mutations/group-fences.js';
import { LOG_SUITE } from '../mutations/log-suite.js';
import { QUEUE_SUITE } from '../mutations/queue-suite.js';
import { DEFENCES } from '../mutations/security-suite.js';

const FENCES = [...CLUSTER_FENCES, ...GROUP_FENCES];

const page = readFileSync('docs/MUTATIONS.md', 'utf8');
const killers = readFileSync('test/simulation/killer-sequences.test.ts', 'utf8');

/** Returns the row of a fence in its table. */
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

describe.each(FENCES.map((fence) => [fence.name, fence] as const))('%s', (_, fence) => {
  it('it is in docs/MUTATIONS.md with the tests that notice its removal', () => {
    expect(page.split('\n')).toContain(rowOf(fence));
  });

  it('its code exists and can be removed', () => {
    for (const { file, from } of [fence, ...(fence.also ?? [])]) {
      expect(readFileSync(`libs/${file}`, 'utf8').split(from)).toHaveLength(2);
    }
  });

  it('its killer sequences exist', () => {
    for (const words of fence.killers ?? []) expect(killers).toContain(words);
  });
});

describe.each([
  ['libs/log', LOG_SUITE],
  ['libs/delivery', DELIVERY_SUITE],
  ['queues', QUEUE_SUITE],
])('the mutations of %s', (_, { folder, mutations }) => {
  it.each(mutations)('the code of "$name" exists and can be changed', ({ file, from }) => {
    expect(readFileSync(`${folder}/${file}`, 'utf8').split(from)).toHaveLength(2);
  });
});

describe('the mutations of security', () => {
  it.each(DEFENCES)('the code of "$name" exists and can be changed', (defence) => {
    for (const { file, from } of [defence, ...(defence.also ?? [])]) {
      const [folder, text] = defence.isBuilt ? [BUILT, bundledText(from)] : ['libs', from];
      expect(readFileSync(`${folder}/${file}`, 'utf8').split(text)).toHaveLength(2);
    }
  });
});
