export { EventSourceParser, type ReceivedEvent } from './event-source-parser.js';
