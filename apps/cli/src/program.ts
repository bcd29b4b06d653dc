import tab from '@bomb.sh/tab/commander';
import { Command, Help, type Option } from 'commander';
import { BASH_COMPLETION } from './bash-completion.js';
import { addBenchCommands } from './commands/bench.js';
import { addClusterCommands } from './commands/cluster.js';
import { addConsumeCommand } from './commands/consume.js';
import { addContextCommands } from './commands/contexts.js';
import { addGroupCommands } from './commands/groups.js';
import { addProduceCommand } from './commands/produce.js';
import { addQueueCommand } from './commands/queue.js';
import { addRecordCommands } from './commands/records.js';
import { addSecurityCommands } from './commands/security.js';
import { addTopicCommands } from './commands/topics.js';
import { UsageError } from './exit-codes.js';
import { addGlobalOptions } from './global-options.js';

/** Makes the program with all its commands. */
export function createProgram(version: string): Command {
  const program = new Command('sluice')
    .description('Produce, read and administer the topics of a Sluice gateway.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .showHelpAfterError('(--help lists what is accepted)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.',
    )
    .configureHelp({ optionDescription })
    .addHelpText('afterAll', ({ command }) =>
      command.parent === null
        ? ''
        : '\nOptions of every command, such as --url and --json: sluice --help',
    );
  // The entry point starts the gateway itself, before this program is loaded; see main.ts.
  program
    .command('serve')
    .description('start the gateway of this package; its settings are variables (serve --help)')
    .allowUnknownOption()
    .action(() => {
      throw new UsageError('serve takes no option before it: its settings are variables.');
    });
  addTopicCommands(program);
  addProduceCommand(program);
  addConsumeCommand(program);
  addQueueCommand(program);
  addGroupCommands(program);
  addRecordCommands(program);
  addClusterCommands(program);
  addSecurityCommands(program);
  addBenchCommands(program);
  addContextCommands(program);
  addGlobalOptions(program);
  addCompletion(program);
  return program;
}

/** Adds `completion`, and the hidden command that its scripts call. */
function addCompletion(program: Command): void {
  const library = tab(program, { completionCommandName: 'completion' });
  program.commands
    .find((command) => command.name() === 'completion')
    ?.description('print a script for the completion of commands and options in a shell')
    .action((shell: string) => {
      if (shell === 'bash') process.stdout.write(BASH_COMPLETION);
      else library.setup('sluice', 'sluice', shell);
    });
}

/** Describes an option; one that a command needs says so. */
function optionDescription(option: Option): string {
  const description = new Help().optionDescription(option);
  return option.mandatory ? `${description} (required)` : description;
}
