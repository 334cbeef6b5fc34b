import type { WorkResult } from '../measure.ts';
import { findCase, paired, rateRatio } from './figures.ts';

const width = 760;
const labelWidth = 300;
const barHeight = 20;
const rowHeight = 30;
const top = 64;
const valueWidth = 60;

interface Bar {
  readonly label: string;
  readonly ratio: number;
  readonly isFacade: boolean;
}

function barsOf(result: WorkResult): readonly Bar[] {
  const base = findCase(result, result.work.base);
  const bars = result.cases.flatMap(({ name, target }) => {
    const found = findCase(result, name);
    if (!found || !base) return [];
    return [
      { label: name, ratio: paired(found, base, rateRatio).median, isFacade: target?.startsWith('facade') ?? false },
    ];
  });
  return bars.toSorted((a, b) => b.ratio - a.ratio);
}

function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Its own background, so that it is readable on any page, and the colours of the reader's scheme. */
const style = `
  .ground { fill: #ffffff; } text { fill: #1f2328; font: 13px system-ui, sans-serif; }
  .title { font-size: 15px; font-weight: 600; } .small { fill: #59636e; font-size: 12px; }
  .bar { fill: #8c959f; } .facade { fill: #0969da; } .base { stroke: #59636e; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; } text { fill: #e6edf3; } .small { fill: #9198a1; }
    .bar { fill: #6e7681; } .facade { fill: #4493f8; } .base { stroke: #9198a1; }
  }`;

/** A work's ratios as horizontal bars, the longest first; the dashed line is the base. */
export function drawChart(result: WorkResult): string {
  const bars = barsOf(result);
  const height = top + bars.length * rowHeight + 12;
  const longest = Math.max(1, ...bars.map(({ ratio }) => ratio));
  const lengthOf = (ratio: number) => Math.round((ratio / longest) * (width - labelWidth - valueWidth));
  const rows = bars.map(({ label, ratio, isFacade }, index) => {
    const y = top + index * rowHeight;
    const middle = y + barHeight / 2 + 4;
    return [
      `<text x="${labelWidth - 10}" y="${middle}" text-anchor="end">${escapeMarkup(label)}</text>`,
      `<rect class="${isFacade ? 'facade' : 'bar'}" x="${labelWidth}" y="${y}" width="${lengthOf(ratio)}" height="${barHeight}" rx="3"/>`,
      `<text x="${labelWidth + lengthOf(ratio) + 6}" y="${middle}">${ratio.toFixed(2)}</text>`,
    ].join('\n  ');
  });
  const baseX = labelWidth + lengthOf(1);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title">
  <title id="title">${escapeMarkup(result.work.title)}: requests per second, relative to the raw POST proxy</title>
  <style>${style}
  </style>
  <rect class="ground" width="${width}" height="${height}" rx="8"/>
  <text class="title" x="16" y="26">${escapeMarkup(result.work.title)}</text>
  <text class="small" x="16" y="46">Requests per second on one core, relative to the ${escapeMarkup(result.work.base)}; longer is better</text>
  ${rows.join('\n  ')}
  <line class="base" x1="${baseX}" x2="${baseX}" y1="${top - 6}" y2="${height - 10}"/>
</svg>
`;
}
