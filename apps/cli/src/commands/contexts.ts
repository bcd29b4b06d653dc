import { resolve } from 'node:path';
import type { Command } from 'commander';
import { assertOneCredential } from '../connection.js';
import { type Context, Contexts } from '../contexts.js';
import { UsageError } from '../exit-codes.js';
import { optionsOf } from '../global-options.js';
import { Output } from '../output.js';

/** Adds `contexts`, whose commands need no gateway. */
export function addContextCommands(program: Command): void {
  const contexts = program
    .command('contexts')
    .description('keep named gateways with their options in a file');

  contexts
    .command('list')
    .description('list contexts; the current one has a star')
    .action((_options, command: Command) => {
      const output = new Output({ json: optionsOf(command).json === true });
      const file = new Contexts().read();
      output.either(file, () =>
        output.table(
          ['', 'NAME', 'URL'],
          Object.entries(file.contexts).map(([name, context]) => [
            name === file.current ? '*' : '',
            name,
            context.url,
          ]),
        ),
      );
    });

  contexts
    .command('set <name>')
    .description('keep --url, --api-key-file, --token-file, --ca, --cert and --key under a name')
    .action((name: string, _options, command: Command) => {
      const { url, apiKeyFile, tokenFile, ca, cert, key } = optionsOf(command);
      if (url === undefined) throw new UsageError('Give the --url of the gateway.');
      assertOneCredential({ apiKeyFile, tokenFile });
      const files: Context = { apiKeyFile, tokenFile, ca, cert, key };
      const file = new Contexts();
      file.set(name, { url, ...absolute(files) });
      note(
        `Context ${name} is kept${file.read().current === name ? ' and is the current one' : ''}.`,
      );
    });

  contexts
    .command('use <name>')
    .description('use a context when --context is not given')
    .action((name: string) => {
      new Contexts().use(name);
      note(`Context ${name} is the current one.`);
    });

  contexts
    .command('delete <name>')
    .description('delete a context')
    .action((name: string) => {
      new Contexts().delete(name);
      note(`Context ${name} is deleted.`);
    });
}

function note(sentence: string): void {
  new Output({ json: false }).note(sentence);
}

/** The paths of files as they are valid from each folder. */
function absolute(files: Context): Context {
  const given = Object.entries(files).filter(([, path]) => path !== undefined);
  return Object.fromEntries(given.map(([name, path]) => [name, resolve(path as string)]));
}
