export {
  FakeCoordination,
  type FakeCoordinationOptions,
  type FakeStoreOptions,
} from './fake-coordination.js';
