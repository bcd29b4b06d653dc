import type { PipeTransform } from '@nestjs/common';
import { ProtocolError } from '#protocol';

/** `{partition}` of a path, as a number. */
export class PartitionPipe implements PipeTransform<string, number> {
  transform(text: string): number {
    if (/^\d{1,10}$/.test(text)) return Number(text);
    throw new ProtocolError(
      'INVALID_REQUEST',
      'The partition in the path must be a whole number from 0.',
    );
  }
}
