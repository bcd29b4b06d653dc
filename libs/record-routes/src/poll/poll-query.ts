import {
  FETCH_BYTES_DEFAULT,
  FETCH_BYTES_MAX,
  FETCH_LIMIT_DEFAULT,
  FETCH_WAIT_MS_MAX,
  INT32_MAX,
  queryParametersOf,
} from '#api';
import type { MemberPollRequest } from '#broker';
import { oneOf, parseQuery, wholeNumber } from '#http-front';
import type { RecordFormat } from '#record-json';

const POLL_PARAMETERS = queryParametersOf('pollRecords');

/** The parsed query of a member's poll. */
export interface PollQuery extends Omit<MemberPollRequest, 'signal'> {
  readonly format: RecordFormat;
}

/** @throws ProtocolError INVALID_REQUEST */
export function pollQuery(search: string): PollQuery {
  const query = parseQuery(search, POLL_PARAMETERS);
  const cursor = query.get('cursor');
  const receiveId = query.get('receiveId');
  const format = oneOf(query, 'format', ['auto', 'json', 'string', 'base64'], 'auto');
  const range = (max: number, byDefault: number, min = 1) => ({ min, max, byDefault });
  return {
    limit: wholeNumber(query, 'limit', range(INT32_MAX, FETCH_LIMIT_DEFAULT)),
    maxBytes: wholeNumber(query, 'maxBytes', range(FETCH_BYTES_MAX, FETCH_BYTES_DEFAULT)),
    waitMs: wholeNumber(query, 'waitMs', range(FETCH_WAIT_MS_MAX, 0, 0)),
    format: format === 'auto' ? 'default' : format,
    ...(cursor === undefined || cursor === '' ? {} : { cursor }),
    ...(receiveId === undefined || receiveId === '' ? {} : { receiveId }),
  };
}
