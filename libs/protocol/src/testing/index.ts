export { recordSpan } from './record-span.js';
