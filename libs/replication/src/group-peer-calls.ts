/** The shapes of the calls to the coordinators of groups. Requests are checked again by them. */
import { requesterShape } from './caller-shape.js';
import {
  anyOf,
  choice,
  flag,
  list,
  type MessageShape,
  nullable,
  object,
  text,
  wholeNumber,
} from './message-shape.js';

const INT32_MAX = 2 ** 31 - 1;
const count = wholeNumber(0, Number.MAX_SAFE_INTEGER);
/** A time, or -1 for one before all others. */
const timeMs = wholeNumber(-1, Number.MAX_SAFE_INTEGER);
const anyText = text(0, INT32_MAX);
const group = text(1, 255);
const partition = { topic: text(1, 249), partition: wholeNumber(0, INT32_MAX) };
const member = { group, memberId: anyText };
const mode = choice('stream', 'queue');
const reset = choice('latest', 'earliest', 'none');
/** Configs are scalars of clients, which the coordinator checks. */
const scalar = anyOf(nullable(anyText), flag, wholeNumber(-(2 ** 53), 2 ** 53));

const leaderEpoch = wholeNumber(0, INT32_MAX);
const offsets = list(object({ ...partition, offset: count }, { leaderEpoch, metadata: anyText }));

const viewMembers = {
  memberId: anyText,
  generation: count,
  autoCommit: flag,
  autoOffsetReset: reset,
  sessionTimeoutMs: count,
  assignment: list(object({ ...partition, offset: count, since: count }, { leaderEpoch })),
  revoking: list(object(partition)),
};
const view = object(viewMembers);
const pollView = object(viewMembers, { isNewAssignment: flag });

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
  partitions: list(
    object({
      ...partition,
      offset: nullable(count),
      owner: nullable(anyText),
      queue: nullable(
        object({
          scanOffset: count,
          available: count,
          acquired: count,
          delayed: count,
          archiving: count,
        }),
      ),
    }),
  ),
  deadLetters: nullable(count),
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
  { memberId: anyText, topics: list(anyOf(anyText, object({ pattern: anyText }))) },
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
const cursor = { atMs: timeMs, offset: timeMs };
/** A place in the order of delayed records. */
export const delayedCursor = object(cursor);
/** A delayed record in its partition's index. */
export const delayedRecord = object({ ...cursor, keyHash: nullable(count) });
const ranges = list(count);

/** Records that a broker found for a queue. */
const offer = object(
  {
    ...place,
    records: nullable(
      object(
        { from: count, to: count, logStartOffset: count, ranges },
        { keys: list(nullable(count)), delayed: list(count), leaderEpoch },
      ),
    ),
    due: nullable(
      object(
        {
          from: delayedCursor,
          to: delayedCursor,
          records: list(delayedRecord),
          indexedTo: count,
          nextAtMs: nullable(count),
        },
        { leaderEpoch },
      ),
    ),
  },
  { truncation: object({ scanOffset: count, scanEpoch: leaderEpoch, to: count, leaderEpoch }) },
);

const acquired = list(
  object({
    ...place,
    runs: list(object({ first: count, last: count, deliveryCount: count })),
  }),
);

const reads = list(
  object(
    {
      ...place,
      scanOffset: count,
      due: delayedCursor,
      pendingFrom: count,
      hasPending: flag,
      room: wholeNumber(-(2 ** 31), INT32_MAX),
    },
    { scanEpoch: leaderEpoch },
  ),
);

const queueAnswer = object({
  generation: count,
  sessionTimeoutMs: count,
  isKeyOrdered: flag,
  assignment: list(object(place)),
  acquired,
  reads,
});

const deliveryAnswer = object({
  generation: count,
  lockMs: count,
  isKeyOrdered: flag,
  members: list(object({ memberId: anyText, acquired })),
  unknown: list(anyText),
  reads,
});

const ack = object(
  { ...place, offset: count, type: choice('ack', 'nack', 'extend', 'reject', 'giveBack') },
  { deliveryCount: count, delayMs: count, reason: anyText },
);

const placeOffsets = list(object({ ...place, offset: count }));

const inFlightRecord = object({
  ...partition,
  offset: count,
  state: choice('available', 'acquired', 'delayed', 'archiving'),
  deliveryCount: count,
  memberId: nullable(anyText),
  lockLeftMs: nullable(count),
  availableAt: nullable(count),
});

/** A request of a client, or of a broker for itself. */
function request(required: Members, optional: Members = {}): MessageShape {
  return object(required, { ...optional, caller: requesterShape });
}

type Members = Readonly<Record<string, MessageShape>>;

export const GROUP_PEER_CALLS = {
  'queue-poll': {
    body: request(
      { ...member, receiveId: nullable(anyText), recordsMax: count, offers: list(offer) },
      { waitMs: count },
    ),
    answer: answer(queueAnswer),
  },
  'queue-delivery': {
    body: object({
      group,
      deliveryId: anyText,
      demands: list(object({ memberId: anyText, recordsMax: count })),
      offers: list(offer),
    }),
    answer: answer(deliveryAnswer),
  },
  'queue-acks': {
    body: request({ ...member, acks: list(ack) }),
    answer: answer(list(choice('done', 'finished', 'notAcquired', 'staleDelivery'))),
  },
  'queue-records': {
    body: request({
      group,
      topic: nullable(anyText),
      partition: nullable(count),
      fromOffset: count,
      limit: count,
    }),
    answer: answer(list(inFlightRecord)),
  },
  'queue-purge': { body: request({ group, ends: placeOffsets }), answer: answer(nothing) },
  'queue-reset': { body: request({ group, targets: placeOffsets }), answer: answer(nothing) },
  'queue-floors': {
    body: object({ group, topic: anyText, topicId: anyText }),
    answer: answer(object({ floors: list(object({ partition: count, offset: count })) })),
  },
  'queue-redrive': {
    body: request({
      group,
      place: object(place),
      sourceTopic: nullable(anyText),
      from: count,
      end: count,
      limit: count,
    }),
    answer: answer(object({ redriven: count, skipped: count, next: count })),
  },
  'queue-redrive-progress': {
    body: request({ group }),
    answer: answer(list(object({ ...place, position: count, waiting: list(count) }))),
  },
  'queue-cancel': {
    body: request({
      group,
      place: object(place),
      record: object({ offset: count, deliverAtMs: nullable(count) }),
    }),
    answer: answer(nullable(choice('done', 'finished', 'inUse', 'full'))),
  },
  'group-join': {
    body: request({ group, request: joinRequest }, { brokerEpoch: count }),
    answer: answer(view),
  },
  'group-heartbeat': {
    body: request({ ...member, generation: nullable(count) }, { brokerEpoch: count }),
    answer: answer(view),
  },
  'group-heartbeats': {
    body: object({
      heartbeats: list(object({ ...member, generation: nullable(count) }, { brokerEpoch: count })),
    }),
    answer: object({ answers: list(object({}, { view, error: failure })) }),
  },
  'group-poll': {
    body: request({
      ...member,
      pollId: anyText,
      acknowledged: nullable(
        object({
          generation: count,
          positions: list(object({ ...partition, offset: count }, { leaderEpoch })),
        }),
      ),
    }),
    answer: answer(pollView),
  },
  'group-waiting-view': {
    body: request({ ...member, pollId: anyText }),
    answer: answer(nullable(view)),
  },
  'group-member-commit': {
    body: request({ ...member, generation: count, offsets }),
    answer: answer(nothing),
  },
  'group-leave': { body: request(member, { isBroken: flag }), answer: answer(nothing) },
  'group-describe': { body: request({ group }), answer: answer(snapshot) },
  'group-delete': { body: request({ group }), answer: answer(nothing) },
  'group-configs': { body: request({ group }), answer: answer(configs) },
  'group-alter-configs': {
    body: request({ group, changes: list(object({ name: anyText, value: scalar })) }),
    answer: answer(configs),
  },
  'group-list': {
    body: object({ after: anyText, limit: count }),
    answer: object({
      groups: list(object({ group, mode: nullable(mode), state: anyText, members: count })),
    }),
  },
  'group-watch': {
    body: object({
      groups: list(group),
      waitMs: wholeNumber(0, 60_000),
      afterSequence: nullable(count),
    }),
    answer: object({
      changed: list(object({ group, members: nullable(list(anyText)) })),
      sequence: count,
    }),
  },
} satisfies Readonly<Record<string, { body: MessageShape; answer: MessageShape }>>;

export type GroupPeerMethod = keyof typeof GROUP_PEER_CALLS;
