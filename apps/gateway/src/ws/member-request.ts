/** Reads the data of `subscribe` of a member of a consumer group. */
import { type ClientData, MAX_POLL_INTERVAL_MS_DEFAULT, type TopicChoice } from '#api';
import type {
  AutoOffsetReset,
  GroupSubscriptionRequest,
  QueueSubscriptionRequest,
} from '#delivery';
import { FaultList, ProtocolError } from '#protocol';
import { recordFormat } from '#record-json';

type SubscribeData = ClientData<'subscribe'>;

/** Members of `subscribe` that have a meaning only for members of a group. */
const ONLY_OF_MEMBERS = [
  'instanceId',
  'autoCommit',
  'revokeAck',
  'maxPollIntervalMs',
  'sessionTimeoutMs',
  'assignor',
  'expiring',
] as const satisfies readonly (keyof SubscribeData)[];

/** Members of `subscribe` that have a meaning only for members in stream mode. */
const ONLY_OF_STREAMS = [
  'partitions',
  'autoCommit',
  'revokeAck',
  'maxPollIntervalMs',
  'assignor',
] as const satisfies readonly (keyof SubscribeData)[];

/** The request of a member of a queue. @throws ProtocolError INVALID_REQUEST with all faults */
export function queueRequest(data: SubscribeData, group: string): QueueSubscriptionRequest {
  const faults = new FaultList();
  for (const name of ONLY_OF_STREAMS) {
    if (data[name] !== undefined) faults.add(`/data/${name}`, 'has no meaning in queue mode');
  }
  const autoOffsetReset = resetOf(data, faults);
  if (autoOffsetReset === 'none') {
    faults.add('/data/autoOffsetReset', 'must be "latest" or "earliest" in queue mode');
  }
  assertNone(faults);
  const { instanceId, sessionTimeoutMs, credit, expiring = false, format } = data;
  return {
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
    group,
    topics: topicsOf(data),
    autoOffsetReset,
    creditRecords: credit,
    expiring,
    format: recordFormat(format),
  };
}

/** The request of a member in stream mode. @throws ProtocolError INVALID_REQUEST with all faults */
export function memberRequest(data: SubscribeData, group: string): GroupSubscriptionRequest {
  const faults = new FaultList();
  const { partitions, autoCommit = false, credit } = data;
  if (partitions !== undefined) {
    faults.add('/data/partitions', 'the group assigns the partitions: omit it');
  }
  if (autoCommit && credit === undefined) {
    faults.add('/data/autoCommit', 'requires "credit": granting credit commits');
  }
  if (data.expiring !== undefined) faults.add('/data/expiring', 'requires "mode": "queue"');
  const autoOffsetReset = resetOf(data, faults);
  assertNone(faults);
  const { instanceId, assignor, sessionTimeoutMs } = data;
  return {
    ...(instanceId === undefined ? {} : { instanceId }),
    ...(assignor === undefined ? {} : { assignor }),
    ...(sessionTimeoutMs === undefined ? {} : { sessionTimeoutMs }),
    group,
    topics: topicsOf(data),
    autoOffsetReset,
    autoCommit,
    revokeAck: data.revokeAck ?? false,
    maxPollIntervalMs: data.maxPollIntervalMs ?? MAX_POLL_INTERVAL_MS_DEFAULT,
    creditRecords: credit,
    format: recordFormat(data.format),
  };
}

/** @throws ProtocolError INVALID_REQUEST for data that only members of a group may have */
export function topicNames(data: SubscribeData): readonly string[] {
  const faults = new FaultList();
  for (const name of ONLY_OF_MEMBERS) {
    if (data[name] !== undefined) faults.add(`/data/${name}`, 'requires "group"');
  }
  if (data.mode === 'queue') faults.add('/data/mode', '"queue" requires "group"');
  const names: string[] = [];
  for (const [at, topic] of topicsOf(data).entries()) {
    if (typeof topic === 'string') names.push(topic);
    else faults.add(`/data/topics/${at}`, 'a pattern requires "group"');
  }
  assertNone(faults);
  return names;
}

function topicsOf({ topic, topics }: SubscribeData): readonly TopicChoice[] {
  if (topics !== undefined && topic === undefined) return topics;
  if (topic !== undefined && topics === undefined) return [topic];
  const faults = new FaultList();
  faults.add('/data/topics', 'either "topics" or "topic" is needed, not both');
  throw refused(faults);
}

/** `from` is short for `autoOffsetReset`: a committed offset takes precedence over both. */
function resetOf({ from, autoOffsetReset }: SubscribeData, faults: FaultList): AutoOffsetReset {
  if (from === undefined) return autoOffsetReset ?? 'latest';
  if (from !== 'latest' && from !== 'earliest') {
    faults.add(
      '/data/from',
      'must be "latest" or "earliest" with "group": a member begins at the committed offsets',
    );
    return 'latest';
  }
  if (autoOffsetReset !== undefined && autoOffsetReset !== from) {
    faults.add('/data/from', `means the same as "autoOffsetReset", which is "${autoOffsetReset}"`);
  }
  return from;
}

function assertNone(faults: FaultList): void {
  if (faults.count > 0) throw refused(faults);
}

function refused(faults: FaultList): ProtocolError {
  const [first] = faults.described;
  const detail = first === undefined ? 'is not acceptable' : `${first.pointer}: ${first.detail}`;
  return new ProtocolError('INVALID_REQUEST', `${detail}.`, faults.asOptions);
}
