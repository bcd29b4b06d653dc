import { PRODUCE_TIMEOUT_MS_DEFAULT } from '../rest/limits.js';
import { ref } from '../schema/json-schema.js';
import { Member, OptionalMember } from '../schema/members.js';
import { INT32_MAX, OFFSET, PARTITION, PRODUCER_EPOCH, PRODUCER_TOKEN } from '../schema/values.js';

/**
 * Data of `publish`, for the AsyncAPI document: `PublishReader` reads it from the received bytes,
 * and it never becomes an object of this class.
 */
export class PublishDto {
  @Member({ type: 'string' })
  readonly topic!: string;

  @Member({
    type: 'array',
    minItems: 1,
    items: ref('RecordToProduce'),
  })
  readonly records!: readonly object[];

  @OptionalMember({
    type: 'string',
    enum: ['all', '1', '0'],
    default: 'all',
    description:
      '1 and 0 are also accepted as numbers. With 0 the answer does not wait for the write.',
  })
  readonly acks?: string;

  @OptionalMember({ ...PARTITION, description: 'Partition of all records.' })
  readonly partition?: number;

  @OptionalMember({ type: 'string', enum: ['sticky', 'roundrobin'], default: 'sticky' })
  readonly partitioner?: string;

  @OptionalMember({
    type: 'integer',
    format: 'int32',
    minimum: 1,
    maximum: INT32_MAX,
    default: PRODUCE_TIMEOUT_MS_DEFAULT,
  })
  readonly timeoutMs?: number;

  @OptionalMember({
    ...OFFSET,
    description: 'Id of an idempotent producer; requires `producerEpoch` and `producerSequence`.',
  })
  readonly producerId?: number;

  @OptionalMember(PRODUCER_EPOCH)
  readonly producerEpoch?: number;

  @OptionalMember({
    ...PARTITION,
    description: 'Sequence of the first record in its partition.',
  })
  readonly producerSequence?: number;

  @OptionalMember({
    ...PRODUCER_TOKEN,
    description:
      'Proof that the id was issued to this caller, from `POST /v1/producers`; required while authentication is on.',
  })
  readonly producerToken?: string;
}
