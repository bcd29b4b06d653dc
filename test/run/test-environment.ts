type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that change colours, languages, time zones, directories or options of programs. */
const CHANGES_PROGRAMS =
  /^(CI|GITHUB_ACTIONS|GITLAB_CI|GITEA_ACTIONS|BUILDKITE|CIRCLECI|TRAVIS|APPVEYOR|DRONE|TEAMCITY_VERSION|TF_BUILD|NO_COLOR|FORCE_COLOR|CLICOLOR|CLICOLOR_FORCE|NODE_DISABLE_COLORS|COLORTERM|TERM|TERM_PROGRAM|TMUX|COLUMNS|LINES|TZ|LANG|LANGUAGE|LC_[A-Z]+|XDG_[A-Z]+_(HOME|DIRS)|NODE_OPTIONS|UV_THREADPOOL_SIZE|BASH_ENV|CURL_HOME)$/i;

const OF_SLUICE = /^SLUICE_/i;

/** Variables of the tests and of the benchmarks; every other one is a setting of the programs. */
const OF_TESTS =
  /^SLUICE_(BENCH_DIR|CONFORMANCE_URL|MODEL|MUTATION_SEEDS|PRINT_SLICES|(CLUSTER_(ROUNDS|SEED))|(FUZZ|HISTORIES|KILLS|POWER|SIMULATION|STRESS|TEST)(_[A-Z]+)?)$/;

const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];

/**
 * Returns the environment for the tests and the programs that they start, so that the same tests
 * pass in every shell and in every CI: it lacks what would change what programs print or do, and
 * the settings of a gateway or a command line that somebody uses. `SLUICE_TEST_INSTALLS` is true in
 * a CI, in which tests may install programs. Proxies of the machine are not used on loopback.
 */
export function testEnvironment(inherited: Environment): Record<string, string> {
  const kept = Object.entries(inherited).filter(
    ([name]) => !CHANGES_PROGRAMS.test(name) && (!OF_SLUICE.test(name) || OF_TESTS.test(name)),
  );
  const given = [inherited['no_proxy'], inherited['NO_PROXY']].join().split(',');
  const noProxy = [...new Set([...given, ...LOOPBACK])].filter((host) => host !== '').join();
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    ...(inherited['CI'] === 'true' ? { SLUICE_TEST_INSTALLS: 'true' } : {}),
    no_proxy: noProxy,
    NO_PROXY: noProxy,
  };
}

/** Gives this process, and those that it starts from now on, the environment for tests. */
export function useTestEnvironment(): void {
  const wanted = testEnvironment(process.env);
  for (const name of Object.keys(process.env)) if (!(name in wanted)) delete process.env[name];
  Object.assign(process.env, wanted);
}
