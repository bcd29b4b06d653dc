import { type RecordsForm } from '#api';
import { assertUtf8Charset, refuseParameter } from '#http-front';
import { ProtocolError } from '#protocol';
import { assertQueryFits, type ProduceQuery } from './produce-query.js';

/** Representation of the records in a produce request's body. */
export type BodyForm =
  /** `{"records": [...]}`, or one record in JSON. */
  | 'json'
  /** One JSON record per line. */
  | 'ndjson'
  /** One record's value per line, unchanged. */
  | 'value-lines'
  /** The body is the value of one record. */
  | 'raw'
  /** The body is the value of one record, as JSON. */
  | 'raw-json';

const JSON_TYPE = 'application/json';
const TEXT_TYPE = 'text/plain';
const NDJSON_TYPES = ['application/x-ndjson', 'application/ndjson', 'application/jsonl'] as const;

/**
 * Returns the form of a produce request's body, as its path, query and media type say.
 * @param contentType the header, if present
 * @param pathForm form that the path names: `raw` is the same as ?body=value
 * @throws ProtocolError UNSUPPORTED_MEDIA_TYPE for JSON or text in a charset other than UTF-8, and
 *   for envelopes of other protocols; INVALID_REQUEST for a query parameter that does not fit the
 *   form
 */
export function bodyForm(
  contentType: string | undefined,
  query: ProduceQuery,
  pathForm: RecordsForm = 'any',
): BodyForm {
  if (pathForm === 'ndjson' && query.isValue) {
    refuseParameter('body', 'is value, but the path says that the body is lines');
  }
  if (pathForm === 'raw' && query.lines !== undefined) {
    refuseParameter('lines', `is ${query.lines}, but the path says that the body is one value`);
  }
  const form = formOfBody(contentType, query, pathForm);
  assertQueryFits(query, form === 'raw-json' ? 'raw' : form);
  return form;
}

function formOfBody(
  contentType: string | undefined,
  query: ProduceQuery,
  pathForm: RecordsForm,
): BodyForm {
  if (pathForm === 'ndjson') {
    assertLines(contentType);
    return query.lines === undefined ? 'ndjson' : 'value-lines';
  }
  if (query.lines !== undefined) return valueLinesForm(contentType);
  return formOf(contentType, query.isValue || pathForm === 'raw');
}

/** Lines of the path for lines may have any media type except an envelope's. */
function assertLines(contentType: string | undefined): void {
  const [type = ''] = (contentType ?? '').toLowerCase().split(';', 1);
  refuseEnvelope(type.trim());
  assertUtf8Charset(contentType ?? '');
}

function formOf(contentType: string | undefined, isValue: boolean): BodyForm {
  if (contentType === JSON_TYPE && !isValue) return 'json';
  const [type = ''] = (contentType ?? '').toLowerCase().split(';', 1);
  const mediaType = type.trim();
  const isNdjson = NDJSON_TYPES.some((known) => known === mediaType);
  if (isNdjson && isValue) return 'raw';
  const isText = mediaType.startsWith('text/') && !isValue;
  if (mediaType === JSON_TYPE || isNdjson || isText) assertUtf8Charset(contentType ?? '');
  if (mediaType !== JSON_TYPE && !isNdjson) {
    if (!isValue) refuseEnvelope(mediaType);
    return 'raw';
  }
  if (isNdjson) return 'ndjson';
  return isValue ? 'raw-json' : 'json';
}

/** @throws ProtocolError UNSUPPORTED_MEDIA_TYPE unless the media type is one of lines in UTF-8 */
function valueLinesForm(contentType: string | undefined): BodyForm {
  const [type = ''] = (contentType ?? '').toLowerCase().split(';', 1);
  const mediaType = type.trim();
  const isNdjson = NDJSON_TYPES.some((known) => known === mediaType);
  if (mediaType !== TEXT_TYPE && !isNdjson) {
    const found = mediaType === '' ? 'has no Content-Type' : `is ${JSON.stringify(mediaType)}`;
    throw new ProtocolError(
      'UNSUPPORTED_MEDIA_TYPE',
      `With ?lines= a body is text/plain or application/x-ndjson; this one ${found}. For a ` +
        `file: curl --data-binary @file -H "Content-Type: text/plain".`,
    );
  }
  assertUtf8Charset(contentType ?? '');
  return 'value-lines';
}

/**
 * Refuses envelopes around values: forms with files, and bodies for Confluent's REST Proxy. As a
 * value they would be stored with the boundaries, or the base64, of another protocol.
 */
function refuseEnvelope(mediaType: string): void {
  const asValue = 'With ?body=value the body is stored unchanged.';
  if (mediaType.startsWith('multipart/')) {
    throw new ProtocolError(
      'UNSUPPORTED_MEDIA_TYPE',
      `A form (${JSON.stringify(mediaType)}) is not a record. Send the bytes of a file as the body: ` +
        `curl --data-binary @file -H "Content-Type: application/octet-stream". ${asValue}`,
    );
  }
  if (mediaType.startsWith('application/vnd.kafka.')) {
    throw new ProtocolError(
      'UNSUPPORTED_MEDIA_TYPE',
      `${JSON.stringify(mediaType)} is a format of Confluent's REST Proxy, and this is another API. Send ` +
        `"Content-Type: application/json" with {"records": [{"value": ...}]}. ${asValue}`,
    );
  }
}
