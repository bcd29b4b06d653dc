/**
 * The table of all messages of a WebSocket. A message is a text frame,
 *
 *     {"event": "subscribe", "id"?: "1" or 1, "data": {...}}
 *
 * and an answer repeats the `id`.
 */
import type { Permission } from '../permission.js';
import type { DtoClass } from '../schema/members.js';
import { AcknowledgeDto, NackDto, RejectDto } from './acknowledge.dto.js';
import {
  AuthenticateDto,
  CommitDto,
  CreditDto,
  PingDto,
  ReleaseDto,
  SeekDto,
  UnsubscribeDto,
} from './control.dto.js';
import { PublishDto } from './publish.dto.js';
import {
  AckedDto,
  AssignedDto,
  AuthenticatedDto,
  CommittedDto,
  ExpiringDto,
  PongDto,
  PublishedDto,
  RecordsDto,
  ResetDto,
  RevokedDto,
  SocketErrorDto,
  SubscribedDto,
  UnsubscribedDto,
} from './server.dto.js';
import { SubscribeDto } from './subscribe.dto.js';

interface SocketMessage {
  /** Class of its `data`. */
  readonly data: DtoClass;
  readonly summary: string;
}

interface ClientMessage extends SocketMessage {
  /** Event of a successful answer; null: there is none. A failure is answered with `error`. */
  readonly answer: ServerEvent | null;
  /** All permissions that the client needs. */
  readonly needs: readonly [Permission, ...Permission[]];
  /** True: without an `id` the message has no answer but errors. */
  readonly isAnsweredWithIdOnly?: true;
}

const READ_TOPIC = { resource: 'topic', operation: 'Read' } as const;
const READ_GROUP = { resource: 'group', operation: 'Read' } as const;
/** The subscription that a message is about has been permitted. */
const SUBSCRIBED = { resource: 'none' } as const;

/** Messages of clients, by event. */
export const CLIENT_MESSAGES = {
  authenticate: {
    data: AuthenticateDto,
    answer: 'authenticated',
    needs: [{ resource: 'none' }],
    summary:
      'Present an API key or a token, if the request for the WebSocket had none, or a newer one of the same principal.',
  },
  subscribe: {
    data: SubscribeDto,
    answer: 'subscribed',
    needs: [READ_TOPIC],
    summary: 'Read topics from a position, or as a member of a group: `records` follow.',
  },
  credit: {
    data: CreditDto,
    answer: null,
    needs: [SUBSCRIBED],
    summary: 'Grant credit for further records.',
  },
  commit: {
    data: CommitDto,
    answer: 'committed',
    needs: [READ_GROUP, READ_TOPIC],
    summary: 'Commit offsets of a consumer group: all or none.',
  },
  release: {
    data: ReleaseDto,
    answer: null,
    needs: [SUBSCRIBED],
    summary: 'Release revoked partitions (subscriptions with `revokeAck`).',
  },
  seek: {
    data: SeekDto,
    answer: 'subscribed',
    needs: [SUBSCRIBED],
    summary:
      'Change the position in a partition: records after the answer are from the new position.',
  },
  publish: {
    data: PublishDto,
    answer: 'published',
    needs: [{ resource: 'topic', operation: 'Write' }],
    summary: 'Produce records.',
  },
  unsubscribe: {
    data: UnsubscribeDto,
    answer: 'unsubscribed',
    needs: [SUBSCRIBED],
    summary: 'End a subscription.',
  },
  ack: {
    data: AcknowledgeDto,
    answer: 'acked',
    isAnsweredWithIdOnly: true,
    needs: [READ_GROUP, READ_TOPIC],
    summary: 'Acknowledge processed records of a queue: they do not come back.',
  },
  nack: {
    data: NackDto,
    answer: 'acked',
    isAnsweredWithIdOnly: true,
    needs: [READ_GROUP, READ_TOPIC],
    summary: 'Give records of a queue back, to be delivered again.',
  },
  extend: {
    data: AcknowledgeDto,
    answer: 'acked',
    isAnsweredWithIdOnly: true,
    needs: [READ_GROUP, READ_TOPIC],
    summary: 'Renew the locks of records of a queue.',
  },
  reject: {
    data: RejectDto,
    answer: 'acked',
    isAnsweredWithIdOnly: true,
    needs: [READ_GROUP, READ_TOPIC],
    summary: 'Send records of a queue to its dead letters.',
  },
  ping: {
    data: PingDto,
    answer: 'pong',
    needs: [{ resource: 'none' }],
    summary: 'Check that the gateway responds.',
  },
} as const satisfies Record<string, ClientMessage>;

export type ClientEvent = keyof typeof CLIENT_MESSAGES;

/** Messages of the gateway, by event. */
export const SERVER_MESSAGES = {
  authenticated: { data: AuthenticatedDto, summary: 'The credential is accepted.' },
  subscribed: { data: SubscribedDto, summary: 'The subscription has begun; its positions.' },
  committed: { data: CommittedDto, summary: 'The offsets are committed.' },
  acked: {
    data: AckedDto,
    summary: 'The records are acknowledged, given back, extended or rejected.',
  },
  published: { data: PublishedDto, summary: 'The records are written.' },
  unsubscribed: { data: UnsubscribedDto, summary: 'The subscription has ended.' },
  pong: { data: PongDto, summary: 'The answer to `ping`.' },
  records: { data: RecordsDto, summary: 'Records of one partition.' },
  assigned: { data: AssignedDto, summary: 'Partitions were added.' },
  revoked: { data: RevokedDto, summary: 'The group has assigned partitions to other members.' },
  reset: {
    data: ResetDto,
    summary:
      'A position was no longer in the log: reading continues according to `autoOffsetReset`.',
  },
  expiring: {
    data: ExpiringDto,
    summary: 'Locks of records end soon (queue mode, subscriptions with `expiring`).',
  },
  error: { data: SocketErrorDto, summary: 'The error of a message or a subscription.' },
} as const satisfies Record<string, SocketMessage>;

export type ServerEvent = keyof typeof SERVER_MESSAGES;

/** The data of the answer to a client's message; undefined if there is no answer. */
export type AnswerData<Event extends ClientEvent> =
  (typeof CLIENT_MESSAGES)[Event]['answer'] extends infer Answer extends ServerEvent
    ? InstanceType<(typeof SERVER_MESSAGES)[Answer]['data']>
    : undefined;

/** The data of a client's message, checked. */
export type ClientData<Event extends ClientEvent> = InstanceType<
  (typeof CLIENT_MESSAGES)[Event]['data']
>;
