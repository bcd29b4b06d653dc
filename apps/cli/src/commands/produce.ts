import { type Command, Option } from 'commander';
import { withGateway } from '../command-run.js';
import { optionsOf } from '../global-options.js';
import { nameValueList, wholeNumber } from '../parse-values.js';
import { type ProduceOptions, produceFiles } from '../produce/produce-files.js';

/** Adds `produce`. */
export function addProduceCommand(program: Command): void {
  program
    .command('produce <topic> [files...]')
    .description('produce a record for each line of files, or of stdin')
    .addOption(
      new Option(
        '--format <format>',
        'text: a line is a value; json: a value of JSON; ndjson: a whole record',
      )
        .choices(['text', 'json', 'ndjson'])
        .default('text'),
    )
    .option('--key <key>', 'key of all records')
    .option('--key-field <name>', 'member of a JSON value that is the key')
    .option('--key-separator <text>', 'text between key and value of a line')
    .option('--tombstones', 'a line with a key alone deletes that key')
    .option('--partition <number>', 'partition of all records', wholeNumber())
    .option('--header <name=value>', 'header of all records; repeatable', nameValueList)
    .addOption(
      new Option('--acks <acks>', 'replicas that must have a record')
        .choices(['all', '1', '0'])
        .default('all'),
    )
    .option('--rate <number>', 'records per second', wholeNumber(1))
    .option(
      '--timeout-ms <ms>',
      'time after which records that cannot be stored end the command',
      wholeNumber(1),
      120_000,
    )
    .option('--resume', 'continue with an interrupted file: no line is lost or stored twice')
    .option('--restart', 'send an interrupted file from its beginning')
    .action((topic: string, files: string[], _options, command: Command) => {
      const options = optionsOf<ProduceOptions>(command);
      // After this command, --key is that of the records; before it, that of the certificate.
      const { key } = optionsOf(program);
      return withGateway({ ...options, key }, (run) =>
        produceFiles(run, topic, files, {
          ...options,
          key: command.opts<ProduceOptions>().key,
        }),
      );
    });
}
