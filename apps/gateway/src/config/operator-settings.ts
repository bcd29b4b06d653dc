import { optional, optionalText, optionalWholeNumber, type Parsed } from '#settings';
import { type Contradiction, isHost } from './cluster-settings.js';

/**
 * The listeners that serve a part of the API: `on` for all, `admin` for that of operators alone,
 * `off` for none.
 */
export type Serving = 'on' | 'admin' | 'off';

/** A row of the settings that say which listeners serve a part of the API. */
export function serving(row: {
  readonly variable: `SLUICE_${string}`;
  readonly defaultNote: string;
  readonly sentence: string;
}) {
  return optional({
    ...row,
    accepts: '"on", "admin", "off"',
    parse: (text): Parsed<Serving> =>
      text === 'on' || text === 'admin' || text === 'off'
        ? { ok: true, value: text }
        : { ok: false },
  });
}

const MOVED = '`admin` with `SLUICE_ADMIN_PORT`, else `on`';

/** Settings of what operators use, and of the listener that serves it. */
export const OPERATOR_SETTINGS = {
  adminPort: optionalWholeNumber({
    variable: 'SLUICE_ADMIN_PORT',
    defaultNote: 'none',
    min: 0,
    max: 65_535,
    sentence:
      "Port of the operators' listener, which serves the whole API with the same TLS and authentication as the public listener. 0 takes a free port. Metrics, pages and administration are no longer served by the public listener then, unless their settings say so.",
  }),
  adminHost: optionalText({
    variable: 'SLUICE_ADMIN_HOST',
    defaultNote: 'as `SLUICE_HOST`',
    accepts: 'a host name or an IP address',
    isAccepted: isHost,
    sentence: "Address that the operators' listener binds to.",
  }),
  metrics: serving({
    variable: 'SLUICE_METRICS',
    defaultNote: MOVED,
    sentence: 'Listeners that serve `/metrics`.',
  }),
  health: serving({
    variable: 'SLUICE_HEALTH',
    defaultNote: '`on`, because balancers ask the public listener',
    sentence:
      'Listeners that serve `/health/live` and `/health/ready`. The listener of SLUICE_HEALTH_PORT serves them in any case.',
  }),
  administration: serving({
    variable: 'SLUICE_ADMINISTRATION',
    defaultNote: MOVED,
    sentence:
      'Listeners that serve the operations that need `Alter` on the cluster: elections, moves of replicas, lost records, API keys, rules and quotas.',
  }),
};

/** The settings of the operators' listener with their values. */
export interface OperatorValues {
  readonly adminPort: number | undefined;
  readonly adminHost: string | undefined;
  readonly pages: Serving | undefined;
  readonly metrics: Serving | undefined;
  readonly health: Serving | undefined;
  readonly administration: Serving | undefined;
}

/** The listeners that serve each part of the API whose setting has a default of its own. */
export type ServedParts = {
  readonly [Part in 'pages' | 'metrics' | 'health' | 'administration']: Serving;
};

/** Returns the listeners that serve each part. */
export function servedParts(values: OperatorValues): ServedParts {
  const moved = values.adminPort === undefined ? 'on' : 'admin';
  const { pages = moved, metrics = moved, administration = moved, health = 'on' } = values;
  return { pages, metrics, administration, health };
}

/** Checks that there is an operators' listener if a setting is about it. */
export function operatorContradictions(values: OperatorValues): Contradiction[] {
  if (values.adminPort !== undefined) return [];
  const { adminPort, adminHost, metrics, health, administration } = OPERATOR_SETTINGS;
  const reasons = [
    ...(values.adminHost === undefined ? [] : [`${adminHost.variable} is set`]),
    ...(values.pages === 'admin' ? ['SLUICE_PAGES is "admin"'] : []),
    ...(values.metrics === 'admin' ? [`${metrics.variable} is "admin"`] : []),
    ...(values.health === 'admin' ? [`${health.variable} is "admin"`] : []),
    ...(values.administration === 'admin' ? [`${administration.variable} is "admin"`] : []),
  ];
  return reasons.map((reason) => ({
    variable: adminPort.variable,
    given: undefined,
    accepts: `${adminPort.accepts}, because ${reason}`,
  }));
}
