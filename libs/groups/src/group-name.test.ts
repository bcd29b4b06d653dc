import { expect, it } from 'vitest';
import { groupNameFault } from './group-name.js';

it.each(['g', ' ', 'a/b%2F?#', 'x'.repeat(255), '語'.repeat(255), '😀', '"quoted"'])(
  'accepts the group name %j',
  (name) => {
    expect(groupNameFault(name)).toBeUndefined();
  },
);

it.each([
  ['', 'this one has 0'],
  ['x'.repeat(256), 'this one has 256'],
  ['😀'.repeat(128), 'this one has 256 units of UTF-16'],
  ['a\0b', 'U+0000 at position 1'],
  ['line\n', 'U+000A at position 4'],
  ['\u007f', 'U+007F at position 0'],
  ['\u0085', 'U+0085 at position 0'],
  ['\ud800', 'half of a surrogate pair'],
])('refuses the group name %j and says why', (name, reason) => {
  expect(groupNameFault(name)).toContain(reason);
});
