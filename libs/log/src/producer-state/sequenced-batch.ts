/** What the producer state reads of a record batch; `RecordBatch` has all of it. */
export interface SequencedBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly maxTimestamp: number;
  /** -1: none, and the batch changes no producer state. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly isControl: boolean;
}
