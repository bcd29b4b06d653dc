/**
 * The one table of what goes over a WebSocket. A message is a text frame,
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

/** Subprotocol that a client has to offer. */
export const SUBPROTOCOL = 'sluice.v1';
/** Path of the WebSocket; the `instance` of its problems. */
export const SOCKET_PATH = '/v1/ws';

interface SocketMessage {
  /** Class of its `data`. */
  readonly data: Type;
  readonly summary: string;
}

interface ClientMessage extends SocketMessage {
  /** Event of the answer when all went well; null: there is none. Else the answer is `error`. */
  readonly answer: ServerEvent | null;
}

/** What clients send, by event. */
export const CLIENT_MESSAGES = {
  subscribe: {
    data: SubscribeDto,
    answer: 'subscribed',
    summary: 'Reads topics on from a position: `records` follow.',
  },
  credit: { data: CreditDto, answer: null, summary: 'Allows so many more records.' },
  commit: {
    data: CommitDto,
    answer: 'committed',
    summary: 'Commits offsets of a consumer group: all or none.',
  },
  seek: {
    data: SeekDto,
    answer: 'subscribed',
    summary: 'Goes on elsewhere in a partition: records after the answer are from there only.',
  },
  publish: { data: PublishDto, answer: 'published', summary: 'Produces records.' },
  unsubscribe: { data: UnsubscribeDto, answer: 'unsubscribed', summary: 'Ends a subscription.' },
  ack: { data: AcknowledgeDto, answer: null, summary: 'The record was processed (queue mode).' },
  nack: { data: AcknowledgeDto, answer: null, summary: 'The record is to come again.' },
  extend: { data: AcknowledgeDto, answer: null, summary: 'The record takes longer.' },
  reject: { data: AcknowledgeDto, answer: null, summary: 'The record cannot be processed.' },
  ping: { data: PingDto, answer: 'pong', summary: 'Asks for a sign of life.' },
} as const satisfies Record<string, ClientMessage>;

export type ClientEvent = keyof typeof CLIENT_MESSAGES;

/** What the gateway sends, by event. */
export const SERVER_MESSAGES = {
  subscribed: { data: SubscribedDto, summary: 'The subscription stands; its positions.' },
  committed: { data: CommittedDto, summary: 'The offsets are committed.' },
  published: { data: PublishedDto, summary: 'The records are written.' },
  unsubscribed: { data: UnsubscribedDto, summary: 'Nothing more comes of the subscription.' },
  pong: { data: PongDto, summary: 'The sign of life.' },
  records: { data: RecordsDto, summary: 'Records of one partition.' },
  assigned: { data: AssignedDto, summary: 'Partitions were added, and are read from 0.' },
  reset: {
    data: ResetDto,
    summary: 'A position was not in the log any more: reading went on elsewhere, as was asked for.',
  },
  error: { data: SocketErrorDto, summary: 'What went wrong with a message or a subscription.' },
} as const satisfies Record<string, SocketMessage>;

export type ServerEvent = keyof typeof SERVER_MESSAGES;
