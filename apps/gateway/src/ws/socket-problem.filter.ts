import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { ControlMessage } from './control-message.js';

/** Passes the error of a pipe or a handler to the message, whose session answers with it. */
@Catch()
export class SocketProblemFilter implements ExceptionFilter {
  catch(exception: unknown, host: ArgumentsHost): void {
    const message = host.getArgs<unknown[]>().find((each) => each instanceof ControlMessage);
    if (message === undefined) throw exception;
    message.fail(exception);
  }
}
