export { assertGroupName } from './group-name.js';
export { partitionForGroup } from './group-partition.js';
export { assertCommits, type OffsetCommit } from './offset-commits.js';
export {
  type GroupOffset,
  OffsetStore,
  type TopicDirectory,
  type TopicView,
} from './offset-store.js';
