export { ClientProgress } from './client-progress.js';
export { CLOSE_CODES, NO_STATUS, ORDERLY_CODES } from './close-codes.js';
export { acceptedOffers } from './extension-offers.js';
export { pingFrame, pongFrame, pongPosition, textFrames } from './frame.js';
export {
  Inbox,
  type InboxMemory,
  type InboxMessage,
  type InboxOwner,
  messageMemoryBytes,
} from './inbox.js';
export { type ConnectionObservation, Liveness, type LivenessVerdict } from './liveness.js';
export { MessageGate } from './message-gate.js';
export { type FrameSink, RecordsFrames } from './records-frames.js';
export { Reply, ReplyQueue, type ReplySink } from './reply-queue.js';
export { SocketWatch, type WatchedConnection } from './socket-watch.js';
export { UnpackingSlots } from './unpacking-slots.js';
