import type { PipeTransform } from '@nestjs/common';
import { ProtocolError } from '#protocol';

/** `{partition}` of a path, as a number. */
export class PartitionPipe implements PipeTransform<string, number> {
  transform(text: string): number {
    if (/^(0|[1-9]\d{0,9})$/.test(text)) return Number(text);
    throw new ProtocolError(
      'INVALID_REQUEST',
      `The partition in the path is ${JSON.stringify(text)}; it is a whole number from 0.`,
    );
  }
}
