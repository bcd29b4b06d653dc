/**
 * Batches in Kafka's format that were not written by this project's encoder: computed by an
 * independent one and decoded by kafkajs, except `javaBroker`, which a Java broker wrote (published
 * with the tests of kafkajs).
 */
export const GOLDEN_BATCHES = {
  /** Offset 42, epoch 7, producer 1001/3 from sequence 0, three records with headers and nulls. */
  producer: batch(
    '000000000000002a 0000005b 00000007 02 b74f7e9e 0000 00000002 0000018bcfe56800 0000018bcfe56805',
    '00000000000003e9 0003 00000000 00000003',
    '1a000000046b310a68656c6c6f00 24000a02010a776f726c640402680276026e00 10000504046b330100',
  ),
  /** The same, but the second header's value is null. */
  producerNullHeader: batch(
    '000000000000002a 0000005b 00000007 02 7c19053b 0000 00000002 0000018bcfe56800 0000018bcfe56805',
    '00000000000003e9 0003 00000000 00000003',
    '1a000000046b310a68656c6c6f00 24000a02010a776f726c640402680276026e01 10000504046b330100',
  ),
  minimal: batch(
    '0000000000000000 0000003a 00000000 02 6f484c23 0000 00000000 0000000000000001 0000000000000001',
    'ffffffffffffffff ffff ffffffff 00000001',
    '10000000026b027600',
  ),
  /** The batch `minimal` at offset 5 in epoch 1, with the broker's timestamp 99. */
  logAppendTime: batch(
    '0000000000000005 0000003a 00000001 02 d38fb266 0008 00000000 0000000000000001 0000000000000063',
    'ffffffffffffffff ffff ffffffff 00000001',
    '10000000026b027600',
  ),
  /** The marker that commits a transaction. */
  commitMarker: batch(
    '0000000000000064 00000042 00000007 02 fbfc1575 0030 00000000 0000018bcfe56800 0000018bcfe56800',
    '00000000000003e9 0003 ffffffff 00000001',
    '2000000008000000010c00000000000900',
  ),
  empty: batch(
    '0000000000000000 00000031 00000000 02 22af466f 0000 00000000 ffffffffffffffff 0000018bcfe56800',
    'ffffffffffffffff ffff ffffffff 00000000',
  ),
  /** Compressed with gzip. */
  javaBroker: batch(
    '0000000000000000 00000071 00000000 02 e4c324a5 0009 00000000 00000173edf5ffa7 00000173edf5ffc9',
    'ffffffffffffffff 0000 00000000 00000001',
    '1f8b08000000000000130b636060e0ca4eadd43570284bcc294dd535d035323032d035b0d03534093134b73234b6',
    '32b0d033b3308a620000b5e3f1a72c000000',
  ),
} as const;

function batch(...hex: string[]): string {
  return hex.join('').replaceAll(' ', '');
}
