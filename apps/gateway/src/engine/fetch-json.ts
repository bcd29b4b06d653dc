/** Largest document of an issuer, in bytes. */
const DOCUMENT_BYTES_MAX = 256 * 1024;
/** Time for the whole answer, ms. */
const TIMEOUT_MS = 5000;

/**
 * Reads a JSON document. Redirects are not followed, because they could lead to another issuer.
 * @throws Error unless it arrives whole within 5 s, has at most 256 KiB and is JSON
 */
export async function fetchJson(url: string): Promise<unknown> {
  const response = await fetch(url, {
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    headers: { Accept: 'application/json' },
  });
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel();
    throw new Error(`${url} was answered with the status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of response.body) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > DOCUMENT_BYTES_MAX) {
      throw new Error(`${url} was answered with more than ${DOCUMENT_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString());
}
