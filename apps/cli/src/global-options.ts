import { type Command, Option } from 'commander';
import type { GlobalOptions } from './connection.js';

/** Options of every command: before it, or after it. */
const GLOBAL_OPTIONS = [
  [
    '--url <url>',
    'URL of the gateway, or several with commas (SLUICE_URL; default: http://127.0.0.1:8080)',
  ],
  ['--api-key-file <file>', 'file with an API key (or SLUICE_API_KEY)'],
  ['--token-file <file>', 'file with a bearer token (or SLUICE_TOKEN)'],
  ['--ca <file>', 'certificates that the gateway’s certificate is checked with, PEM'],
  ['--cert <file>', 'client certificate, PEM'],
  ['--key <file>', 'key of the client certificate, PEM'],
  ['--context <name>', 'gateway kept by `sluice contexts set`'],
  ['--json', 'print the gateway’s documents as JSON, for programs'],
] as const;

/**
 * Adds the global options to the program and to every command below it. A command whose own option
 * has the same name keeps that: there the global one stands before the command.
 */
export function addGlobalOptions(program: Command): void {
  program.enablePositionalOptions();
  for (const [flags, description] of GLOBAL_OPTIONS) program.option(flags, description);
  for (const command of program.commands) addHidden(command);
}

function addHidden(command: Command): void {
  for (const [flags, description] of GLOBAL_OPTIONS) {
    const option = new Option(flags, description).hideHelp();
    if (!command.options.some(({ long }) => long === option.long)) command.addOption(option);
  }
  for (const each of command.commands) addHidden(each);
}

/** Returns the options of a command; those nearest to it win. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a command knows its own
export function optionsOf<Own extends object = object>(command: Command): GlobalOptions & Own {
  const chain: Command[] = [];
  for (let each: Command | null = command; each !== null; each = each.parent) chain.unshift(each);
  return Object.assign({}, ...chain.map((each) => each.opts())) as GlobalOptions & Own;
}
