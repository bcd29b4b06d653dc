/**
 * Curves as a picture: one SVG file, which browsers and code hosts show in light and dark. The y
 * axis is logarithmic, because times and rates differ by powers of ten.
 */

/** A line of the picture. */
export interface Series {
  readonly name: string;
  /** Points from left to right; y is above 0. */
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface Plot {
  readonly title: string;
  /** Quantity of the x axis, with its unit. */
  readonly xLabel: string;
  /** Quantity of the y axis, with its unit. */
  readonly yLabel: string;
  readonly series: readonly Series[];
}

const WIDTH = 720;
const HEIGHT = 416;
const MARGIN = { left: 76, right: 36, top: 92, bottom: 56 };
const INNER_WIDTH = WIDTH - MARGIN.left - MARGIN.right;
const INNER_HEIGHT = HEIGHT - MARGIN.top - MARGIN.bottom;
/** Number of labels of the x axis, at most. */
const X_TICKS_MAX = 8;
/** Labels of the y axis within a power of ten. */
const Y_STEPS = [1, 2, 5];
const LEGEND_ENTRY_WIDTH = 160;
/** One color a series, told apart also by the color-blind; dashes tell the second half apart. */
const COLORS = ['#0072b2', '#d55e00', '#0072b2', '#d55e00'];
const DASHES = ['', '', '6 4', '6 4'];

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2933; }
  .title { font-size: 16px; font-weight: 600; }
  .grid { stroke: #d5dbe1; }
  .line { fill: none; stroke-width: 2; }
  .paper { fill: #ffffff; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e9ee; }
    .grid { stroke: #3a444e; }
    .paper { fill: #14191f; }
  }`;

/**
 * @returns the text of an SVG file
 * @throws RangeError if there is no point, or a y that is not above 0
 */
export function svgOf(plot: Plot): string {
  const points = plot.series.flatMap((series) => series.points);
  if (points.length === 0 || points.some(({ y }) => !(y > 0))) {
    throw new RangeError('a plot needs points, each with a y above 0');
  }
  const xTicks = ticksUpTo(Math.max(...points.map(({ x }) => x)));
  const yTicks = logTicks(points.map(({ y }) => y));
  const scale = scaleOf(xTicks, yTicks);
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img">`,
    `<title>${escaped(plot.title)}</title>`,
    `<style>${STYLE}\n</style>`,
    `<rect class="paper" width="${WIDTH}" height="${HEIGHT}" rx="8"/>`,
    text(MARGIN.left, 28, plot.title, 'class="title"'),
    ...xTicks.map((tick) => xTickOf(tick, scale)),
    ...yTicks.map((tick) => yTickOf(tick, scale)),
    text(MARGIN.left + INNER_WIDTH / 2, HEIGHT - 14, plot.xLabel, 'text-anchor="middle"'),
    text(20, MARGIN.top - 12, plot.yLabel, ''),
    ...plot.series.flatMap((series, index) => seriesOf(series, index, scale)),
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}

/** Places on the picture for values. */
interface Scale {
  x(value: number): number;
  y(value: number): number;
}

function scaleOf(xTicks: readonly number[], yTicks: readonly number[]): Scale {
  const xMax = xTicks.at(-1) ?? 1;
  const low = Math.log10(yTicks[0] ?? 1);
  const high = Math.log10(yTicks.at(-1) ?? 10);
  return {
    x: (value) => round(MARGIN.left + (value / xMax) * INNER_WIDTH),
    y: (value) => round(MARGIN.top + INNER_HEIGHT * (1 - (Math.log10(value) - low) / (high - low))),
  };
}

/** Round numbers from 0 up to the first one that is not below the greatest value. */
function ticksUpTo(max: number): number[] {
  const rough = Math.max(max, Number.MIN_VALUE) / X_TICKS_MAX;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil(max / step) + 1 }, (_, index) => index * step);
}

/** 1, 2 and 5 times powers of ten that enclose all values; two at least. */
function logTicks(values: readonly number[]): number[] {
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const first = Math.floor(Math.log10(min));
  const last = Math.ceil(Math.log10(max)) + 1;
  const all = Array.from({ length: last - first + 1 }, (_, index) =>
    Y_STEPS.map((step) => Number((step * 10 ** (first + index)).toPrecision(1))),
  ).flat();
  const from = all.findLastIndex((tick) => tick <= min);
  const to = all.findIndex((tick) => tick >= max && tick > (all[from] ?? 0));
  return all.slice(from, to + 1);
}

function xTickOf(tick: number, scale: Scale): string {
  const x = scale.x(tick);
  const label = text(x, HEIGHT - MARGIN.bottom + 20, figure(tick), 'text-anchor="middle"');
  return `<path class="grid" d="M${x} ${MARGIN.top}v${INNER_HEIGHT}"/>${label}`;
}

function yTickOf(tick: number, scale: Scale): string {
  const y = scale.y(tick);
  const label = text(MARGIN.left - 10, y + 4, figure(tick), 'text-anchor="end"');
  return `<path class="grid" d="M${MARGIN.left} ${y}h${INNER_WIDTH}"/>${label}`;
}

function seriesOf({ name, points }: Series, index: number, scale: Scale): string[] {
  const color = COLORS[index % COLORS.length] ?? '';
  const dash = DASHES[index % DASHES.length] ?? '';
  const stroke = `stroke="${color}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}`;
  const places = points.map(({ x, y }) => [scale.x(x), scale.y(y)] as const);
  const legendX = MARGIN.left + index * LEGEND_ENTRY_WIDTH;
  return [
    `<path class="line" ${stroke} d="M${places.map((place) => place.join(' ')).join('L')}"/>`,
    ...places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3.5" fill="${color}"/>`),
    `<path class="line" ${stroke} d="M${legendX} 46h24"/>`,
    text(legendX + 30, 50, name, ''),
  ];
}

function text(x: number, y: number, content: string, attributes: string): string {
  return `<text x="${x}" y="${y}"${attributes === '' ? '' : ` ${attributes}`}>${escaped(content)}</text>`;
}

function figure(value: number): string {
  return value.toLocaleString('en-US');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
