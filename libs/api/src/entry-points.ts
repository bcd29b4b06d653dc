import { partOf } from './rest/operation-parts.js';
import { ALL_OPERATIONS } from './rest/operations.js';
import { ref, type Schema } from './schema/json-schema.js';
import { SOCKET_PATH } from './socket/socket-address.js';

/** One link of the list of entry points at `/`. */
interface EntryPoint {
  readonly name: string;
  readonly path: string;
  readonly description: string;
  /** False if a listener may leave out its target. */
  readonly isAlwaysServed: boolean;
}

/** Links of the list of entry points at `/`, in order. */
export const ENTRY_POINTS: readonly EntryPoint[] = [
  ...ALL_OPERATIONS.flatMap((operation) => {
    const { path, entryPoint } = operation;
    const isAlwaysServed = partOf(operation) === undefined;
    return entryPoint === undefined ? [] : [{ ...entryPoint, path, isAlwaysServed }];
  }),
  {
    name: 'webSocket',
    path: SOCKET_PATH,
    description: 'WebSocket: subscribe and publish.',
    isAlwaysServed: true,
  },
];

/** Schemas of the list of entry points. */
export const ENTRY_POINT_SCHEMAS: Readonly<Record<string, Schema>> = {
  EntryPointLinks: {
    type: 'object',
    required: ENTRY_POINTS.filter(({ isAlwaysServed }) => isAlwaysServed).map(({ name }) => name),
    properties: Object.fromEntries(
      ENTRY_POINTS.map(({ name, description }) => [name, { type: 'string', description }]),
    ),
  },
  EntryPoints: {
    type: 'object',
    required: ['name', 'links'],
    properties: {
      name: { type: 'string', enum: ['Sluice'] },
      links: { allOf: [ref('EntryPointLinks')], description: 'Paths at this address.' },
    },
  },
};
