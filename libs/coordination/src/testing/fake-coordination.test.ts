import { beforeEach } from 'vitest';
import { describeCoordinationStore } from './conformance.js';
import { FakeStores } from './fake-stores.js';

let stores = new FakeStores();
beforeEach(() => {
  stores = new FakeStores();
});

describeCoordinationStore('FakeCoordination', () => stores);
