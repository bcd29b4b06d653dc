/** The code and outcome of a send that fails, or `written`. */
export function outcomeOf(sent: Promise<unknown>): Promise<string> {
  return sent.then(
    () => 'written',
    (error: { code: string; outcome: string }) => `${error.code} ${error.outcome}`,
  );
}
