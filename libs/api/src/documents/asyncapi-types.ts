/** The parts of an AsyncAPI 3.0 document that this gateway uses. */
import type { Schema } from '../schema/json-schema.js';

export interface Reference {
  readonly $ref: string;
}

export interface MessageObject {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly contentType: string;
  readonly correlationId?: { readonly description: string; readonly location: string };
  readonly payload: Schema;
  readonly examples: readonly MessageExample[];
}

export interface MessageExample {
  readonly name: string;
  readonly summary: string;
  readonly payload: object;
}

export interface OperationObject {
  /** Direction from the gateway's side: it receives the frames of clients. */
  readonly action: 'receive' | 'send';
  readonly channel: Reference;
  readonly title: string;
  readonly summary: string;
  /** The permissions that the caller needs, for people. */
  readonly 'x-sluice-needs'?: readonly string[];
  readonly messages: readonly Reference[];
  readonly reply?: { readonly channel: Reference; readonly messages: readonly Reference[] };
}

export interface AsyncApiDocumentObject {
  readonly asyncapi: string;
  readonly info: object;
  readonly defaultContentType: string;
  readonly servers: Readonly<Record<string, object>>;
  readonly channels: Readonly<
    Record<string, { readonly messages: Readonly<Record<string, Reference>> }>
  >;
  readonly operations: Readonly<Record<string, OperationObject>>;
  readonly components: {
    readonly securitySchemes: Readonly<Record<string, object>>;
    readonly messages: Readonly<Record<string, MessageObject>>;
    readonly schemas: Readonly<Record<string, Schema>>;
  };
}
