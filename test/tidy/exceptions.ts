import type { RULES } from './rules.js';

/** A file or a folder that breaks a rule on purpose. */
export interface Exception {
  readonly rule: keyof typeof RULES;
  /** Path of the file, or of a folder with a slash at its end. */
  readonly path: string;
  readonly reason: string;
}

/** The only places that may break a rule. An entry that is no longer needed fails the test. */
export const EXCEPTIONS: readonly Exception[] = [
  { rule: 'plain-phrase', path: 'test/tidy/rules.test.ts', reason: 'its samples break the rule' },
];

const ONE_ARGUMENT = 'its member is one argument of the port';
const PAGE_OF_LIST = 'its members are arguments of the port';
const WRITTEN_BY_HAND = 'the answer is written as text, its records never are objects';
const NO_MEMBERS = 'it has no members';
const OF_THE_SOCKET = 'only the WebSocket has it: it ends in the session';

/** Classes of the contract that describe something that no port has a type for, with the reason. */
export const CONTRACT_ONLY: Readonly<Record<string, string>> = {
  ListTopicsQuery: ONE_ARGUMENT,
  DeleteRecordsQuery: ONE_ARGUMENT,
  ListOffsetQuery: 'it is the text of an OffsetSpec',
  CommittedOffsetsQuery: ONE_ARGUMENT,
  ListApiKeysQuery: PAGE_OF_LIST,
  RotateApiKeyDto: ONE_ARGUMENT,
  LivenessDto: 'a process that answers is alive',
  AuthenticateDto: OF_THE_SOCKET,
  CreditDto: OF_THE_SOCKET,
  UnsubscribeDto: OF_THE_SOCKET,
  UnsubscribedDto: OF_THE_SOCKET,
  PingDto: NO_MEMBERS,
  PongDto: NO_MEMBERS,
  PublishDto: 'PublishData reads it from the bytes of the message',
  PublishedDto: WRITTEN_BY_HAND,
};
