/** How long one point of a panel stands for: Grafana's arithmetic of intervals (`rangeutil`, `gtime`). */

export interface TimeRange {
  readonly from: Date;
  readonly to: Date;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  y: 31_536_000_000,
};

/** Up to which exact interval which round one is taken, milliseconds. */
const ROUND: readonly (readonly [belowMs: number, intervalMs: number])[] = [
  [10, 1],
  [15, 10],
  [35, 20],
  [75, 50],
  [150, 100],
  [350, 200],
  [750, 500],
  [1500, 1000],
  [3500, 2000],
  [7500, 5000],
  [12_500, 10_000],
  [17_500, 15_000],
  [25_000, 20_000],
  [45_000, 30_000],
  [90_000, 60_000],
  [210_000, 120_000],
  [450_000, 300_000],
  [750_000, 600_000],
  [1_050_000, 900_000],
  [1_500_000, 1_200_000],
  [2_700_000, 1_800_000],
  [5_400_000, 3_600_000],
  [9_000_000, 7_200_000],
  [16_200_000, 10_800_000],
  [32_400_000, 21_600_000],
  [86_400_000, 43_200_000],
  [604_800_000, 86_400_000],
  [1_814_400_000, 604_800_000],
  [3_628_800_000, 2_592_000_000],
];

function roundedIntervalMs(exactMs: number): number {
  return ROUND.find(([belowMs]) => exactMs < belowMs)?.[1] ?? 31_536_000_000;
}

/** The interval of a panel that is `maxDataPoints` wide: a round one, and no shorter than the panel's minimum. */
export function panelIntervalMs(range: TimeRange, maxDataPoints: number, minInterval?: string): number {
  const rangeMs = range.to.getTime() - range.from.getTime();
  const lowestMs = minInterval === undefined || minInterval === '' ? 1 : parseIntervalMs(minInterval);
  return Math.max(roundedIntervalMs(rangeMs / maxDataPoints), lowestMs);
}

/**
 * `1h`, `90s`, `1h30m`, `2w`.
 *
 * @throws on anything else. Months are refused: Grafana takes them from the calendar of the day the query runs on.
 */
export function parseIntervalMs(text: string): number {
  // `>1h` is an older way to write a minimum.
  const parts = [
    ...text
      .trim()
      .replace(/^>/, '')
      .matchAll(/(\d+(?:\.\d+)?)(ms|[smhdwy])/gy),
  ];
  const length = parts.reduce((sum, [part]) => sum + part.length, 0);
  if (parts.length === 0 || length !== text.trim().replace(/^>/, '').length)
    throw new Error(`not an interval: '${text}'`);
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (UNIT_MS[unit ?? ''] ?? 0), 0);
}

/** The largest unit that fits, whole, the rest dropped: as `$__interval` is written. */
export function formatInterval(intervalMs: number): string {
  const unit = ['y', 'd', 'h', 'm', 's'].find((name) => intervalMs >= (UNIT_MS[name] ?? 0)) ?? 'ms';
  return `${Math.max(1, Math.floor(intervalMs / (UNIT_MS[unit] ?? 1)))}${unit}`;
}
