import {
  FETCH_BYTES_DEFAULT,
  FETCH_BYTES_MAX,
  FETCH_LIMIT_DEFAULT,
  FETCH_WAIT_MS_MAX,
  INT32_MAX,
  queryParametersOf,
  RECEIVE_ID_LENGTH_MAX,
} from '#api';
import type { MemberPollRequest } from '#broker';
import { oneOf, parseQuery, type Query, refuseParameter, wholeNumber } from '#http-front';
import { FORMAT_NAMES, type RecordFormat, recordFormat } from '#record-json';

const POLL_PARAMETERS = queryParametersOf('pollRecords');

/** The parsed query of a member's poll. */
export interface PollQuery extends Omit<MemberPollRequest, 'beginWait'> {
  readonly format: RecordFormat;
}

/** @throws ProtocolError INVALID_REQUEST */
export function pollQuery(search: string): PollQuery {
  const query = parseQuery(search, POLL_PARAMETERS);
  const cursor = query.get('cursor');
  const range = (max: number, byDefault: number, min = 1) => ({ min, max, byDefault });
  return {
    limit: wholeNumber(query, 'limit', range(INT32_MAX, FETCH_LIMIT_DEFAULT)),
    maxBytes: wholeNumber(query, 'maxBytes', range(FETCH_BYTES_MAX, FETCH_BYTES_DEFAULT)),
    waitMs: wholeNumber(query, 'waitMs', range(FETCH_WAIT_MS_MAX, 0, 0)),
    format: recordFormat(oneOf(query, 'format', FORMAT_NAMES, 'auto')),
    ...(cursor === undefined || cursor === '' ? {} : { cursor }),
    ...receiveIdOf(query),
  };
}

/** It is kept with each record of the answer, so its length is bounded. */
function receiveIdOf(query: Query): Pick<PollQuery, 'receiveId'> {
  const receiveId = query.get('receiveId') ?? '';
  if (receiveId.length > RECEIVE_ID_LENGTH_MAX) {
    refuseParameter('receiveId', `has at most ${RECEIVE_ID_LENGTH_MAX} characters`);
  }
  return receiveId === '' ? {} : { receiveId };
}
