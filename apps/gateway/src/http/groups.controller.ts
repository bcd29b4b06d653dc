import { Body, Controller, Get, Inject, Param, Put, Query } from '@nestjs/common';
import type { Broker, CommittedOffset, OffsetToCommit } from '#broker';
import { CommitOffsetsDto } from './dto/commit-offsets.dto.js';
import { present } from './dto/members.js';
import { CommittedOffsetsQuery } from './dto/queries.dto.js';
import { BROKER } from './tokens.js';

@Controller('v1/groups/:group/offsets')
export class GroupsController {
  constructor(@Inject(BROKER) private readonly broker: Broker) {}

  @Put()
  async commitOffsets(
    @Param('group') group: string,
    @Body() body: CommitOffsetsDto,
  ): Promise<{ readonly offsets: readonly OffsetToCommit[] }> {
    const offsets = body.offsets.map(present);
    await this.broker.commitOffsets(group, offsets);
    return { offsets };
  }

  @Get()
  async committedOffsets(
    @Param('group') group: string,
    @Query() query: CommittedOffsetsQuery,
  ): Promise<{ readonly offsets: readonly CommittedOffset[] }> {
    return { offsets: await this.broker.committedOffsets(group, query.topic) };
  }
}
