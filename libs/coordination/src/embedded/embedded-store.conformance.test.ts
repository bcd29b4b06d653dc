import { beforeEach } from 'vitest';
import { SystemRandom } from '#runtime';
import { FakeDisk } from '#runtime/testing';
import { describeCoordinationStore, type StoresUnderTest } from '../testing/conformance.js';
import { EmbeddedStore } from './embedded-store.js';

let disk = new FakeDisk();
beforeEach(() => {
  disk = new FakeDisk();
});

const stores: StoresUnderTest = {
  isShared: false,
  open: (brokerId) =>
    EmbeddedStore.open({
      fileSystem: disk.mount(),
      random: new SystemRandom(),
      dataDir: '/data',
      clusterId: 'sluice',
      brokerId,
    }),
  whileTimePasses: (promise) => promise,
  until: () => Promise.resolve(),
};

describeCoordinationStore('EmbeddedStore', () => stores);
