import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { PRODUCE_TIMEOUT_MS_DEFAULT } from '../../http/data/produce-query.js';
import { OFFSET, PARTITION, PRODUCER_EPOCH } from '../../http/dto/schemas.js';
import { ref } from '../../http/openapi/openapi-types.js';
import { INT32_MAX } from './members.js';

/**
 * Data of `publish`, for the AsyncAPI document: `PublishReader` reads it from the received bytes,
 * and it never becomes an object of this class.
 */
@ApiSchema({ name: 'Publish' })
export class PublishDto {
  @ApiProperty({ type: 'string' })
  readonly topic!: string;

  @ApiProperty({
    type: 'array',
    minItems: 1,
    items: ref('RecordToProduce'),
  })
  readonly records!: object[];

  @ApiPropertyOptional({
    type: 'string',
    enum: ['all', '1', '0'],
    default: 'all',
    description:
      '1 and 0 are also accepted as numbers. With 0 the answer does not wait for the write.',
  })
  readonly acks?: string;

  @ApiPropertyOptional({ ...PARTITION, description: 'Partition of all records.' })
  readonly partition?: number;

  @ApiPropertyOptional({ type: 'string', enum: ['sticky', 'roundrobin'], default: 'sticky' })
  readonly partitioner?: string;

  @ApiPropertyOptional({
    type: 'integer',
    format: 'int32',
    minimum: 1,
    maximum: INT32_MAX,
    default: PRODUCE_TIMEOUT_MS_DEFAULT,
  })
  readonly timeoutMs?: number;

  @ApiPropertyOptional({
    ...OFFSET,
    description: 'Id of an idempotent producer; requires `producerEpoch` and `producerSequence`.',
  })
  readonly producerId?: number;

  @ApiPropertyOptional(PRODUCER_EPOCH)
  readonly producerEpoch?: number;

  @ApiPropertyOptional({
    ...PARTITION,
    description: 'Sequence of the first record in its partition.',
  })
  readonly producerSequence?: number;
}
