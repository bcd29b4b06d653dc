import { expectTypeOf, test } from 'vitest';
import type {
  AlterTopicRequest,
  BrokerDescription,
  ClusterDescription,
  CommittedOffset,
  CreateTopicRequest,
  ElectLeaderRequest,
  ListedOffset,
  OffsetToCommit,
  PartitionDescription,
  PartitionReplicasDescription,
  ProducerIdentity,
  ReplicaProgress,
  TopicDescription,
} from '#broker';
import type { AlterTopicDto } from './alter-topic.dto.js';
import type {
  BrokerDto,
  ClusterDto,
  CommittedOffsetDto,
  ListedOffsetDto,
  PartitionDto,
  PartitionReplicasDto,
  ProducerDto,
  ReplicaProgressDto,
  TopicDto,
} from './answers.dto.js';
import type { OffsetToCommitDto } from './commit-offsets.dto.js';
import type { CreateTopicDto } from './create-topic.dto.js';
import type { ElectLeaderDto } from './elect-leader.dto.js';

/**
 * `implements` finds a required member that a class lacks. These assertions find an optional member
 * that the class or the port lacks. The type checker runs them.
 */
test('the classes of the API and the types of the port have the same members', () => {
  expectTypeOf<keyof CreateTopicDto>().toEqualTypeOf<keyof CreateTopicRequest>();
  expectTypeOf<keyof AlterTopicDto>().toEqualTypeOf<keyof AlterTopicRequest>();
  expectTypeOf<keyof ElectLeaderDto>().toEqualTypeOf<keyof ElectLeaderRequest>();
  // The members that only answers have may be sent back, and are ignored.
  expectTypeOf<Exclude<keyof OffsetToCommitDto, 'highWatermark' | 'lag'>>().toEqualTypeOf<
    keyof OffsetToCommit
  >();
  expectTypeOf<keyof TopicDto>().toEqualTypeOf<keyof TopicDescription>();
  expectTypeOf<keyof PartitionDto>().toEqualTypeOf<keyof PartitionDescription>();
  expectTypeOf<keyof PartitionReplicasDto>().toEqualTypeOf<keyof PartitionReplicasDescription>();
  expectTypeOf<keyof ReplicaProgressDto>().toEqualTypeOf<keyof ReplicaProgress>();
  expectTypeOf<keyof ListedOffsetDto>().toEqualTypeOf<keyof ListedOffset>();
  // The gateway adds the token, which depends on the caller.
  expectTypeOf<Exclude<keyof ProducerDto, 'producerToken'>>().toEqualTypeOf<
    keyof ProducerIdentity
  >();
  expectTypeOf<keyof CommittedOffsetDto>().toEqualTypeOf<keyof CommittedOffset>();
  expectTypeOf<keyof BrokerDto>().toEqualTypeOf<keyof BrokerDescription>();
  expectTypeOf<keyof ClusterDto>().toEqualTypeOf<keyof ClusterDescription>();
});
