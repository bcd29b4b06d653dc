/** Reasons for which the process ends; the numbers are those of sysexits.h if it has one. */
export const EXIT_CODES = {
  stopped: exitCode(0, 'Stopped cleanly after SIGTERM, SIGINT or SIGHUP.'),
  stopCutShort: exitCode(
    1,
    'A stop was cut short: by SIGQUIT, by a second signal, or after SLUICE_STOP_TIMEOUT_MS. The next start recovers the log.',
  ),
  badArguments: exitCode(64, 'An argument of the command line is not known.'),
  cannotListen: exitCode(69, 'The address or port cannot be listened on.'),
  bug: exitCode(70, 'A bug was logged; the next start recovers the log.'),
  tooFewDescriptors: exitCode(
    71,
    'The limit of open files (ulimit -n) is too low to run: at least 256 are needed.',
  ),
  dataDirLocked: exitCode(73, 'Another process holds the data directory.'),
  dataDirNotUsable: exitCode(
    74,
    'The data directory cannot be read or written, or belongs to another broker or cluster.',
  ),
  brokerIdTaken: exitCode(
    76,
    'Another process of the cluster has this broker id, with another data directory.',
  ),
  badSettings: exitCode(
    78,
    'Settings are invalid: one line for each says which values are accepted.',
  ),
} as const satisfies Record<string, ExitCode>;

export interface ExitCode {
  readonly code: number;
  readonly sentence: string;
}

function exitCode(code: number, sentence: string): ExitCode {
  return { code, sentence };
}
