export { currentRatesOf } from './current-rates.ts';
export { FETCH_BOUNDS, type FetchBounds, type Fetched } from './fetch.ts';
export { GUARD_BOUNDS, type GuardBounds } from './guards.ts';
export type { CurrentRates } from './layer.ts';
export { type RefreshOutcome, type RefreshRequest, type RejectionReason, refreshFeed } from './refresh.ts';
export { catalogueAgeDays, type FeedState } from './state.ts';
export { type FeedStateFile, feedStateFile, type StateFiles } from './state-file.ts';
