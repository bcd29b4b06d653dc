import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';
import { PRODUCE_TIMEOUT_MS_DEFAULT } from '../../http/data/produce-query.js';
import { INT32_MAX, OFFSET, PARTITION } from './members.js';

const INT16_MAX = 2 ** 15 - 1;

/**
 * Data of `publish`, for the AsyncAPI document: it is read from the bytes that came, by
 * `PublishReader`, and never becomes an object of this class.
 */
@ApiSchema({ name: 'Publish' })
export class PublishDto {
  @ApiProperty({ type: 'string' })
  readonly topic!: string;

  @ApiProperty({
    type: 'array',
    minItems: 1,
    items: { $ref: '#/components/schemas/RecordToProduce' },
  })
  readonly records!: object[];

  @ApiPropertyOptional({
    type: 'string',
    enum: ['all', '1', '0'],
    default: 'all',
    description: '1 and 0 are taken as numbers too. With 0 nothing is waited for.',
  })
  readonly acks?: string;

  @ApiPropertyOptional({ ...PARTITION, description: 'Of all records.' })
  readonly partition?: number;

  @ApiPropertyOptional({ type: 'string', enum: ['sticky', 'roundrobin'], default: 'sticky' })
  readonly partitioner?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: INT32_MAX,
    default: PRODUCE_TIMEOUT_MS_DEFAULT,
  })
  readonly timeoutMs?: number;

  @ApiPropertyOptional({ ...OFFSET, description: 'With `producerEpoch` and `producerSequence`.' })
  readonly producerId?: number;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: INT16_MAX })
  readonly producerEpoch?: number;

  @ApiPropertyOptional({
    ...PARTITION,
    description: 'Sequence of the first record in its partition.',
  })
  readonly producerSequence?: number;
}
