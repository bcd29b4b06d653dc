import { type CoordinationStore, listQueueGroup, unlistQueueGroup } from '#coordination';
import type { QueueLists } from '#groups';

/** The lists of queue groups in the metadata of topics, as changes of the coordination store. */
export function queueListsIn(store: CoordinationStore): QueueLists {
  return {
    add: async (group, topics, term) => {
      const { version } = await store.update((state) => listQueueGroup(state, group, topics, term));
      return version;
    },
    remove: async (group, term) => {
      await store.update((state) => unlistQueueGroup(state, group, term));
    },
    has: (group) => {
      for (const { queueGroups } of store.state.topics.values()) {
        if (queueGroups?.includes(group) === true) return true;
      }
      return false;
    },
  };
}
