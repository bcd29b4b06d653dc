/** The part of Node's `Buffer` that this library uses; browsers have none. */
interface NodeBuffer {
  from(text: string, encoding: 'base64'): Uint8Array;
  from(bytes: ArrayBufferLike, offset: number, length: number): { toString(to: 'base64'): string };
}

const { Buffer } = globalThis as { readonly Buffer?: NodeBuffer };

/** Most arguments of one call, because longer lists overflow the stack. */
const ARGUMENTS_MAX = 8192;

/** Encodes bytes as base64. Node's own encoder is ten times as fast as `btoa`. */
export function base64Of(bytes: Uint8Array): string {
  if (Buffer !== undefined) {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
  }
  let text = '';
  for (let at = 0; at < bytes.length; at += ARGUMENTS_MAX) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + ARGUMENTS_MAX) as never);
  }
  return btoa(text);
}

/** Decodes base64 to bytes that have a buffer of their own. */
export function bytesOf(base64: string): Uint8Array {
  if (Buffer !== undefined) return new Uint8Array(Buffer.from(base64, 'base64'));
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}
