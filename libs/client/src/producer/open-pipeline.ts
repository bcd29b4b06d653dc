import { type PipelineParts, RecordPipeline } from '../../../producer/src/index.js';
import type { Endpoints } from '../connection/endpoints.js';
import { httpTransport } from '../connection/http-caller.js';
import type { SocketConnection } from '../connection/socket-connection.js';
import { HttpProduceTransport, SocketProduceTransport } from './produce-transports.js';

/**
 * Makes the pipeline of a producer. This module is loaded when the first producer is made.
 * @param connection undefined: everything goes over HTTP
 */
export function openPipeline(
  endpoints: Endpoints,
  connection: SocketConnection | undefined,
  parts: PipelineParts,
): RecordPipeline {
  const { caller } = httpTransport(endpoints);
  const transport =
    connection === undefined
      ? new HttpProduceTransport(caller)
      : new SocketProduceTransport(caller, connection);
  return new RecordPipeline(transport, parts);
}
