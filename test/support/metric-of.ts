/**
 * Returns a number that /metrics of a gateway shows.
 * @param url address of the gateway
 * @param series name of the metric, with its labels if it has some
 */
export async function metricOf(url: string, series: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  if (line === undefined) throw new Error(`/metrics does not show ${series}`);
  return Number(line.slice(series.length + 1));
}
