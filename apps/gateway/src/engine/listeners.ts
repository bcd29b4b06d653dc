import { ALL_OPERATIONS, type OperationPart, partOf } from '#api';
import { FrontListener, OperationRouter, PublicAddress } from '#http-front';
import type { Serving } from '../config/operator-settings.js';
import type { Settings } from '../config/settings.js';

/** Connections of operators that are accepted although all others are taken. */
export const OPERATORS_CONNECTIONS = 64;

/** The listeners of the gateway. */
export interface Listeners {
  readonly forClients: FrontListener;
  /** Serves the whole API; undefined if no port is set for it. */
  readonly forOperators: FrontListener | undefined;
}

/** Creates the listeners of the settings; none listens yet. */
export function createListeners(settings: Settings, address: PublicAddress): Listeners {
  const { adminPort, allowedHosts, anonymous, auth, corsOrigins, host, tlsClientAuth } = settings;
  // Browsers add certificates by themselves.
  const needsBearer = auth === 'on' && anonymous === 'off' && tlsClientAuth === 'none';
  const forClients = new FrontListener({
    address,
    operations: operationsIn(settings, ['on']),
    host,
    corsOrigins,
    allowedHosts,
    needsBearer,
    connectionsReserved: 0,
  });
  if (adminPort === undefined) return { forClients, forOperators: undefined };
  const adminHost = settings.adminHost ?? host;
  const { publicUrl: otherUrl, tlsCertFile } = settings;
  const forOperators = new FrontListener({
    address: new PublicAddress({
      host: adminHost,
      port: adminPort,
      publicUrl: undefined,
      tlsCertFile,
    }),
    operations: operationsIn(settings, ['on', 'admin']),
    host: adminHost,
    // Pages of applications may not call this listener, even if they may call the public one.
    corsOrigins: [],
    allowedHosts,
    otherUrl,
    needsBearer,
    connectionsReserved: OPERATORS_CONNECTIONS,
  });
  return { forClients, forOperators };
}

/** Returns the operations of a listener that serves the parts with one of these values. */
function operationsIn(
  settings: Pick<Settings, OperationPart>,
  served: readonly Serving[],
): OperationRouter {
  return new OperationRouter(
    ALL_OPERATIONS.filter((operation) => {
      const part = partOf(operation);
      return part === undefined || served.includes(settings[part]);
    }),
  );
}
