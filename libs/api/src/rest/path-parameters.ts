import type { Schema } from '../schema/json-schema.js';
import { PARTITION } from '../schema/values.js';

/** The parameters that paths may have. */
export const PATH_PARAMETERS: Readonly<
  Record<string, { readonly schema: Schema; readonly description?: string }>
> = {
  topic: { schema: { type: 'string' } },
  partition: { schema: PARTITION },
  group: {
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    description: 'Name of the group, percent-encoded. Control characters are refused.',
  },
  memberId: {
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    description: 'Id of the member, percent-encoded.',
  },
  file: { schema: { type: 'string' } },
};

/** Returns the names of a path's parameters, in order. */
export function parametersOfPath(path: string): readonly string[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
}
