/** `npm run build`: builds the gateway, also when the build is current; see current-build.cjs. */
import { build } from './current-build.cjs';

process.exitCode = build();
