/**
 * Loads the modules that a client loads when it needs them. The test files of a worker share its
 * modules: a load that is under way at the end of one file would fail for all files after it.
 */
import '../admin/call-operation.js';
import '../consumer/record-runner.js';
import '../http-transports.js';
import '../producer/open-pipeline.js';
import '../queue/open-queue-worker.js';
import '../socket-transports.js';
