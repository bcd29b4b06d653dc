export { OffsetStore, type TopicDirectory, type TopicView } from './offset-store.js';
