import type { OperationId } from '#api';

/** A request of an operation that is refused for nothing but a missing permission. */
export interface OperationCase {
  /** Parameters of the path that differ from `PATH_VALUES`. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: string;
  /** A text is sent as it is, an object as JSON. */
  readonly body?: string | object;
  /** Text of the answer that only a caller with the needs on the answer gets. */
  readonly shown?: string;
}

/** Values of the parameters of paths. */
export const PATH_VALUES: Readonly<Record<string, string>> = {
  topic: 'orders',
  partition: '0',
  offset: '0',
  group: 'billing',
  memberId: 'm-1',
  id: 'nobody',
  principal: 'key:nobody',
  file: 'nothing',
};

const ACL = {
  principal: 'key:nobody',
  resourceType: 'topic',
  resourceName: 'orders',
  patternType: 'literal',
  operation: 'Read',
  permission: 'allow',
};

/** One case for each operation: a new operation without one does not compile. */
export const OPERATION_CASES = {
  createTopic: { body: { name: 'orders' } },
  listTopics: { shown: 'orders' },
  describeTopic: {},
  alterTopic: { body: { partitions: 1, configs: { 'retention.ms': 600_000 } } },
  deleteTopic: { path: { topic: 'doomed' } },
  deleteRecords: { query: 'beforeOffset=0' },
  acceptDataLoss: { query: 'startOffset=0&endOffset=1' },
  electLeader: {},
  describeReplicas: {},
  reassignReplicas: { body: { replicas: [0] } },
  listOffset: { query: 'at=earliest' },
  produce: { body: { records: [{ value: 1 }] } },
  produceValue: { body: 'a value' },
  produceLines: { body: '{"value":1}\n' },
  fetch: { query: 'offset=earliest' },
  fetchValue: { query: 'offset=earliest' },
  fetchLines: { query: 'offset=earliest' },
  subscribeToEvents: {},
  commitOffsets: { body: { offsets: [{ topic: 'orders', partition: 0, offset: 0 }] } },
  committedOffsets: { shown: 'orders' },
  listGroups: { shown: 'billing' },
  describeGroup: { shown: 'orders' },
  deleteGroup: { path: { group: 'doomed' } },
  joinGroup: { path: { group: 'joined' }, body: { topics: ['orders'] } },
  pollRecords: {},
  acknowledgeRecords: {
    body: { acks: [{ type: 'ack', topic: 'orders', partition: 0, offset: 0 }] },
  },
  heartbeat: {},
  commitAsMember: {
    body: { generation: 1, offsets: [{ topic: 'orders', partition: 0, offset: 0 }] },
  },
  leaveGroup: {},
  groupConfigs: {},
  alterGroupConfigs: { body: { configs: { 'errors.deadletterqueue.topic.name': '' } } },
  resetOffsets: { body: { topic: 'orders', to: 'earliest', dryRun: true } },
  inFlightRecords: {},
  purgeQueue: { body: { topic: 'orders' } },
  waitingDeadLetters: {},
  redriveDeadLetters: { body: { topic: 'orders' } },
  cancelRecord: {},
  initProducer: {},
  describeCluster: {},
  live: {},
  ready: {},
  metrics: {},
  listEntryPoints: {},
  whoami: {},
  createTicket: {},
  createApiKey: { body: { name: 'another' } },
  listApiKeys: {},
  rotateApiKey: {},
  deleteApiKey: {},
  listAcls: {},
  createAcls: { body: { acls: [ACL] } },
  deleteAcls: { query: 'principal=key:nobody' },
  describeQuota: {},
  setQuota: { body: { request_rate: 1000 } },
  deleteQuota: {},
  tryPage: {},
  tryAsset: {},
  docsPage: {},
  openapiDocument: {},
  asyncapiDocument: {},
  docsScript: {},
  docsAsset: {},
} as const satisfies Record<OperationId, OperationCase>;
