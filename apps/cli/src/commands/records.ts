import type { Command } from 'commander';
import { callGateway } from '../command-run.js';
import { Lines, type RecordJson } from '../consume/streamed-record.js';
import { UsageError } from '../exit-codes.js';
import { optionsOf } from '../global-options.js';
import { wholeNumber } from '../parse-values.js';

/** Adds `get`, `delete-records` and `ping`. */
export function addRecordCommands(program: Command): void {
  program
    .command('get <topic> <partition> <offset>')
    .description('print the value of one record; with --json the whole record')
    .action((topic: string, partition: string, offset: string, _options, command: Command) =>
      callGateway(optionsOf(command), async ({ sluice, output }) => {
        const place = {
          topic,
          partition: numberArgument('partition', partition),
          offset: numberArgument('offset', offset),
        };
        if (output.isJson) {
          const answer = await sluice.admin.fetchLines({ ...place, limit: 1 });
          const lines = new Lines(await answer.text());
          const [record] = lines.json() as RecordJson[];
          if (record?.offset !== place.offset) throw noRecord(topic, partition, offset);
          output.line(lines.at(0));
          return;
        }
        const answer = await sluice.admin.fetchValue(place);
        if (answer.headers.get('Sluice-Offset') !== String(place.offset)) {
          await answer.body?.cancel();
          throw noRecord(topic, partition, offset);
        }
        await output.write(new Uint8Array(await answer.arrayBuffer()));
        if (output.stdout.isTTY) output.line();
      }),
    );

  program
    .command('delete-records <topic> <partition>')
    .description('delete the oldest records of a partition')
    .requiredOption('--before <offset>', 'first offset that stays', wholeNumber())
    .action((topic: string, partition: string, _options, command: Command) => {
      const options = optionsOf<{ readonly before: number }>(command);
      return callGateway(options, async ({ sluice, output }) => {
        const deleted = await sluice.admin.deleteRecords({
          topic,
          partition: numberArgument('partition', partition),
          beforeOffset: options.before,
        });
        output.either(deleted, () =>
          output.note(`The log of ${topic}-${partition} starts at ${deleted.logStartOffset} now.`),
        );
      });
    });

  program
    .command('ping')
    .description('measure how long the gateway takes to answer')
    .option('--count <number>', 'number of requests', wholeNumber(1), 4)
    .action((_options, command: Command) => {
      const options = optionsOf<{ readonly count: number }>(command);
      return callGateway(options, async ({ sluice, output, signal }) => {
        const times: number[] = [];
        for (let done = 0; done < options.count; done += 1) {
          const startedMs = performance.now();
          await sluice.admin.live({}, { signal });
          const tookMs = performance.now() - startedMs;
          times.push(tookMs);
          if (!output.isJson) output.line(`answer ${done + 1}: ${tookMs.toFixed(1)} ms`);
        }
        const rounded = times.map((time) => Math.round(time * 10) / 10);
        if (output.isJson) output.document({ answersMs: rounded });
      });
    });
}

/** @throws UsageError unless the argument is a whole number of at least 0 */
export function numberArgument(name: string, text: string): number {
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new UsageError(`${name} must be a whole number of at least 0, not "${text}".`);
}

function noRecord(topic: string, partition: string, offset: string): Error {
  return new Error(`There is no record ${topic}-${partition}@${offset}.`);
}
