import { type PipelineParts, RecordPipeline } from '../../../producer/src/index.js';
import type { Connections } from '../client-parts.js';
import { httpTransport } from '../connection/http-caller.js';
import { HttpProduceTransport, SocketProduceTransport } from './produce-transports.js';

/** Makes the pipeline of a producer. This module is loaded when the first producer is made. */
export function openPipeline(
  { endpoints, connection }: Connections,
  parts: PipelineParts,
): RecordPipeline {
  const { caller } = httpTransport(endpoints);
  const transport =
    connection === undefined
      ? new HttpProduceTransport(caller)
      : new SocketProduceTransport(caller, connection);
  return new RecordPipeline(transport, parts);
}
