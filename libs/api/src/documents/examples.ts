/**
 * The examples of the OpenAPI document, in an order that works on an empty broker, except for those
 * of lost records, which need a loss first. A test sends each and compares the answer with the one
 * here.
 */

import type { ApiExample } from './api-example.js';
import { CLUSTER_EXAMPLES } from './examples-cluster.js';
import { GROUP_EXAMPLES } from './examples-groups.js';
import { LOST_RECORDS_EXAMPLES } from './examples-lost-records.js';
import { RECORD_EXAMPLES } from './examples-records.js';
import { SECURITY_EXAMPLES } from './examples-security.js';
import { TOPIC_END_EXAMPLES, TOPIC_EXAMPLES } from './examples-topics.js';

export const API_EXAMPLES: readonly ApiExample[] = [
  ...TOPIC_EXAMPLES,
  ...RECORD_EXAMPLES,
  ...CLUSTER_EXAMPLES,
  ...GROUP_EXAMPLES,
  ...SECURITY_EXAMPLES,
  ...LOST_RECORDS_EXAMPLES,
  ...TOPIC_END_EXAMPLES,
];
