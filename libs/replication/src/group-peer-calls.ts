/** The shapes of the calls to the coordinators of groups. Requests are checked again by them. */
import {
  choice,
  either,
  flag,
  list,
  type MessageShape,
  nullable,
  object,
  text,
  whole,
} from './message-shape.js';

const INT32_MAX = 2 ** 31 - 1;
const count = whole(0, Number.MAX_SAFE_INTEGER);
/** A time, or -1 for one before all others. */
const timeMs = whole(-1, Number.MAX_SAFE_INTEGER);
const anyText = text(0, INT32_MAX);
const group = text(1, 255);
const partition = { topic: text(1, 249), partition: whole(0, INT32_MAX) };
const member = { group, memberId: anyText };
const mode = choice('stream', 'queue');
const reset = choice('latest', 'earliest', 'none');
/** Configs are scalars of clients, which the coordinator checks. */
const scalar = either(nullable(anyText), flag, whole(-(2 ** 53), 2 ** 53));

const offsets = list(
  object({ ...partition, offset: count }, { leaderEpoch: whole(0, INT32_MAX), metadata: anyText }),
);

const view = object({
  memberId: anyText,
  generation: count,
  autoCommit: flag,
  autoOffsetReset: reset,
  sessionTimeoutMs: count,
  assignment: list(object({ ...partition, offset: count, since: count })),
  revoking: list(object(partition)),
});

const snapshot = object({
  group,
  mode: nullable(mode),
  state: anyText,
  generation: count,
  members: list(
    object({
      memberId: anyText,
      instanceId: nullable(anyText),
      clientId: nullable(anyText),
      assignment: list(object(partition)),
    }),
  ),
  partitions: list(object({ ...partition, offset: nullable(count), owner: nullable(anyText) })),
});

const failure = object({
  code: text(1, 100),
  message: anyText,
  outcome: choice('failed', 'unknown'),
  retriable: flag,
});
const nothing = object({});
const configs = list(object({ name: anyText, value: anyText, source: anyText }));

const joinRequest = object(
  { memberId: anyText, topics: list(either(anyText, object({ pattern: anyText }))) },
  {
    instanceId: anyText,
    clientId: anyText,
    mode,
    assignor: choice('sticky', 'range', 'roundrobin'),
    sessionTimeoutMs: count,
    maxPollIntervalMs: count,
    autoOffsetReset: reset,
    autoCommit: flag,
  },
);

function answer(shape: MessageShape): MessageShape {
  return object({ answer: shape });
}

const place = { ...partition, topicId: anyText };
const cursor = object({ atMs: timeMs, offset: timeMs });
const ranges = list(count);

/** Records that a broker found for a queue. */
const offer = object({
  ...place,
  records: nullable(
    object(
      { from: count, to: count, logStartOffset: count, ranges },
      { keys: list(nullable(count)), delayed: list(count) },
    ),
  ),
  due: nullable(
    object({
      from: cursor,
      to: cursor,
      records: list(cursor),
      indexedTo: count,
      nextAtMs: nullable(count),
    }),
  ),
});

const queueAnswer = object({
  generation: count,
  sessionTimeoutMs: count,
  isKeyOrdered: flag,
  assignment: list(object(place)),
  acquired: list(
    object({
      ...place,
      runs: list(object({ first: count, last: count, deliveryCount: count })),
    }),
  ),
  reads: list(
    object({
      ...place,
      scanOffset: count,
      due: cursor,
      pendingFrom: count,
      hasPending: flag,
      room: whole(-(2 ** 31), INT32_MAX),
    }),
  ),
});

const ack = object(
  { ...place, offset: count, type: choice('ack', 'nack', 'extend', 'reject', 'giveBack') },
  { deliveryCount: count, delayMs: count, reason: anyText },
);

export const GROUP_PEER_CALLS = {
  'queue-poll': {
    body: object({
      ...member,
      receiveId: nullable(anyText),
      recordsMax: count,
      offers: list(offer),
    }),
    answer: answer(queueAnswer),
  },
  'queue-acks': {
    body: object({ ...member, acks: list(ack) }),
    answer: answer(list(choice('done', 'finished', 'notAcquired', 'staleDelivery'))),
  },
  'group-join': {
    body: object({ group, request: joinRequest }, { brokerEpoch: count }),
    answer: answer(view),
  },
  'group-heartbeat': {
    body: object({ ...member, generation: nullable(count) }, { brokerEpoch: count }),
    answer: answer(view),
  },
  'group-heartbeats': {
    body: object({
      heartbeats: list(object({ ...member, generation: nullable(count) }, { brokerEpoch: count })),
    }),
    answer: object({ answers: list(object({}, { view, error: failure })) }),
  },
  'group-poll': {
    body: object({
      ...member,
      pollId: anyText,
      acknowledged: nullable(
        object({ generation: count, positions: list(object({ ...partition, offset: count })) }),
      ),
    }),
    answer: answer(view),
  },
  'group-waiting-view': {
    body: object({ ...member, pollId: anyText }),
    answer: answer(nullable(view)),
  },
  'group-member-commit': {
    body: object({ ...member, generation: count, offsets }),
    answer: answer(nothing),
  },
  'group-leave': { body: object(member), answer: answer(nothing) },
  'group-describe': { body: object({ group }), answer: answer(snapshot) },
  'group-delete': { body: object({ group }), answer: answer(nothing) },
  'group-configs': { body: object({ group }), answer: answer(configs) },
  'group-alter-configs': {
    body: object({ group, changes: list(object({ name: anyText, value: scalar })) }),
    answer: answer(configs),
  },
  'group-list': {
    body: object({ after: anyText, limit: count }),
    answer: object({
      groups: list(object({ group, mode: nullable(mode), state: anyText, members: count })),
    }),
  },
  'group-watch': {
    body: object({ groups: list(group), waitMs: whole(0, 60_000) }),
    answer: object({ changed: list(group) }),
  },
} satisfies Readonly<Record<string, { body: MessageShape; answer: MessageShape }>>;

export type GroupPeerMethod = keyof typeof GROUP_PEER_CALLS;
