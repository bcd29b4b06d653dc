/**
 * Event streams as text (`text/event-stream`): the encoding of records as events, and the positions
 * in their ids.
 */

export {
  chunkOf,
  contentOf,
  EventEncoder,
  eventText,
  HEARTBEAT,
  positionText,
} from './event-encoding.js';
export {
  type EventId,
  type EventPosition,
  EventPositions,
  tryParseEventId,
} from './event-id.js';
