export { areRenderedAtOnce, batchGroups, isRenderedAtOnce } from './batch-groups.js';
export { type BodyLineOptions, bodyLines, type LineRecords } from './body-lines.js';
export { ByteSegments } from './byte-segments.js';
export {
  BACKSLASH,
  CLOSE_BRACE,
  COMMA,
  MINUS,
  NINE,
  OPEN_BRACE,
  QUOTE,
  ZERO,
} from './json-bytes.js';
export { type DocumentLimits, readDocument } from './json-document.js';
export { hasLongList, jsonInSlices } from './json-in-slices.js';
export {
  displayedNameAt,
  type LargeMemberSink,
  MemberNames,
  readObject,
  readObjectInSlices,
  stringAt,
  textOf,
} from './json-members.js';
export { parseJsonRecordLines } from './json-record-lines.js';
export { JsonRecordParser, type RecordLimits } from './json-record-parser.js';
export {
  isOneRecord,
  parseJsonRecord,
  parseJsonRecords,
  parseRecordList,
  RECORDS_POINTER,
} from './json-records.js';
export { JsonScanner } from './json-scanner.js';
export { jsonStringText } from './json-string.js';
export { assertJson, isJsonInSlices } from './json-text.js';
export { parseLargeBody, parseLargeLine, parseLargeList } from './large-records.js';
export { LineBlocks } from './line-blocks.js';
export { type LineBlock, type LineOptions, NdjsonLines } from './ndjson-lines.js';
export { type QueuedRecords, renderQueueRecords } from './queue-records.js';
export { assertLargeJson, rawRecord } from './raw-record.js';
export { memberPointer, quotedName, syntaxProblem } from './record-faults.js';
export { FORMAT_NAMES, type RecordFormat, recordFormat } from './record-frame.js';
export type { RecordLines } from './record-lines.js';
export { errorOfRecord, placeOf, type RecordPlaces, withRequestPointers } from './record-places.js';
export { recordSetBytes } from './record-set-bytes.js';
export { RenderCache } from './render-cache.js';
export {
  RecordsAnswer,
  type RenderedBatch,
  type RenderedRecords,
  type RenderRequest,
  renderGroup,
  renderInSlices,
  renderRecords,
  renderRun,
  renderRunInSlices,
} from './render-records.js';
export { type RenderedQueue, renderQueue } from './rendered-queue.js';
export { assertOnePartition, withPartition } from './request-partition.js';
export { AT_ONCE_BYTES_MAX } from './slices.js';
export { valueLines } from './value-lines.js';
