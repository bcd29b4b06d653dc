/** Java's `String.hashCode`: over UTF-16 code units, 32 bits, signed. */
export function javaStringHashCode(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) {
    // oxlint-disable-next-line unicorn/prefer-code-point -- the hash is over code units
    hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  }
  return hash;
}

/** The partition of the offsets topic that stores a group, chosen as by Kafka's coordinators. */
export function partitionForGroup(group: string, partitionCount: number): number {
  const hash = javaStringHashCode(group);
  // The absolute value of the smallest int is not an int: Kafka uses 0.
  return (hash === -(2 ** 31) ? 0 : Math.abs(hash)) % partitionCount;
}
