import { ProtocolError } from '#protocol';
import { type DocumentLimits, JsonScanner, readDocument, syntaxProblem } from '#record-json';

/**
 * Parses the body of a control-plane request: one JSON object.
 *
 * Its shape is checked in the bytes before objects are created from it; see json-document.ts.
 * @throws ProtocolError INVALID_REQUEST; REQUEST_TOO_LARGE for more items, members or values than
 *   the limits
 */
export function parseJsonBody(bytes: Buffer, limits: DocumentLimits): object {
  if (bytes.length === 0) throw notAnObject('The body is empty; a JSON object is expected.');
  const body = parse(bytes, limits);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  throw notAnObject('The body must be a JSON object.');
}

function parse(bytes: Buffer, limits: DocumentLimits): unknown {
  const scanner = new JsonScanner();
  scanner.reset(bytes);
  try {
    scanner.assertUtf8();
    const start = scanner.skipWhitespace(0);
    const { value, end } = readDocument({ scanner, start, pointer: '' }, limits);
    scanner.assertEnd(end);
    return value;
  } catch (error) {
    throw syntaxProblem(error, 'The body');
  }
}

function notAnObject(detail: string): ProtocolError {
  return new ProtocolError('INVALID_REQUEST', detail, { faults: [{ pointer: '', detail }] });
}
