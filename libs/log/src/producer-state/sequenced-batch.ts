/** The fields of a record batch that the producer state reads; `RecordBatch` has all of them. */
export interface SequencedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
  /** Producer id; -1: none, and the batch changes no producer state. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isControl: boolean;
}
