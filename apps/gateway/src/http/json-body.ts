import { ProtocolError } from '#protocol';
import { type DocumentLimits, JsonScanner, readDocument, syntaxProblem } from '#record-json';

/**
 * Parses the body of a control-plane request, which is not empty: one JSON object.
 *
 * Its shape is checked in the bytes before objects are created from it; see json-document.ts.
 * @throws ProtocolError INVALID_REQUEST; REQUEST_TOO_LARGE for more items, members or values than
 *   the limits
 */
export function parseJsonBody(bytes: Buffer, limits: DocumentLimits): object {
  const body = parse(bytes, limits);
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body;
  const detail = 'The body must be a JSON object.';
  throw new ProtocolError('INVALID_REQUEST', detail, { faults: [{ pointer: '', detail }] });
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
