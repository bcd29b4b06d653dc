import { CLIENT_MESSAGES, type ClientEvent, type ServerEvent } from '#api';
import type { SocketAnswer } from './control-message.js';
import type { SocketContext } from './socket-context.js';
import { messageText, type ProblemContext, socketProblem } from './socket-problem.js';

/** Builds the texts of answers and errors of one connection. */
export class MessageTexts {
  readonly #context: Pick<SocketContext<never>, 'instance' | 'errors'>;

  readonly #onError: (error: unknown, about: ProblemContext) => void;

  /** @param onError called for each error that is sent */
  constructor(
    context: Pick<SocketContext<never>, 'instance' | 'errors'>,
    onError: (error: unknown, about: ProblemContext) => void,
  ) {
    this.#context = context;
    this.#onError = onError;
  }

  /** Returns the errors of a message's parts, then its answer. */
  answer(
    event: ClientEvent,
    id: string | undefined,
    answer: SocketAnswer | undefined,
  ): readonly string[] {
    const { answer: answered, isAnsweredWithIdOnly = false } = CLIENT_MESSAGES[event] as {
      readonly answer: ServerEvent | null;
      readonly isAnsweredWithIdOnly?: boolean;
    };
    const texts = (answer?.errors ?? []).map(({ error, about }) =>
      this.error(error, id, about, true),
    );
    const isAnswered = answered !== null && (id !== undefined || !isAnsweredWithIdOnly);
    if (!isAnswered || answer?.data === undefined) return texts;
    return [...texts, messageText(answered, id, JSON.stringify(answer.data))];
  }

  /** Returns the text of an `error`. */
  error(error: unknown, id: string | undefined, about: ProblemContext, isWrite: boolean): string {
    const { errors, instance } = this.#context;
    this.#onError(error, about);
    const problem = socketProblem(errors.toProtocolError(error), instance, about, { isWrite });
    return messageText('error', id, JSON.stringify(problem));
  }
}
