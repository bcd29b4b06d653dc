import 'reflect-metadata';
import { readSettings } from './config/read-settings.js';
import { endOnBadSettings, runUntilStopped } from './engine/process-lifecycle.js';

const read = readSettings(process.env);
if (read.ok) {
  await runUntilStopped(read.settings, read.warnings);
} else {
  endOnBadSettings(read.problems, read.warnings);
}
