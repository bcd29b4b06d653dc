import { isOnResource, isPublic, type Permission } from '../permission.js';

/** Ways to present a credential, as OpenAPI describes them. */
export const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'An API key `<id>.<secret>`, or a token of the configured issuer.',
  },
  basic: {
    type: 'http',
    scheme: 'basic',
    description: 'The id and the secret of an API key, as `curl -u` sends them.',
  },
} as const;

/** One of the ways is enough. With SLUICE_AUTH=off none is needed. */
export const SECURITY_REQUIREMENTS = [{ bearer: [] }, { basic: [] }];

/** Returns the members of an operation that describe what its caller needs. */
export function describedNeeds(needs: readonly Permission[]): {
  readonly security?: readonly object[];
  readonly 'x-sluice-needs': readonly string[];
} {
  return {
    ...(isPublic(needs) ? { security: [] } : {}),
    'x-sluice-needs': needs.map(describedNeed),
  };
}

function describedNeed(need: Permission): string {
  if (!isOnResource(need)) return need.resource === 'none' ? 'no credential' : 'any credential';
  const { resource, operation, onAny, orOnCluster, named } = need;
  const article = onAny === true ? 'any' : named === undefined ? 'the' : 'each';
  const place = resource !== 'cluster' && named === 'answer' ? ' that the answer shows' : '';
  const also = orOnCluster === true ? ' or on the cluster' : '';
  return `${operation} on ${article} ${resource}${place}${also}`;
}
