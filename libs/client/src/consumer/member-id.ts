/** Returns a random id for a member: browsers have no `randomUUID` on pages without TLS. */
export function newMemberId(): string {
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
