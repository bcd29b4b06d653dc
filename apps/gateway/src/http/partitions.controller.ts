import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Post,
  Put,
  Query,
  UseGuards,
} from '@nestjs/common';
import { ApiBody, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type {
  Broker,
  ListedOffset,
  OffsetSpec,
  PartitionDescription,
  PartitionReplicasDescription,
} from '#broker';
import {
  AcceptedDataLossDto,
  ListedOffsetDto,
  LogStartOffsetDto,
  PartitionDto,
  PartitionReplicasDto,
} from './dto/answers.dto.js';
import { ElectLeaderDto } from './dto/elect-leader.dto.js';
import { AcceptDataLossQuery, DeleteRecordsQuery, ListOffsetQuery } from './dto/queries.dto.js';
import { ReassignReplicasDto } from './dto/reassign-replicas.dto.js';
import { PARTITION } from './dto/schemas.js';
import { ApiErrors } from './openapi/problem-responses.js';
import { PartitionParam } from './partition-param.js';
import { BROKER } from './tokens.js';
import { UnknownQueryGuard } from './unknown-query.guard.js';

/** Operations on one partition, except for its records, which the data plane serves. */
@ApiTags('records')
@ApiParam({ name: 'partition', schema: PARTITION })
@UseGuards(UnknownQueryGuard)
@Controller('v1/topics/:topic/partitions/:partition')
export class PartitionsController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Delete('records')
  @ApiOperation({ operationId: 'deleteRecords', summary: 'Delete records below an offset' })
  @ApiOkResponse({ type: LogStartOffsetDto, description: 'Deleted.' })
  @ApiErrors(
    'INVALID_REQUEST',
    'TOPIC_AUTHORIZATION_FAILED',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'OFFSET_OUT_OF_RANGE',
    'UNKNOWN_SERVER_ERROR',
    'BROKER_NOT_AVAILABLE',
    'KAFKA_STORAGE_ERROR',
  )
  deleteRecords(
    @Param('topic') topic: string,
    @PartitionParam() partition: number,
    @Query() query: DeleteRecordsQuery,
  ): Promise<{ logStartOffset: number }> {
    return this.#broker.deleteRecords({ topic, partition }, query.beforeOffset);
  }

  /**
   * Accepts the loss of synced records: done only if the operator names exactly the missing range.
   */
  @Delete('lost-records')
  @ApiOperation({
    operationId: 'acceptDataLoss',
    summary: 'Accept the loss of synced records that are missing at the start or the end of a log',
    description:
      'If a disk lost synced records, `/health/ready` names their offsets under `storage.lost`. ' +
      'While they are missing at the end of a log its partition accepts no writes. Restore its directory ' +
      'from a backup, or accept the loss of these records, which is permanent. Offsets at the end stay ' +
      'empty and are never reused, and the partition accepts writes again; after a loss at ' +
      'the start the log begins after it. Both bounds must match exactly. Repeating the call ' +
      'has no effect.',
  })
  @ApiOkResponse({
    type: AcceptedDataLossDto,
    description: 'The loss is accepted, now or earlier.',
  })
  @ApiErrors(
    'INVALID_REQUEST',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'OFFSET_OUT_OF_RANGE',
    'POLICY_VIOLATION',
    'UNKNOWN_SERVER_ERROR',
    'BROKER_NOT_AVAILABLE',
    'KAFKA_STORAGE_ERROR',
  )
  async acceptDataLoss(
    @Param('topic') topic: string,
    @PartitionParam() partition: number,
    @Query() { startOffset, endOffset }: AcceptDataLossQuery,
  ): Promise<AcceptedDataLossDto> {
    await this.#broker.acceptDataLoss({ topic, partition }, { startOffset, endOffset });
    return { startOffset, endOffset };
  }

  @Post('leader-election')
  @HttpCode(200)
  @ApiOperation({
    operationId: 'electLeader',
    summary: 'Choose the leader of a partition',
    description:
      '`preferred` returns the leadership to the first of the replicas; the cluster also does this ' +
      'periodically. `unclean` is for a partition without a leader whose replicas in ' +
      'sync are lost: a replica that lacks records becomes leader, alone in the ISR, and the records it lacks are ' +
      'lost permanently.',
  })
  @ApiBody({ type: ElectLeaderDto, required: false })
  @ApiOkResponse({ type: PartitionDto, description: 'The partition as it is now.' })
  @ApiErrors(
    'INVALID_REQUEST',
    'TOPIC_AUTHORIZATION_FAILED',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'UNKNOWN_SERVER_ERROR',
    'LEADER_NOT_AVAILABLE',
    'BROKER_NOT_AVAILABLE',
    'KAFKA_STORAGE_ERROR',
  )
  electLeader(
    @Param('topic') topic: string,
    @PartitionParam() partition: number,
    @Body() { type = 'preferred', replica }: ElectLeaderDto,
  ): Promise<PartitionDescription> {
    const election = replica === undefined ? { type } : { type, replica };
    return this.#broker.electLeader({ topic, partition }, election);
  }

  @Get('replicas')
  @ApiOperation({
    operationId: 'describeReplicas',
    summary: 'Show the replicas of a partition and their progress',
  })
  @ApiOkResponse({ type: PartitionReplicasDto, description: 'The replicas.' })
  @ApiErrors(
    'INVALID_REQUEST',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'UNKNOWN_SERVER_ERROR',
    'BROKER_NOT_AVAILABLE',
  )
  describeReplicas(
    @Param('topic') topic: string,
    @PartitionParam() partition: number,
  ): Promise<PartitionReplicasDescription> {
    return this.#broker.describeReplicas({ topic, partition });
  }

  @Put('replicas')
  @ApiOperation({
    operationId: 'reassignReplicas',
    summary: 'Move a partition to other brokers',
    description:
      'Records are copied to the brokers that do not have the partition yet, while clients continue to read and ' +
      'write; once all named brokers are in sync, the others remove it. The ' +
      'answer means that the move has begun and continues after failures; `GET` of the same path shows ' +
      'its progress. Naming other brokers replaces the move; naming the original ones reverts it.',
  })
  @ApiOkResponse({ type: PartitionDto, description: 'The partition as it is now.' })
  @ApiErrors(
    'INVALID_REQUEST',
    'INVALID_REPLICATION_FACTOR',
    'TOPIC_AUTHORIZATION_FAILED',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'REQUEST_TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'UNKNOWN_SERVER_ERROR',
    'BROKER_NOT_AVAILABLE',
    'KAFKA_STORAGE_ERROR',
  )
  reassignReplicas(
    @Param('topic') topic: string,
    @PartitionParam() partition: number,
    @Body() { replicas }: ReassignReplicasDto,
  ): Promise<PartitionDescription> {
    return this.#broker.reassignReplicas({ topic, partition }, replicas);
  }

  @Get('offsets')
  @ApiOperation({ operationId: 'listOffset', summary: 'Find an offset by time' })
  @ApiOkResponse({ type: ListedOffsetDto, description: 'The offset.' })
  @ApiErrors(
    'INVALID_REQUEST',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'CORRUPT_MESSAGE',
    'UNKNOWN_SERVER_ERROR',
    'BROKER_NOT_AVAILABLE',
    'KAFKA_STORAGE_ERROR',
  )
  listOffset(
    @Param('topic') topic: string,
    @PartitionParam() partition: number,
    @Query() query: ListOffsetQuery,
  ): Promise<ListedOffset> {
    return this.#broker.listOffset({ topic, partition }, offsetSpec(query.at));
  }
}

function offsetSpec(at: string): OffsetSpec {
  return at === 'earliest' || at === 'latest' ? at : { timestampMs: Number(at) };
}
