import { createHash } from 'node:crypto';
import type { Statement } from './peer-secrets.js';

/**
 * The statement that the called broker refuses a call and has done nothing for it.
 * @param authorization credential of the call, which no other call has
 */
export function refusalStatement(
  authorization: string,
  status: number,
  body: readonly Buffer[],
): Statement {
  const hash = createHash('sha256');
  for (const chunk of body) hash.update(chunk);
  return ['refusal', authorization, status, hash.digest('base64url')];
}
