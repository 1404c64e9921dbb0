/** What a body carries and a path takes. Metrics are not here: no usage is billed from sums over many calls. */
export type Signal = 'traces' | 'logs';
