import { ProtocolError } from '#protocol';
import { type ProducerEntry, sequenceAfter } from './producer-entry.js';
import type { SequencedBatch } from './sequenced-batch.js';

/** Distances of sequences at or above this one count as ahead, those below as behind. */
const HALF_OF_ALL_SEQUENCES = 2 ** 30;

/** The error for a batch of the producer's epoch that neither follows nor is remembered. */
export function unexpectedSequenceError(
  batch: SequencedBatch,
  producer: ProducerEntry,
): ProtocolError {
  const offsetDelta = batch.lastOffset - batch.baseOffset;
  const lastSequence = sequenceAfter(batch.baseSequence, offsetDelta);
  const behind = sequenceAfter(producer.lastSequence, -lastSequence);
  const isAhead = producer.lastSequence < 0 || behind >= HALF_OF_ALL_SEQUENCES;
  // A remembered batch of another size has these sequences, so that this one was never appended.
  const isRemembered = behind < producer.rememberedCount;
  if (isAhead || isRemembered)
    return outOfOrderSequenceError(batch, producer.nextSequence, 'failed');
  if (behind + offsetDelta + 1 > producer.doneCount) {
    // The batch is older than the producer's entry: it may be in the log or not.
    return outOfOrderSequenceError(batch, producer.nextSequence, 'unknown');
  }
  return new ProtocolError(
    'DUPLICATE_SEQUENCE_NUMBER',
    `Sequence ${batch.baseSequence} of producer ${batch.producerId} was appended before; its offsets ` +
      `are no longer remembered. The next sequence is ${producer.nextSequence}.`,
    { members: { nextSequence: producer.nextSequence } },
  );
}

/** The error for a batch that must begin with another sequence. */
export function outOfOrderSequenceError(
  batch: SequencedBatch,
  nextSequence: number,
  outcome: 'failed' | 'unknown',
): ProtocolError {
  return new ProtocolError(
    'OUT_OF_ORDER_SEQUENCE_NUMBER',
    `Producer ${batch.producerId} must go on with sequence ${nextSequence}, not ${batch.baseSequence}.`,
    { outcome, members: { nextSequence } },
  );
}
