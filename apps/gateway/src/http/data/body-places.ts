import type { RecordPlaces } from '#record-json';
import type { BodyForm } from './body-form.js';

/** The body, or the line, is the value: all else of the record is in the query. */
const VALUE_PLACES: RecordPlaces = {
  list: undefined,
  beside: { '/partition': '?partition', '/key': '?key' },
};

/** The facts that decide where the members of records are. */
interface BodyToPointInto {
  readonly form: BodyForm;
  /** The pointer to the list of records, where the body has one. */
  readonly list?: string | undefined;
  /** Whether the query has the partition of all records. */
  readonly isPartitionInQuery: boolean;
}

/** Tells where a produce request has the members of its records. */
export function bodyPlaces({ form, list, isPartitionInQuery }: BodyToPointInto): RecordPlaces {
  if (form !== 'json' && form !== 'ndjson') return VALUE_PLACES;
  return { list, beside: isPartitionInQuery ? { '/partition': '?partition' } : {} };
}
