/** The units of Grafana that the dashboards use, by what is counted. */
export const UNIT = {
  usd: 'currencyUSD',
  count: 'short',
  tokens: 'short',
  credits: 'short',
  /** 0.25 reads 25 %. */
  share: 'percentunit',
  ms: 'ms',
  seconds: 's',
  /** Grafana's own unit for days turns ten of them into weeks. */
  days: 'suffix: d',
  bytes: 'bytes',
  time: 'dateTimeAsIso',
  tokensPerSecond: 'suffix: tok/s',
  times: 'suffix:×',
  text: 'string',
} as const;
export type Unit = (typeof UNIT)[keyof typeof UNIT];
