import { Controller, Delete, Get, Inject, Param, Query } from '@nestjs/common';
import type { Broker, ListedOffset, OffsetSpec } from '#broker';
import { DeleteRecordsQuery, ListOffsetQuery } from './dto/queries.dto.js';
import { PartitionPipe } from './path-pipes.js';
import { BROKER } from './tokens.js';

/** What is asked of one partition besides its records, which are the data plane's. */
@Controller('v1/topics/:topic/partitions/:partition')
export class PartitionsController {
  constructor(@Inject(BROKER) private readonly broker: Broker) {}

  @Delete('records')
  deleteRecords(
    @Param('topic') topic: string,
    @Param('partition', PartitionPipe) partition: number,
    @Query() query: DeleteRecordsQuery,
  ): Promise<{ logStartOffset: number }> {
    return this.broker.deleteRecords({ topic, partition }, query.beforeOffset);
  }

  @Get('offsets')
  listOffset(
    @Param('topic') topic: string,
    @Param('partition', PartitionPipe) partition: number,
    @Query() query: ListOffsetQuery,
  ): Promise<ListedOffset> {
    return this.broker.listOffset({ topic, partition }, offsetSpec(query.at));
  }
}

function offsetSpec(at: string): OffsetSpec {
  return at === 'earliest' || at === 'latest' ? at : { timestampMs: Number(at) };
}
