/**
 * The transports that need no WebSocket. They are a module of their own, which is loaded when one
 * of them is used: pages have a WebSocket and never load it.
 */
export { httpTransport } from './connection/http-caller.js';
export { HttpMember } from './consumer/http-member.js';
export { HttpWorker } from './queue/http-worker.js';
export { EventStreamSource } from './subscription/event-source.js';
