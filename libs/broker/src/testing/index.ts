/** Parts that other libraries' tests take to run a broker. */
export { TEST_BROKER_SETTINGS } from './test-broker-settings.js';
