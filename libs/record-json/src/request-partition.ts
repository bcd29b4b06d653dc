import { FIELD_PARTITION, ProtocolError, RECORD_STRIDE, type RecordSet } from '#protocol';

/**
 * Gives all records of a JSON body the partition in the query.
 * @throws ProtocolError INVALID_REQUEST if a record names another
 */
export function withPartition(records: RecordSet, partition: number): RecordSet {
  const fields = records.fields.slice();
  for (let index = 0; index < records.count; index += 1) {
    const at = index * RECORD_STRIDE + FIELD_PARTITION;
    const own = fields[at] as number;
    if (own >= 0 && own !== partition) {
      const detail = `is ${own}, but ?partition= is ${partition}`;
      throw new ProtocolError('INVALID_REQUEST', `The partition of a record ${detail}.`, {
        faults: [{ pointer: `/records/${index}/partition`, detail }],
      });
    }
    fields[at] = partition;
  }
  return { ...records, fields };
}

/**
 * Checks that all records have one partition: a producer's request is one record batch, and the
 * client must name its partition.
 * @throws ProtocolError INVALID_REQUEST
 */
export function assertOnePartition(records: RecordSet): void {
  const first = records.fields[FIELD_PARTITION] as number;
  for (let index = 0; index < records.count; index += 1) {
    const partition = records.fields[index * RECORD_STRIDE + FIELD_PARTITION] as number;
    if (partition === first && partition >= 0) continue;
    const detail =
      partition < 0 ? 'is missing' : `is ${partition}, but that of the first record is ${first}`;
    throw new ProtocolError(
      'INVALID_REQUEST',
      'A request with a producer id addresses one partition: name it in ?partition=, or the same ' +
        'one in every record.',
      { faults: [{ pointer: `/records/${index}/partition`, detail }] },
    );
  }
}
