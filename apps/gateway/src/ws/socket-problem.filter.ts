import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { assert } from '#runtime';
import { ControlMessage } from './control-message.js';

/** Passes the error of a pipe or a handler to the message, whose session answers with it. */
@Catch()
export class SocketProblemFilter implements ExceptionFilter {
  catch(exception: unknown, host: ArgumentsHost): void {
    const message = host.getArgs<unknown[]>().find((each) => each instanceof ControlMessage);
    assert(message !== undefined, 'a handler is called with the message that it handles');
    message.fail(exception);
  }
}
