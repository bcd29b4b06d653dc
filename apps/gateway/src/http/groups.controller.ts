import { Body, Controller, Get, Inject, Param, Put, Query, UseGuards } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import type { Broker, CommittedOffset, OffsetToCommit } from '#broker';
import { CommittedListDto, CommittedOffsetsDto } from './dto/answers.dto.js';
import { CommitOffsetsDto } from './dto/commit-offsets.dto.js';
import { CommittedOffsetsQuery } from './dto/queries.dto.js';
import { commitEntries } from './offset-commit.js';
import { ApiErrors } from './openapi/problem-responses.js';
import { BROKER } from './tokens.js';
import { UnknownQueryGuard } from './unknown-query.guard.js';

@ApiTags('groups')
@ApiParam({
  name: 'group',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
  description: 'Name of the group, percent-encoded. Control characters are refused.',
})
@UseGuards(UnknownQueryGuard)
@Controller('v1/groups/:group/offsets')
export class GroupsController {
  readonly #broker: Broker;

  constructor(@Inject(BROKER) broker: Broker) {
    this.#broker = broker;
  }

  @Put()
  @ApiOperation({ operationId: 'commitOffsets', summary: 'Commit offsets: all or none' })
  @ApiOkResponse({ type: CommittedListDto, description: 'The committed list.' })
  @ApiErrors(
    'INVALID_REQUEST',
    'GROUP_AUTHORIZATION_FAILED',
    'UNKNOWN_TOPIC_OR_PARTITION',
    'POLICY_VIOLATION',
    'REQUEST_TOO_LARGE',
    'UNSUPPORTED_MEDIA_TYPE',
    'OFFSET_OUT_OF_RANGE',
    'UNKNOWN_SERVER_ERROR',
    'COORDINATOR_NOT_AVAILABLE',
    'REQUEST_TIMED_OUT',
    'KAFKA_STORAGE_ERROR',
  )
  async commitOffsets(
    @Param('group') group: string,
    @Body() body: CommitOffsetsDto,
  ): Promise<{ readonly offsets: readonly OffsetToCommit[] }> {
    return { offsets: await commitEntries(this.#broker, group, body.offsets) };
  }

  @Get()
  @ApiOperation({ operationId: 'committedOffsets', summary: 'Show committed offsets and lag' })
  @ApiOkResponse({
    type: CommittedOffsetsDto,
    description: 'The committed offsets; empty for an unknown group.',
  })
  @ApiErrors('INVALID_REQUEST', 'UNKNOWN_SERVER_ERROR', 'COORDINATOR_NOT_AVAILABLE')
  async committedOffsets(
    @Param('group') group: string,
    @Query() query: CommittedOffsetsQuery,
  ): Promise<{ readonly offsets: readonly CommittedOffset[] }> {
    return { offsets: await this.#broker.committedOffsets(group, query.topic) };
  }
}
