/** Ends the process with an exit code (exit-codes.ts): on signals, failed starts and bugs. */
import { resolve } from 'node:path';
import { BrokerIdTakenError, ForeignBrokerError } from '#coordination';
import { DataDirLockedError } from '#log';
import { availableMemory, DataDirError } from '#runtime';
import { heapWarnings, memoryWarnings } from '../config/memory-budget.js';
import type { Settings } from '../config/settings.js';
import { openLogger, type ProcessLogger } from '../logging/logger.js';
import { EXIT_CODES, type ExitCode } from '../shared/exit-codes.js';
import { banner } from './banner.js';
import { CannotListenError } from './cannot-listen-error.js';
import { descriptorLimit } from './descriptor-limit.js';
import { Gateway } from './gateway.js';
import { makeDataDirPrivate } from './private-data-dir.js';
import { fitDescriptors, type RunningSettings } from './running-settings.js';
import { settingProblems } from './setting-checks.js';

/** Runs a gateway until a signal stops it; ends the process itself. */
export async function runUntilStopped(
  requested: Settings,
  warnings: readonly string[],
): Promise<void> {
  const problems = await settingProblems(requested);
  if (problems.length > 0) endOnBadSettings(problems, warnings);
  const logger = openLogger(requested);
  endOnBugs(logger);
  logOtherSignals(logger);
  const fitted = fitDescriptors(requested, descriptorLimit());
  const { settings } = fitted;
  const available = availableMemory();
  const ofMemory = [...memoryWarnings(settings, available), ...heapWarnings(settings, available)];
  const ofModes = makeDataDirPrivate(settings.dataDir);
  for (const warning of [...warnings, ...fitted.warnings, ...ofMemory, ...ofModes]) {
    logger.warn({}, warning);
  }
  const stopRequested = nextStopSignal(logger);
  let isStarted = false;
  // A start may wait long for Redis or for the recovery of logs; a signal may interrupt it at any
  // time.
  void stopRequested.then((signal) => {
    if (isStarted) return undefined;
    logger.info({ signal }, 'stopped before the start was complete');
    return end(EXIT_CODES.stopped);
  });
  const gateway = await startOrEnd(settings, logger);
  isStarted = true;
  const { brokerId, dataDir, durability, host } = settings;
  const { url, port, adminUrl, healthPort } = gateway;
  const needsCredential = settings.auth === 'on' && settings.anonymous === 'off';
  process.stdout.write(
    banner({
      url,
      adminUrl,
      pages: settings.pages,
      dataDir: resolve(dataDir),
      durability,
      needsCredential,
    }),
  );
  logger.info({ url, host, port, adminUrl, healthPort, dataDir, durability, brokerId }, 'started');
  logger.info({ signal: await stopRequested }, 'stopping');
  cutShortOnTimeout(settings.stopTimeoutMs, logger);
  await gateway.stop();
  logger.info({}, 'stopped');
  end(EXIT_CODES.stopped);
}

/** Reports invalid settings, one line each, then ends the process. */
export function endOnBadSettings(problems: readonly string[], warnings: readonly string[]): never {
  for (const line of [...warnings, ...problems]) process.stderr.write(`${line}\n`);
  return end(EXIT_CODES.badSettings);
}

async function startOrEnd(settings: RunningSettings, logger: ProcessLogger): Promise<Gateway> {
  try {
    return await Gateway.start(settings, logger, () => {
      logger.fatal({ brokerId: settings.brokerId }, 'another process has this broker id');
      end(EXIT_CODES.brokerIdTaken);
    });
  } catch (error) {
    const { exitCode, message } = startFailure(error, settings);
    // A fault that the operator can fix is one line; a bug is logged with its stack.
    logger.fatal(exitCode === EXIT_CODES.bug ? { err: error } : {}, message);
    return end(exitCode);
  }
}

function startFailure(
  error: unknown,
  { dataDir }: Settings,
): { readonly exitCode: ExitCode; readonly message: string } {
  if (error instanceof CannotListenError) {
    return { exitCode: EXIT_CODES.cannotListen, message: error.message };
  }
  if (error instanceof DataDirLockedError) {
    return { exitCode: EXIT_CODES.dataDirLocked, message: error.message };
  }
  if (error instanceof DataDirError) {
    return { exitCode: EXIT_CODES.dataDirNotUsable, message: error.message };
  }
  if (error instanceof BrokerIdTakenError) {
    return { exitCode: EXIT_CODES.brokerIdTaken, message: error.message };
  }
  if (error instanceof ForeignBrokerError) {
    return { exitCode: EXIT_CODES.badSettings, message: error.message };
  }
  if (isSystemError(error)) {
    const message = `the data directory ${dataDir} cannot be used: ${error.message}`;
    return { exitCode: EXIT_CODES.dataDirNotUsable, message };
  }
  return { exitCode: EXIT_CODES.bug, message: 'the start failed because of a bug' };
}

/** An error of the operating system (ENOSPC, EACCES, ...), not one of Node's own (ERR_...). */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/**
 * A broker must not continue after a bug: durable records are on disk, and the next start recovers
 * the rest.
 */
function endOnBugs(logger: ProcessLogger): void {
  const endOnBug = (error: unknown): never => {
    logger.fatal({ err: error }, 'the process ends because of a bug');
    return end(EXIT_CODES.bug);
  };
  process.on('uncaughtException', endOnBug);
  process.on('unhandledRejection', endOnBug);
}

/**
 * A signal this soon after another is the same one: Ctrl-C reaches a whole process group, and npm
 * forwards it to its child, which has already received it.
 */
const SAME_SIGNAL_MS = 500;

/** Resolves with the first stop signal; a second one ends the process at once. */
function nextStopSignal(logger: ProcessLogger): Promise<NodeJS.Signals> {
  return new Promise((resolveSignal) => {
    let firstAtMs: number | undefined;
    const onSignal = (signal: NodeJS.Signals): void => {
      const nowMs = performance.now();
      if (firstAtMs === undefined) {
        firstAtMs = nowMs;
        resolveSignal(signal);
      } else if (nowMs - firstAtMs > SAME_SIGNAL_MS) {
        logger.warn({ signal }, 'the stop is cut short by a second signal');
        end(EXIT_CODES.stopCutShort);
      }
    };
    for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  });
}

/**
 * Signals that stop the broker cleanly. SIGHUP is one of them, as in Kafka: settings are not
 * reloaded.
 */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Signals that end a process, or open a debugger, unless the process listens for them. SIGQUIT ends
 * this one at once and the next start recovers the log; SIGUSR1 and SIGUSR2 have no effect. Node
 * ignores SIGPIPE.
 */
function logOtherSignals(logger: ProcessLogger): void {
  process.on('SIGQUIT', (signal) => {
    logger.fatal({ signal }, 'a signal ends the process at once; the next start recovers the log');
    end(EXIT_CODES.stopCutShort);
  });
  for (const ignored of ['SIGUSR1', 'SIGUSR2'] as const) {
    process.on(ignored, (signal) =>
      logger.warn({ signal }, 'a signal without a meaning to Sluice is ignored'),
    );
  }
}

function cutShortOnTimeout(stopTimeoutMs: number, logger: ProcessLogger): void {
  setTimeout(() => {
    logger.error({ stopTimeoutMs }, 'the stop exceeded its timeout and is cut short');
    end(EXIT_CODES.stopCutShort);
  }, stopTimeoutMs).unref();
}

function end(exitCode: ExitCode): never {
  process.exit(exitCode.code);
}
