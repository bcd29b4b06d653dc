import { ref } from '../schema/json-schema.js';
import { ClusterDto, ProducerDto } from './answers.dto.js';
import { LivenessDto, ReadinessDto } from './health.dto.js';
import type { OperationSpecs } from './operation.js';

/** Operations on the cluster and on this broker. */
export const CLUSTER_OPERATIONS = {
  initProducer: {
    method: 'POST',
    path: '/v1/producers',
    plane: 'control',
    tag: 'records',
    summary: 'Get an id for an idempotent producer',
    needs: [{ resource: 'topic', operation: 'Write', onAny: true }],
    answers: { 201: { description: 'A new id, never issued before.', body: ProducerDto } },
    errors: [
      'INVALID_REQUEST',
      'UNKNOWN_SERVER_ERROR',
      'BROKER_NOT_AVAILABLE',
      'KAFKA_STORAGE_ERROR',
    ],
  },
  describeCluster: {
    method: 'GET',
    path: '/v1/cluster',
    plane: 'control',
    tag: 'cluster',
    summary: 'Show the brokers',
    needs: [{ resource: 'cluster', operation: 'Describe' }],
    answers: { 200: { description: 'The cluster as this broker sees it.', body: ClusterDto } },
    errors: ['INVALID_REQUEST', 'UNKNOWN_SERVER_ERROR'],
    entryPoint: { name: 'cluster', description: 'Brokers of the cluster.' },
  },
  live: {
    method: 'GET',
    path: '/health/live',
    plane: 'operator',
    tag: 'cluster',
    summary: 'Check that the process runs',
    needs: [{ resource: 'none' }],
    answers: { 200: { description: 'The process runs.', body: LivenessDto } },
    errors: [],
    entryPoint: { name: 'live', description: 'Liveness: the process runs.' },
  },
  ready: {
    method: 'GET',
    path: '/health/ready',
    plane: 'operator',
    tag: 'cluster',
    summary: 'Check that the broker serves requests',
    needs: [{ resource: 'none' }],
    answers: {
      200: {
        description: 'The broker serves, possibly only a part of its partitions.',
        body: ReadinessDto,
      },
      503: { description: 'The broker is stopping.', body: ReadinessDto },
    },
    errors: [],
    entryPoint: { name: 'ready', description: 'Readiness: the broker serves requests.' },
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    plane: 'operator',
    tag: 'cluster',
    summary: "Show metrics in Prometheus' text format",
    needs: [{ resource: 'cluster', operation: 'Describe' }],
    answers: {
      200: {
        description: 'See docs/reference/metrics.md.',
        body: { 'text/plain': { type: 'string' } },
      },
    },
    errors: [],
    entryPoint: { name: 'metrics', description: "Metrics in Prometheus' text format." },
  },
  listEntryPoints: {
    method: 'GET',
    path: '/',
    plane: 'operator',
    tag: 'cluster',
    summary: 'List the entry points',
    description: 'A client that prefers `text/html` is redirected to the page `/try`.',
    needs: [{ resource: 'none' }],
    answers: {
      200: { description: 'The entry points.', body: { 'application/json': ref('EntryPoints') } },
      302: {
        description: 'The client prefers `text/html`.',
        headers: {
          Location: { description: 'Path of the page `/try`.', schema: { type: 'string' } },
        },
      },
    },
    errors: [],
  },
} as const satisfies OperationSpecs;
