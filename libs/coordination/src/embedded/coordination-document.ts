import type { ClusterState } from '../cluster-state.js';
import type { DurableDocument } from '../durable-json-file.js';
import { type StateDocument, stateDocument } from '../state-document.js';

/** Content of `coordination.json`, version 1. */
export interface CoordinationDocument extends DurableDocument, StateDocument {
  readonly format_version: 1;
  /** Highest broker epoch that was assigned; earlier releases read it. */
  readonly broker_epoch: number;
}

/**
 * Number of recorded deletions. Logs are removed before a deletion is answered; the newest are kept
 * for the start after a crash in between.
 */
const DELETED_TOPICS_KEPT = 1000;

export function coordinationDocument(state: ClusterState): CoordinationDocument {
  const document = stateDocument(state);
  return {
    format_version: 1,
    ...document,
    broker_epoch: Math.max(0, ...(document.brokers ?? []).map((broker) => broker.broker_epoch)),
    deleted_topics: document.deleted_topics.slice(-DELETED_TOPICS_KEPT),
  };
}
