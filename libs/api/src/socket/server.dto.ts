/** Messages of the gateway, for the AsyncAPI document; the broker's own types are sent. */

import type { OffsetToCommit } from '#broker';
import type { ExpiringRecords, PartitionPosition } from '#delivery';
import type { TopicPartition } from '#protocol';
import type { Caller } from '#security';
import type { Problem } from '../problem/problem.js';
import { OffsetToCommitDto } from '../rest/commit-offsets.dto.js';
import type { ListAs, WithNulls, WithTimes } from '../schema/contract-types.js';
import { listOf } from '../schema/dto-schemas.js';
import { nullable, ref } from '../schema/json-schema.js';
import { Member, OptionalMember } from '../schema/members.js';
import { COUNT, OFFSET, PARTITION, TIMESTAMP } from '../schema/values.js';
import { SUBSCRIPTION } from './members.js';
import {
  PositionDto,
  SubscribedPartitionDto,
  TOPIC_IDS,
  TopicPartitionDto,
} from './positions.dto.js';

/** Data of `subscribed`. */
export class SubscribedDto implements ListAs<'positions', PartitionPosition> {
  @Member(SUBSCRIPTION)
  readonly subscription!: string;

  @Member(
    listOf(PositionDto, {
      description: 'Next offset of each partition; send it as `from.offsets` to resume.',
    }),
  )
  readonly positions!: readonly PositionDto[];

  @OptionalMember({
    ...TOPIC_IDS,
    description: 'Ids of the topics by name; send them as `from.topicIds` to resume.',
  })
  readonly topicIds?: Readonly<Record<string, string>>;
}

/** Data of `committed`. */
export class CommittedDto implements ListAs<'offsets', WithNulls<OffsetToCommit>> {
  @Member(SUBSCRIPTION)
  readonly subscription!: string;

  @Member({ type: 'string' })
  readonly group!: string;

  @Member(listOf(OffsetToCommitDto))
  readonly offsets!: readonly OffsetToCommitDto[];
}

/** Data of `acked`. */
export class AckedDto extends SubscribedPartitionDto implements TopicPartition {
  @Member({
    type: 'array',
    items: OFFSET,
    minItems: 1,
    description: 'The records for which the message has taken effect, durably.',
  })
  readonly offsets!: readonly number[];
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

type CallerOfSocket = WithTimes<Pick<Caller, 'principal' | 'expiresAtMs'>>;

/** Data of `authenticated`. */
export class AuthenticatedDto implements CallerOfSocket {
  @Member({ type: 'string', description: 'The principal of the caller.' })
  readonly principal!: string;

  @Member({ ...nullable(TIMESTAMP), description: 'Time at which the credential expires.' })
  readonly expiresAt!: number | null;
}

/** Data of `pong`: an empty object. */
// oxlint-disable-next-line typescript/no-extraneous-class -- the data has no members
export class PongDto {}

/** Data of `records`. */
export class RecordsDto implements TopicPartition {
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
    description:
      'Consecutive records of the partition, in the order of their offsets. In queue mode: records ' +
      'that the member has under lock, with `deliveryCount`; other records may lie between them.',
  })
  readonly records!: readonly object[];

  @Member({ ...OFFSET, description: 'The high watermark at the time of the read.' })
  readonly highWatermark!: number;

  @Member(PARTITION)
  readonly leaderEpoch!: number;
}

/** Data of `assigned`. */
export class AssignedDto implements ListAs<'partitions', TopicPartition> {
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
export class RevokedDto implements ListAs<'partitions', TopicPartition> {
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

/** Data of `expiring`. */
export class ExpiringDto extends SubscribedPartitionDto implements ExpiringRecords {
  @Member({
    type: 'array',
    items: OFFSET,
    minItems: 1,
    description: 'Records that are not acknowledged: `extend` renews their locks.',
  })
  readonly offsets!: readonly number[];

  @Member({ ...COUNT, description: 'Milliseconds until the first of the locks ends.' })
  readonly deadlineMs!: number;
}

/** The named members of a problem document; others carry what an error is about. */
type ProblemMembers = {
  readonly [Name in keyof Problem as string extends Name ? never : Name]: Problem[Name];
};

/** An error: the problem document of HTTP (RFC 9457), and its subscription. */
class SocketProblemDto implements ProblemMembers {
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
  readonly code!: Problem['code'];

  @Member({ type: 'boolean', description: 'The same message may succeed later.' })
  readonly retriable!: boolean;

  @OptionalMember({
    type: 'string',
    enum: ['failed', 'unknown', 'applied'],
    description: 'Effect of a message that writes.',
  })
  readonly outcome?: NonNullable<Problem['outcome']>;

  @OptionalMember({
    type: 'array',
    description: 'Each fault with its location in the message.',
    items: ref('Fault'),
  })
  readonly errors?: NonNullable<Problem['errors']>;

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
export class SocketErrorDto extends SocketProblemDto implements ProblemMembers {
  @OptionalMember({ ...OFFSET, description: 'Record that an acknowledgement was refused for.' })
  readonly offset?: number;
}

/**
 * Data of `reset`: a position was no longer in the log, with the reason; reading continues at
 * `offset`.
 */
export class ResetDto extends SocketProblemDto implements ProblemMembers {
  @Member({ ...OFFSET, description: 'The next offset that is delivered.' })
  readonly offset!: number;
}
