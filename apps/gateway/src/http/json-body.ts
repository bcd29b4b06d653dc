import { ProtocolError } from '#protocol';
import { JsonScanner } from '../records/json-scanner.js';
import { syntaxProblem } from '../records/record-faults.js';

/**
 * The body of a control-plane request: one JSON object.
 *
 * The scanner of the data plane looks first: it knows the position of a fault, and refuses what is
 * not UTF-8 or nested too deep.
 * @throws ProtocolError INVALID_REQUEST
 */
export function parseJsonBody(bytes: Buffer): object {
  if (bytes.length === 0) throw notAnObject('The body is empty; a JSON object is expected.');
  assertJson(bytes);
  const body: unknown = JSON.parse(bytes.toString(), refuseInheritedName);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw notAnObject('The body must be a JSON object.');
}

function assertJson(bytes: Buffer): void {
  const scanner = new JsonScanner();
  scanner.reset(bytes);
  try {
    scanner.assertUtf8();
    scanner.assertEnd(scanner.skipValue(scanner.skipWhitespace(0)));
  } catch (error) {
    throw syntaxProblem(error, 'The body');
  }
}

/** Names that every object has: the check for unknown members does not see them. */
export function refuseInheritedName(name: string, value: unknown): unknown {
  if (!(name in Object.prototype)) return value;
  throw new ProtocolError('INVALID_REQUEST', `No member may be named ${name}.`);
}

function notAnObject(detail: string): ProtocolError {
  return new ProtocolError('INVALID_REQUEST', detail, { faults: [{ pointer: '', detail }] });
}
