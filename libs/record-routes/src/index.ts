/**
 * The routes of records: produce, fetch, polls of members and event streams. The front calls them
 * with the request of node:http, before a framework sees it.
 */

export { DataPlane } from './data-plane.js';
export { assertOwnProducer } from './produce/producer-headers.js';
export { assertMayProduceTo, type TopicToProduceTo } from './topic-check.js';
