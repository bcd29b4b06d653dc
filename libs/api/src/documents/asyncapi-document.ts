import { refTo } from '../schema/dto-schemas.js';
import { ref, referencesIn, type Schema } from '../schema/json-schema.js';
import { serverObject } from '../socket/server-object.js';
import { SOCKET_PATH, SUBPROTOCOL } from '../socket/socket-address.js';
import {
  CLIENT_MESSAGES,
  type ClientEvent,
  SERVER_MESSAGES,
  type ServerEvent,
} from '../socket/socket-messages.js';
import type {
  AsyncApiDocumentObject,
  MessageExample,
  MessageObject,
  OperationObject,
  Reference,
} from './asyncapi-types.js';
import { messageSchemas } from './message-schemas.js';
import { describedNeeds, SECURITY_SCHEMES } from './security-schemes.js';
import { SERVER_EXAMPLES, SOCKET_EXAMPLES } from './socket-examples.js';

/** Version of the WebSocket contract, not of the program. */
const API_VERSION = '1';
const CHANNEL = 'socket';
const CHANNEL_REFERENCE: Reference = { $ref: `#/channels/${CHANNEL}` };

const DESCRIPTION = `Kafka's topics over one WebSocket: subscriptions and publishing.

Frames are texts: \`{"event": ..., "id"?: ..., "data": {...}}\`. An answer repeats the \`id\`. Messages of a
connection are handled one after the other and answered in order. A faulty message
is answered with \`error\`, and the connection stays open.

HTTP and server-sent events are described in [openapi.json](openapi.json).`;

/** Events that the gateway sends without a request; all its other events are answers. */
const UNASKED = [
  'records',
  'assigned',
  'revoked',
  'reset',
  'expiring',
  'error',
] as const satisfies ServerEvent[];

const clientEvents = Object.keys(CLIENT_MESSAGES) as ClientEvent[];
const serverEvents = Object.keys(SERVER_MESSAGES) as ServerEvent[];

/**
 * The AsyncAPI 3.0 document of the WebSocket, from the gateway's side: it receives the frames of
 * clients.
 * @param url public URL of the gateway
 */
export function asyncApiDocument(url: string): AsyncApiDocumentObject {
  const schemas = messageSchemas();
  const events = [...clientEvents, ...serverEvents];
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Sluice',
      version: API_VERSION,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
      tags: [{ name: 'websocket' }],
    },
    defaultContentType: 'application/json',
    servers: {
      gateway: {
        ...serverObject(url),
        security: [{ $ref: '#/components/securitySchemes/bearer' }],
      },
    },
    channels: { [CHANNEL]: { ...channel(), messages: referencesByName(events) } },
    operations: {
      ...Object.fromEntries(clientEvents.map((event) => [event, receiveOperation(event)])),
      ...Object.fromEntries(UNASKED.map((event) => [event, sendOperation(event)])),
    },
    components: {
      securitySchemes: { bearer: SECURITY_SCHEMES.bearer },
      messages: Object.fromEntries([
        ...clientEvents.map((event) => [event, clientMessage(event)]),
        ...serverEvents.map((event) => [event, serverMessage(event)]),
      ]) as Record<string, MessageObject>,
      schemas: { ...schemas, MessageId: MESSAGE_ID, ...frameSchemas(schemas) },
    },
  };
}

const MESSAGE_ID: Schema = {
  description:
    'An id that the client chooses; the answer repeats it. At most 256 bytes as JSON, its quotes included.',
  maxLength: 254,
  type: ['string', 'number'],
};

function channel(): object {
  const header = 'Sec-WebSocket-Protocol';
  return {
    address: SOCKET_PATH,
    title: 'One WebSocket',
    description: `A client offers the subprotocol \`${SUBPROTOCOL}\`.`,
    servers: [{ $ref: '#/servers/gateway' }],
    bindings: {
      ws: {
        method: 'GET',
        headers: {
          type: 'object',
          required: [header],
          properties: { [header]: { type: 'string', const: SUBPROTOCOL } },
        },
        bindingVersion: '0.1.0',
      },
    },
  };
}

function receiveOperation(event: ClientEvent): OperationObject {
  const { answer, summary, needs } = CLIENT_MESSAGES[event];
  const answers: ServerEvent[] = answer === null ? ['error'] : [answer, 'error'];
  return {
    action: 'receive',
    channel: CHANNEL_REFERENCE,
    title: event,
    summary,
    'x-sluice-needs': describedNeeds(needs)['x-sluice-needs'],
    messages: [ofChannel(event)],
    reply: { channel: CHANNEL_REFERENCE, messages: answers.map(ofChannel) },
  };
}

function sendOperation(event: ServerEvent): OperationObject {
  return {
    action: 'send',
    channel: CHANNEL_REFERENCE,
    title: event,
    summary: SERVER_MESSAGES[event].summary,
    messages: [ofChannel(event)],
  };
}

/** Returns the schema of every frame, by its name. */
function frameSchemas(schemas: Readonly<Record<string, Schema>>): Record<string, Schema> {
  const received = clientEvents.map((event) => {
    const data = refTo(CLIENT_MESSAGES[event].data);
    const [name = ''] = referencesIn(data);
    const needsData = schemas[name]?.['required'] !== undefined;
    return [frameName(event), frameSchema(event, data, needsData)] as const;
  });
  const sent = serverEvents.map((event) => {
    return [
      frameName(event),
      frameSchema(event, refTo(SERVER_MESSAGES[event].data), true),
    ] as const;
  });
  return Object.fromEntries([...received, ...sent]);
}

/**
 * Returns the name of an event's frame, such as `SubscribeFrame`; code generators use it as a class
 * name.
 */
function frameName(event: string): string {
  return `${event.charAt(0).toUpperCase()}${event.slice(1)}Frame`;
}

function clientMessage(event: ClientEvent): MessageObject {
  const { summary } = CLIENT_MESSAGES[event];
  return {
    name: event,
    title: event,
    summary,
    contentType: 'application/json',
    correlationId: { description: 'Id of the answered frame.', location: '$message.payload#/id' },
    payload: ref(frameName(event)),
    examples: SOCKET_EXAMPLES.filter(({ message }) => message.event === event).map(
      ({ name, summary, message }) => ({ name, summary, payload: message }),
    ),
  };
}

function serverMessage(event: ServerEvent): MessageObject {
  const { summary } = SERVER_MESSAGES[event];
  return {
    name: event,
    title: event,
    summary,
    contentType: 'application/json',
    payload: ref(frameName(event)),
    examples: serverExamples(event),
  };
}

function serverExamples(event: ServerEvent): MessageExample[] {
  const answers = SOCKET_EXAMPLES.flatMap(({ name, summary, answer }) =>
    answer?.event === event ? [{ name, summary, payload: answer }] : [],
  );
  const own = SERVER_EXAMPLES.filter(({ message }) => message.event === event).map(
    ({ name, summary, message }) => ({ name, summary, payload: message }),
  );
  return [...own, ...answers];
}

function frameSchema(event: string, data: Schema, needsData: boolean): Schema {
  return {
    type: 'object',
    required: needsData ? ['event', 'data'] : ['event'],
    additionalProperties: false,
    title: frameName(event),
    properties: {
      event: { type: 'string', const: event },
      id: { $ref: '#/components/schemas/MessageId' },
      data,
    },
  };
}

function referencesByName(events: readonly string[]): Record<string, Reference> {
  return Object.fromEntries(
    events.map((event) => [event, { $ref: `#/components/messages/${event}` }]),
  );
}

function ofChannel(event: string): Reference {
  return { $ref: `#/channels/${CHANNEL}/messages/${event}` };
}
