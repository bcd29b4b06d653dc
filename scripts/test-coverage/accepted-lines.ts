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
const MEMBERS = 'libs/delivery/src/member';

const BUG = 'only a bug of the gateway comes here';
const REFUSED_START = 'a start that is refused ends before its coverage is complete';
const NOT_PROTOCOL_ERROR = 'if (!(error instanceof ProtocolError)) throw error;';
const CATCH_PROTOCOL_ERROR = `} catch (error) { ${NOT_PROTOCOL_ERROR}`;
const FAILS_EXCHANGE = 'this.#exchange.fail(error);';
/** Begin of the reason of a line that a test could reach. */
const OPEN = 'open, no test yet: ';
const NO_COORDINATOR = `${OPEN}the coordinator of a group must be away within the call`;
const NO_LEADER = `${OPEN}a partition must be without a leader when the call comes`;
const SESSION_OVER = 'the session of a member must end between its last heartbeat and its call';
const REJOIN_REFUSED = 'the group must refuse a member between its removal and its next join';

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
    file: `${ROUTES}/events/event-stream.ts`,
    code: 'if (this.#refusal !== undefined) throw this.#refusal;',
    reason: 'the topic must be deleted while the positions of a stream are looked up',
  },
  { file: 'libs/record-json/src/json-record-lines.ts', code: 'throw problem;', reason: BUG },
  { file: 'libs/http-front/src/admission/admission.ts', code: 'throw error;', reason: BUG },
  {
    file: 'libs/http-front/src/admission/quota-turn.ts',
    code: '} catch (error) { exchange.fail(error);',
    reason: `${OPEN}a request must be refused when its wait for a quota is over`,
  },
  {
    file: 'libs/http-front/src/admission/quota-turn.ts',
    code: 'exchange.fail(error);',
    reason: `${OPEN}a request must be refused when its wait for a quota is over`,
  },
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
  { file: `${WS}/acknowledge-message.ts`, code: CATCH_PROTOCOL_ERROR, reason: SESSION_OVER },
  {
    file: `${GATEWAY}/http/problem.filter.ts`,
    code: "? { error: new ProtocolError('INVALID_REQUEST', 'The connection closed",
    reason: 'the client must disconnect while its body is parsed, and gets no answer',
  },
  {
    file: `${GATEWAY}/http/unreceived-control-answer.ts`,
    code: '} catch (error) { done(error as Error);',
    reason: `${OPEN}the memory of answers must run out before one of the control plane is sent`,
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
  {
    file: 'libs/log/src/recovery/lost-records.ts',
    code: 'if (lastOffset - startOffset > INT32_MAX) throw tooMany();',
    reason: `${OPEN}a segment of more than 2^31 offsets must be missing in the middle of a log`,
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
    file: 'libs/peer-rpc/src/peer-link.ts',
    code: 'hello.abandon(new Error(`no answer to a hello',
    reason: `${OPEN}a listener must be silent for the five seconds of the limit`,
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
    file: `${REGISTRY}/redis/registry-codec.ts`,
    code: 'throw new IncompleteRegistryError(`Redis lacks ${what}`);',
    reason: `${OPEN}only test/coordination/redis-faults.slow.test.ts removes a key from Redis`,
  },
  {
    file: `${REGISTRY}/registry/cluster-store.ts`,
    code: '? new RegistryRefusedError(message)',
    reason: `${OPEN}Redis must refuse the renewal of the lease thread`,
  },
  {
    file: `${REGISTRY}/registry/cluster-store.ts`,
    code: "throw notAvailable('unknown', undefined);",
    reason: "a rebuild must come between a commit and its write to the broker's disk",
  },
  {
    file: `${REGISTRY}/registry/commit-follower.ts`,
    code: "} catch (error) { if (error instanceof MissingTopicError) return 'incomplete';",
    reason: `${OPEN}Redis must have lost a topic that a broker has on its disk`,
  },
  {
    file: `${REGISTRY}/registry/founding.ts`,
    code: 'throw new DataDirError(',
    reason: `${OPEN}Redis must have a cluster of a later version`,
  },
  {
    file: `${REGISTRY}/security/cluster-security.ts`,
    code: '} catch (cause) { throw new ProtocolError(',
    reason: `${OPEN}the disk must fail when a revocation is written in a cluster`,
  },
  {
    file: `${REGISTRY}/security/cluster-security.ts`,
    code: "throw new ProtocolError( 'KAFKA_STORAGE_ERROR',",
    reason: `${OPEN}the disk must fail when a revocation is written in a cluster`,
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
    file: `${BROKER}/cluster/coordinator-calls.ts`,
    code: 'if (leader === null) throw notAvailable(undefined);',
    reason: NO_COORDINATOR,
  },
  {
    file: `${BROKER}/cluster/coordinator-calls.ts`,
    code: '} catch (error) { throw notAvailable(error);',
    reason: NO_COORDINATOR,
  },
  {
    file: `${BROKER}/cluster/coordinator-calls.ts`,
    code: 'throw notAvailable(error);',
    reason: NO_COORDINATOR,
  },
  {
    file: `${BROKER}/cluster/coordinator-calls.ts`,
    code: "return new ProtocolError( 'COORDINATOR_NOT_AVAILABLE',",
    reason: NO_COORDINATOR,
  },
  {
    file: `${BROKER}/cluster/group-heartbeats.ts`,
    code: '} catch { return [];',
    reason: NO_COORDINATOR,
  },
  {
    file: `${BROKER}/cluster/group-heartbeats.ts`,
    code: 'if (answer?.error !== undefined) throw errorOf(answer.error);',
    reason: 'the coordinator must forget a member between two heartbeats of another broker',
  },
  {
    file: `${BROKER}/cluster/group-heartbeats.ts`,
    code: '} catch (error) { const isFinal =',
    reason: 'the coordinator must forget a member between two heartbeats of another broker',
  },
  {
    file: `${BROKER}/groups/queue-feed.ts`,
    code: '} catch { // The same call is made again',
    reason: NO_COORDINATOR,
  },
  {
    file: `${BROKER}/groups/queue-feed.ts`,
    code: '} catch (error) { logger.warn(',
    reason: NO_COORDINATOR,
  },
  {
    file: `${BROKER}/groups/broker-queues.ts`,
    code: "if (status === undefined) throw noLeader(target, 'purged');",
    reason: NO_LEADER,
  },
  {
    file: `${BROKER}/groups/broker-queues.ts`,
    code: "if (status === undefined) throw noLeader(place, 'put back');",
    reason: NO_LEADER,
  },
  {
    file: `${BROKER}/groups/broker-queues.ts`,
    code: "return new ProtocolError( 'LEADER_NOT_AVAILABLE',",
    reason: NO_LEADER,
  },
  {
    file: `${BROKER}/record-copies.ts`,
    code: 'if (error !== undefined) throw error;',
    reason: `${OPEN}the leader of a dead-letter topic must refuse a write`,
  },
  {
    file: `${BROKER}/dead-letters.ts`,
    code: 'if (topic === undefined) throw noTopic(plan.topic);',
    reason: 'the dead-letter topic must be deleted between the plan of a batch and its write',
  },
  {
    file: `${BROKER}/dead-letters.ts`,
    code: "return new ProtocolError('UNKNOWN_TOPIC_OR_PARTITION',",
    reason: 'the dead-letter topic must be deleted between the plan of a batch and its write',
  },
  {
    file: `${BROKER}/dead-letters.ts`,
    code: "} catch (error) { if (error instanceof ProtocolError && error.code === 'OFFSET_OUT",
    reason: 'the records must be deleted between the plan of a batch and its write',
  },
  {
    file: `${BROKER}/redriven-records.ts`,
    code: '} catch (error) { if (!(error instanceof ProtocolError) ||',
    reason: 'the dead letters must be deleted between the look at their range and the read of it',
  },
  { file: `${MEMBERS}/group-memberships.ts`, code: '} catch (error) {', reason: REJOIN_REFUSED },
  {
    file: `${MEMBERS}/group-subscription.ts`,
    code: "throw new ProtocolError( 'ILLEGAL_GENERATION',",
    reason: SESSION_OVER,
  },
  { file: `${MEMBERS}/group-subscription.ts`, code: CATCH_PROTOCOL_ERROR, reason: BUG },
  {
    file: `${MEMBERS}/group-subscription.ts`,
    code: '} catch (error) { this.#autoCommit?.close();',
    reason: REJOIN_REFUSED,
  },
  {
    file: `${MEMBERS}/group-subscription.ts`,
    code: "return new ProtocolError( 'UNKNOWN_MEMBER_ID',",
    reason: `${OPEN}a client must owe an act for all of maxPollIntervalMs`,
  },
  {
    file: `${MEMBERS}/queue-subscription.ts`,
    code: '} catch (error) { // The lock ends, and the delivery counts',
    reason: `${OPEN}a member over WebSocket must get a record that cannot be read`,
  },
  {
    file: `${MEMBERS}/queue-subscription.ts`,
    code: '} catch (error) { if (!(error instanceof ProtocolError) ||',
    reason: SESSION_OVER,
  },
  {
    file: `${MEMBERS}/queue-subscription.ts`,
    code: "throw new ProtocolError( 'INVALID_RECORD_STATE',",
    reason: SESSION_OVER,
  },
  {
    file: `${MEMBERS}/queue-subscription.ts`,
    code: '} catch (error) { if (this.#end()',
    reason: REJOIN_REFUSED,
  },
  {
    file: 'libs/producer/src/producer-topic.ts',
    code: 'this.load().catch(() => undefined);',
    reason: `${OPEN}the metadata of a topic must be out of reach while its records are sent`,
  },
];
