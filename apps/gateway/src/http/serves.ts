import {
  createParamDecorator,
  type ExecutionContext,
  HttpCode,
  RequestMapping,
  RequestMethod,
} from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import {
  type ControllerOperationId,
  type Input,
  OPERATIONS,
  type OperationSpec,
  type Output,
  type ReceivedRequest,
  readInput,
} from '#api';
import { FrameworkRequest } from '#http-front';

/** A method that serves an operation: its first parameter is the checked request. */
type HandlerOf<Id extends ControllerOperationId> = (
  input: Input<Id>,
  ...rest: never[]
) => Output<Id> | Promise<Output<Id>>;

/**
 * Makes a method of a controller the handler of an operation: path, method and status are those of
 * the table, and the request is checked against it before the method is called.
 */
export function Serves<Id extends ControllerOperationId>(id: Id) {
  const operation: OperationSpec = OPERATIONS[id];
  return <Handler extends HandlerOf<Id>>(
    controller: object,
    method: string,
    descriptor: TypedPropertyDescriptor<Handler>,
  ): void => {
    const decorators = [
      RequestMapping({ method: RequestMethod[operation.method], path: routeOf(operation) }),
      HttpCode(statusOf(operation)),
      RouteConfig({ operation }),
    ];
    for (const decorate of decorators) decorate(controller, method, descriptor);
    CheckedInput()(controller, method, 0);
  };
}

/** Returns the operation of a request that a controller serves; undefined without a route. */
export function operationOf({ routeOptions }: FastifyRequest): OperationSpec | undefined {
  return (routeOptions.config as { readonly operation?: OperationSpec } | undefined)?.operation;
}

/** @throws ProtocolError INVALID_REQUEST */
const CheckedInput = createParamDecorator((_: unknown, context: ExecutionContext) => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  const operation = operationOf(request);
  const input = operation && readInput(operation, request as ReceivedRequest);
  const passedOn = FrameworkRequest.of(request.raw);
  if (passedOn !== undefined) passedOn.input = input;
  return input;
});

/** Returns the path of an operation for the framework, with its parameters as `:name`. */
function routeOf({ path }: OperationSpec): string {
  return path.replace(/\{(\w+)\}/g, ':$1');
}

/** Returns the status of success. */
function statusOf({ answers }: OperationSpec): number {
  return Math.min(...Object.keys(answers).map(Number));
}
