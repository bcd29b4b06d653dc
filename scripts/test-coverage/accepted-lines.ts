/**
 * The error lines that may stay without a test, each with its reason: `npm run test:coverage` fails
 * on any other that no test reaches. A line is named by its code, because its number changes.
 */

/** An error line that no test has to reach. */
export interface AcceptedLine {
  readonly file: string;
  /** Begin of the line, which may continue with the next line; without indents. */
  readonly code: string;
  readonly reason: string;
}

const ROUTES = 'libs/record-routes/src';
const GATEWAY = 'apps/gateway/src';
const WS = `${GATEWAY}/ws`;
const BROKER = 'libs/broker/src';
const REGISTRY = 'libs/coordination/src';

const BUG = 'only a bug of the gateway comes here';
const REFUSED_START = 'a start that is refused ends before its coverage is complete';
const NOT_PROTOCOL_ERROR = 'if (!(error instanceof ProtocolError)) throw error;';
const CATCH_PROTOCOL_ERROR = `} catch (error) { ${NOT_PROTOCOL_ERROR}`;
const FAILS_EXCHANGE = 'this.#exchange.fail(error);';

export const ACCEPTED_LINES: readonly AcceptedLine[] = [
  // The data plane.
  {
    file: `${ROUTES}/fetch/ndjson-fetch.ts`,
    code: 'if (rendered.fault !== undefined && !this.#isFull) throw rendered.fault;',
    reason: 'a damaged batch must follow records that fill a part of an NDJSON answer',
  },
  {
    file: `${ROUTES}/produce/ndjson-produce.ts`,
    code: `} catch (error) { ${FAILS_EXCHANGE}`,
    reason: `${BUG}: wrong lines are failures of their own`,
  },
  { file: `${ROUTES}/produce/ndjson-produce.ts`, code: FAILS_EXCHANGE, reason: BUG },
  {
    file: `${ROUTES}/produce/ndjson-produce.ts`,
    code: 'broker .as(',
    reason: `${BUG}: refused records are failures of their lines`,
  },
  {
    file: `${ROUTES}/produce/ndjson-produce.ts`,
    code: 'submitted.fail(this.#exchange.context.errors',
    reason: `${BUG}: refused records are failures of their lines`,
  },
  {
    file: `${ROUTES}/poll/poll-route.ts`,
    code: "throw new ProtocolError( 'UNKNOWN_MEMBER_ID',",
    reason: 'the permission must be lost between the admission of a poll and the end of its member',
  },
  {
    file: `${ROUTES}/events/event-stream.ts`,
    code: 'if (this.#refusal !== undefined) throw this.#refusal;',
    reason: 'the topic must be deleted while the positions of a stream are looked up',
  },
  { file: 'libs/record-json/src/json-record-lines.ts', code: 'throw problem;', reason: BUG },
  { file: 'libs/http-front/src/admission/admission.ts', code: 'throw error;', reason: BUG },
  {
    file: `${WS}/socket-session.ts`,
    code: '} catch (error) { this.#outOfMemory(error);',
    reason: 'the memory of sockets must run out between the frame and the end of one message',
  },
  { file: `${WS}/socket-session.ts`, code: NOT_PROTOCOL_ERROR, reason: BUG },
  {
    file: `${WS}/socket-subscription.ts`,
    code: 'if (this.#endedWith !== undefined) throw this.#endedWith;',
    reason: 'the topic must be deleted while the positions of a subscription are looked up',
  },
  {
    file: `${WS}/acknowledge-message.ts`,
    code: CATCH_PROTOCOL_ERROR,
    reason: 'the session of a member must end between its last heartbeat and its ack',
  },
  {
    file: `${GATEWAY}/http/problem.filter.ts`,
    code: "? { error: new ProtocolError('INVALID_REQUEST', 'The connection closed",
    reason: 'the client must disconnect while its body is parsed, and gets no answer',
  },
  {
    file: `${GATEWAY}/http/problem.filter.ts`,
    code: "return { error: new ProtocolError('INVALID_REQUEST', exception.message), status };",
    reason: 'only an error of Fastify or Nest that the tables do not name comes here',
  },
  // The process and its disk.
  {
    file: `${GATEWAY}/engine/descriptor-limit.ts`,
    code: '} catch { return undefined;',
    reason: 'the operating system must have no /proc',
  },
  {
    file: `${GATEWAY}/engine/descriptor-limit.ts`,
    code: '} catch { // Not even the directory',
    reason: 'all descriptors must be in use when the metrics are collected',
  },
  {
    file: 'libs/runtime/src/node-file-system.ts',
    code: 'fstat(this.#descriptor, (error, stats) => (error ? reject(error)',
    reason: 'fstat of an open file fails only by a fault of the kernel',
  },
  {
    file: 'libs/runtime/src/spare-descriptors.ts',
    code: '} catch { return false;',
    reason: 'the descriptors must run out between the check of the launcher and the first file',
  },
  {
    file: 'libs/log/src/log/log-reader.ts',
    code: 'throw corruptMessage(range);',
    reason: 'every start finds missing segments before a reader can',
  },
  // Clusters.
  {
    file: 'libs/replication/src/cluster-replication.ts',
    code: "} catch (error) { logger.warn({ err: error }, 'replicas that lack records",
    reason: 'Redis must be away just when a replica leaves the ISR; the next turn tries again',
  },
  {
    file: 'libs/replication/src/membership.ts',
    code: 'if (watched.includes(error.brokerEpoch)) throw error;',
    reason: `${BUG}: a broker that was found silent does not prevent a registration`,
  },
  {
    file: `${BROKER}/open-cluster-broker.ts`,
    code: '} catch (error) { await ports.network.close();',
    reason: REFUSED_START,
  },
  {
    file: `${BROKER}/cluster/leadership-check.ts`,
    code: 'await this.#current?.catch(() => undefined);',
    reason: 'Redis must be away while a second question waits for the answer to the first',
  },
  {
    file: `${BROKER}/topic-admin.ts`,
    code: 'if (description === undefined) throw unknownPartitionError({ topic, partition });',
    reason: 'the topic must be created again with fewer partitions within the call',
  },
  {
    file: `${BROKER}/topic-admin.ts`,
    code: 'if (altered !== undefined && this.#hasOffline(altered, partitionCount)) throw',
    reason: 'the descriptors must run out while partitions are added',
  },
  {
    file: `${BROKER}/topic-admin.ts`,
    code: '} catch (error) { // The change itself is made',
    reason: 'Redis must be away just after a commit; the controller makes the change later',
  },
  {
    file: `${BROKER}/topic-registry.ts`,
    code: "} catch (error) { logger.warn({ err: error, topic: name }, 'new partitions",
    reason: 'Redis must be away just after a topic was created; its next change tries again',
  },
  {
    file: `${REGISTRY}/redis/open-cluster-security.ts`,
    code: '} catch (error) { registry.close();',
    reason: REFUSED_START,
  },
  {
    file: `${REGISTRY}/registry/cluster-store.ts`,
    code: "throw notAvailable('unknown', undefined);",
    reason: "a rebuild must come between a commit and its write to the broker's disk",
  },
  {
    file: `${REGISTRY}/security/security-follower.ts`,
    code: "} catch (error) { logger.warn({ err: error }, 'a snapshot",
    reason: 'Redis must be away just when a snapshot is due; the next commit tries again',
  },
  // Groups and queues.
  {
    file: 'libs/groups/src/coordinator/loaded-coordinators.ts',
    code: 'if (coordinator === undefined) throw notAvailable();',
    reason: 'the topic of the offsets must be missing just after it was ensured',
  },
  {
    file: 'libs/delivery/src/member/group-subscription.ts',
    code: CATCH_PROTOCOL_ERROR,
    reason: BUG,
  },
];
