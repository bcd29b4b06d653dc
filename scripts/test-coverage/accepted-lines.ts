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
const WS = 'apps/gateway/src/ws';
const BROKER = 'libs/broker/src';

const BUG = 'only a bug of the gateway comes here';
const REFUSED_START = 'test/gateway/lifecycle.test.ts refuses starts, but is not measured';
const NOT_PROTOCOL_ERROR = 'if (!(error instanceof ProtocolError)) throw error;';
const FAILS_EXCHANGE = 'this.#exchange.fail(error);';

export const ACCEPTED_LINES: readonly AcceptedLine[] = [
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
    code: 'broker .produce({',
    reason: `${BUG}: refused records are failures of their lines`,
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
  {
    file: `${ROUTES}/events/event-stream.ts`,
    code: 'if (this.#refusal !== undefined) throw this.#refusal;',
    reason: 'the topic must be deleted while the positions of a stream are looked up',
  },
  {
    file: 'libs/replication/src/cluster-replication.ts',
    code: "} catch (error) { logger.warn({ err: error }, 'replicas that lack records",
    reason: 'Redis must be away just when a replica leaves the ISR; the next turn tries again',
  },
  {
    file: 'libs/replication/src/metadata-applier.ts',
    code: NOT_PROTOCOL_ERROR,
    reason: BUG,
  },
  { file: 'libs/replication/src/partition.ts', code: NOT_PROTOCOL_ERROR, reason: BUG },
  {
    file: `${BROKER}/cluster/open-cluster-broker.ts`,
    code: '} catch (error) { await ports.network.close();',
    reason: REFUSED_START,
  },
  {
    file: `${BROKER}/cluster/open-cluster-broker.ts`,
    code: 'throw error;',
    reason: REFUSED_START,
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
  { file: `${BROKER}/topic-admin.ts`, code: NOT_PROTOCOL_ERROR, reason: BUG },
  { file: 'libs/delivery/src/subscription.ts', code: NOT_PROTOCOL_ERROR, reason: BUG },
];
