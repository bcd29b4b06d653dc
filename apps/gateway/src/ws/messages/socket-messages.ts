/**
 * The table of all messages of a WebSocket. A message is a text frame,
 *
 *     {"event": "subscribe", "id"?: "1" or 1, "data": {...}}
 *
 * and an answer repeats the `id`.
 */
import type { Type } from '@nestjs/common';
import {
  AcknowledgeDto,
  CommitDto,
  CreditDto,
  PingDto,
  SeekDto,
  UnsubscribeDto,
} from './control.dto.js';
import { PublishDto } from './publish.dto.js';
import {
  AssignedDto,
  CommittedDto,
  PongDto,
  PublishedDto,
  RecordsDto,
  ResetDto,
  SocketErrorDto,
  SubscribedDto,
  UnsubscribedDto,
} from './server.dto.js';
import { SubscribeDto } from './subscribe.dto.js';

/** Subprotocol that a client must offer. */
export const SUBPROTOCOL = 'sluice.v1';
/** Path of the WebSocket; the `instance` of its problems. */
export const SOCKET_PATH = '/v1/ws';

interface SocketMessage {
  /** Class of its `data`. */
  readonly data: Type;
  readonly summary: string;
}

interface ClientMessage extends SocketMessage {
  /** Event of a successful answer; null: there is none. A failure is answered with `error`. */
  readonly answer: ServerEvent | null;
}

/** Messages of clients, by event. */
export const CLIENT_MESSAGES = {
  subscribe: {
    data: SubscribeDto,
    answer: 'subscribed',
    summary: 'Read topics from a position: `records` follow.',
  },
  credit: { data: CreditDto, answer: null, summary: 'Grant credit for further records.' },
  commit: {
    data: CommitDto,
    answer: 'committed',
    summary: 'Commit offsets of a consumer group: all or none.',
  },
  seek: {
    data: SeekDto,
    answer: 'subscribed',
    summary:
      'Change the position in a partition: records after the answer are from the new position.',
  },
  publish: { data: PublishDto, answer: 'published', summary: 'Produce records.' },
  unsubscribe: { data: UnsubscribeDto, answer: 'unsubscribed', summary: 'End a subscription.' },
  ack: {
    data: AcknowledgeDto,
    answer: null,
    summary: 'Acknowledge a processed record (queue mode).',
  },
  nack: {
    data: AcknowledgeDto,
    answer: null,
    summary: 'Request redelivery of a record (queue mode).',
  },
  extend: {
    data: AcknowledgeDto,
    answer: null,
    summary: 'Extend the time to process a record (queue mode).',
  },
  reject: {
    data: AcknowledgeDto,
    answer: null,
    summary: 'Reject a record that cannot be processed (queue mode).',
  },
  ping: { data: PingDto, answer: 'pong', summary: 'Check that the gateway responds.' },
} as const satisfies Record<string, ClientMessage>;

export type ClientEvent = keyof typeof CLIENT_MESSAGES;

/** Messages of the gateway, by event. */
export const SERVER_MESSAGES = {
  subscribed: { data: SubscribedDto, summary: 'The subscription has begun; its positions.' },
  committed: { data: CommittedDto, summary: 'The offsets are committed.' },
  published: { data: PublishedDto, summary: 'The records are written.' },
  unsubscribed: { data: UnsubscribedDto, summary: 'The subscription has ended.' },
  pong: { data: PongDto, summary: 'The answer to `ping`.' },
  records: { data: RecordsDto, summary: 'Records of one partition.' },
  assigned: { data: AssignedDto, summary: 'Partitions were added and are read from offset 0.' },
  reset: {
    data: ResetDto,
    summary:
      'A position was no longer in the log: reading continues according to `autoOffsetReset`.',
  },
  error: { data: SocketErrorDto, summary: 'The error of a message or a subscription.' },
} as const satisfies Record<string, SocketMessage>;

export type ServerEvent = keyof typeof SERVER_MESSAGES;
