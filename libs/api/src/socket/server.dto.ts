/** Messages of the gateway, for the AsyncAPI document; the broker's own types are sent. */

import { OffsetToCommitDto } from '../rest/commit-offsets.dto.js';
import { listOf } from '../schema/dto-schemas.js';
import { ref } from '../schema/json-schema.js';
import { Member, OptionalMember } from '../schema/members.js';
import { COUNT, OFFSET, PARTITION } from '../schema/values.js';
import { SUBSCRIPTION } from './members.js';
import { PositionDto, TopicPartitionDto } from './positions.dto.js';

/** Data of `subscribed`. */
export class SubscribedDto {
  @Member(SUBSCRIPTION)
  readonly subscription!: string;

  @Member(
    listOf(PositionDto, {
      description: 'Next offset of each partition; send it as `from.offsets` to resume.',
    }),
  )
  readonly positions!: readonly PositionDto[];
}

/** Data of `committed`. */
export class CommittedDto {
  @Member(SUBSCRIPTION)
  readonly subscription!: string;

  @Member({ type: 'string' })
  readonly group!: string;

  @Member(listOf(OffsetToCommitDto))
  readonly offsets!: readonly OffsetToCommitDto[];
}

/** Data of `published`. */
export class PublishedDto {
  @Member({
    description:
      'In the order of the records; null with `acks: "0"`. An entry has an `error` and no ' +
      'offset if the records of its partition were not written but others were.',
    type: ['array', 'null'],
    items: ref('PartlyProducedOffset'),
  })
  readonly offsets!: readonly object[] | null;
}

/** Data of `unsubscribed`. */
export class UnsubscribedDto {
  @Member(SUBSCRIPTION)
  readonly subscription!: string;
}

/** Data of `pong`: an empty object. */
// oxlint-disable-next-line typescript/no-extraneous-class -- the data has no members
export class PongDto {}

/** Data of `records`. */
export class RecordsDto {
  @Member(SUBSCRIPTION)
  readonly subscription!: string;

  @Member({ type: 'string' })
  readonly topic!: string;

  @Member(PARTITION)
  readonly partition!: number;

  @Member({
    type: 'array',
    minItems: 1,
    items: ref('FetchedRecord'),
    description: 'Consecutive records of the partition, in the order of their offsets.',
  })
  readonly records!: readonly object[];

  @Member({ ...OFFSET, description: 'The high watermark at the time of the read.' })
  readonly highWatermark!: number;

  @Member(PARTITION)
  readonly leaderEpoch!: number;
}

/** Data of `assigned`. */
export class AssignedDto {
  @Member(SUBSCRIPTION)
  readonly subscription!: string;

  @Member(
    listOf(TopicPartitionDto, {
      description:
        'The added partitions: of a topic that has grown, read from offset 0; or assigned by the ' +
        'group, read from the committed offsets.',
    }),
  )
  readonly partitions!: readonly TopicPartitionDto[];
}

/** Data of `revoked`. */
export class RevokedDto {
  @Member(SUBSCRIPTION)
  readonly subscription!: string;

  @Member(
    listOf(TopicPartitionDto, {
      description: 'Partitions of which nothing more is delivered, until they are assigned again.',
    }),
  )
  readonly partitions!: readonly TopicPartitionDto[];

  @OptionalMember({
    ...COUNT,
    description:
      'With `revokeAck`: milliseconds in which the client may still commit, and has to send ' +
      '`release`. Absent if the partitions have moved.',
  })
  readonly deadlineMs?: number;
}

/** An error: the problem document of HTTP (RFC 9457), and its subscription. */
class SocketProblemDto {
  @OptionalMember(SUBSCRIPTION)
  readonly subscription?: string;

  @Member({ type: 'string', description: 'URI that identifies the code.' })
  readonly type!: string;

  @Member({ type: 'string' })
  readonly title!: string;

  @Member({ ...COUNT, description: 'The HTTP status of the code.' })
  readonly status!: number;

  @Member({ type: 'string', description: 'Description of the fault, for people.' })
  readonly detail!: string;

  @Member({
    type: 'string',
    description: 'Path of the WebSocket, with the prefix of SLUICE_PUBLIC_URL.',
  })
  readonly instance!: string;

  @Member({ type: 'string', description: "Kafka's error name." })
  readonly code!: string;

  @Member({ type: 'boolean', description: 'The same message may succeed later.' })
  readonly retriable!: boolean;

  @OptionalMember({
    type: 'string',
    enum: ['failed', 'unknown', 'applied'],
    description: 'Effect of a message that writes.',
  })
  readonly outcome?: string;

  @OptionalMember({
    type: 'array',
    description: 'Each fault with its location in the message.',
    items: ref('Fault'),
  })
  readonly errors?: readonly object[];

  @OptionalMember({ type: 'string', description: 'Topic of an error about one partition.' })
  readonly topic?: string;

  @OptionalMember(PARTITION)
  readonly partition?: number;

  @OptionalMember({ ...OFFSET, description: 'With OFFSET_OUT_OF_RANGE.' })
  readonly logStartOffset?: number;

  @OptionalMember({ ...OFFSET, description: 'With OFFSET_OUT_OF_RANGE.' })
  readonly highWatermark?: number;
}

/** Data of `error`. */
export class SocketErrorDto extends SocketProblemDto {}

/**
 * Data of `reset`: a position was no longer in the log, with the reason; reading continues at
 * `offset`.
 */
export class ResetDto extends SocketProblemDto {
  @Member({ ...OFFSET, description: 'The next offset that is delivered.' })
  readonly offset!: number;
}
