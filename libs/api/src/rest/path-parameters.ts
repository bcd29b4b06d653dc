import type { Schema } from '../schema/json-schema.js';
import { OFFSET, PARTITION } from '../schema/values.js';

/** The parameters that paths may have. */
export const PATH_PARAMETERS: Readonly<
  Record<string, { readonly schema: Schema; readonly description?: string }>
> = {
  topic: { schema: { type: 'string' } },
  partition: { schema: PARTITION },
  offset: { schema: OFFSET },
  group: {
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    description:
      'Name of the group, percent-encoded. Control characters are refused, and characters beyond U+FFFF, as emoji are, count twice.',
  },
  memberId: {
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    description: 'Id of the member, percent-encoded.',
  },
  id: { schema: { type: 'string' }, description: 'Id of the API key.' },
  principal: {
    schema: { type: 'string', minLength: 1, maxLength: 1024 },
    description:
      'The principal, percent-encoded, or `default` for all without a quota of their own.',
  },
  file: { schema: { type: 'string' } },
};

/** Returns the names of a path's parameters, in order. */
export function parametersOfPath(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
}
