/**
 * The front: the listener on node:http that receives every request before a framework does. It owns
 * connections, bodies, codings, origins and problem answers, and passes hot routes to handlers.
 */

export { chargeQuota, inQuota } from './admission/quota-turn.js';
export { acceptsNdjson } from './answer/accepts-ndjson.js';
export { answerCoding, compressInto, writeCompressed } from './answer/answer-coding.js';
export {
  type AnswerCoding,
  acceptedCoding,
  COMPRESSED_BYTES_MIN,
  compressed,
} from './answer/answer-compression.js';
export { ClientErrors } from './answer/client-errors.js';
export { problemBody, problemHeaders } from './answer/problem-answer.js';
export { requestIdOf } from './answer/request-id.js';
export { writeParts } from './answer/write-parts.js';
export { bodyIdleError, stoppingError } from './body/body-timeout.js';
export { assertUtf8Charset } from './body/charset.js';
export { readBody, streamBody } from './body/request-body.js';
export type { TlsMaterial } from './connection/tls-options.js';
export type { Exchange } from './exchange.js';
export { FrameworkRequest } from './framework-request.js';
export type { FrontContext } from './front-context.js';
export type { FrontEvent } from './front-events.js';
export { FrontListener } from './front-listener.js';
export type { HotRoutes, MemberTarget, PartitionTarget } from './hot-routes.js';
export { HttpFront } from './http-front.js';
export type { LongPoll } from './long-polls.js';
export { OperationRouter } from './operation-router.js';
export { PublicAddress } from './public-address.js';
export { oneOf, parseQuery, type Query, refuseParameter, wholeNumber } from './request/query.js';
export { requestMemory } from './request-memory.js';
export type { FrontRoute, RequestObserver } from './request-observer.js';
export type { AdmittedUpgrade, UpgradeHandler, UpgradeRefusal } from './upgrades.js';
