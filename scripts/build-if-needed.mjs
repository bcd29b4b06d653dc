/** Builds the gateway unless the build is current; see current-build.cjs. */
import { buildIfNeeded } from './current-build.cjs';

process.exitCode = buildIfNeeded();
