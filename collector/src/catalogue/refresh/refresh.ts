import { createHash } from 'node:crypto';
import { type FeedFormat, importPrices, type Skipped } from '../import/index.ts';
import type { CardEntry } from '../price-file.ts';
import { FETCH_BOUNDS, type FetchBounds, type Fetched, fetchSource, publicName } from './fetch.ts';
import { GUARD_BOUNDS, type GuardBounds, type GuardCode, objections, someOf } from './guards.ts';
import { type CurrentRates, type FeedLayer, growLayer } from './layer.ts';
import { saidByModel } from './said.ts';
import type { FeedState } from './state.ts';

export interface RefreshRequest {
  /** A path or an http(s) address. */
  readonly source: string;
  readonly format: FeedFormat | 'auto';
  /** Of the last good refresh; null before the first. */
  readonly state: FeedState | null;
  readonly now: Date;
  readonly currentRates: CurrentRates;
  /** Of the pinned list alone; without it, a feed that repeats a mistake of it undoes what our overlay corrects. */
  readonly pinnedRates?: CurrentRates;
  readonly fetchBounds?: FetchBounds;
  readonly guardBounds?: GuardBounds;
  /** Guards that somebody has looked at and lets pass this once. */
  readonly accept?: readonly RejectionReason[];
  readonly fetchSource?: (source: string, bounds: FetchBounds) => Promise<Fetched>;
}

export type RejectionReason =
  | 'too_large'
  | 'not_json'
  | 'wrong_format'
  | 'no_models'
  | 'unlike_catalogue'
  | GuardCode;

/** Nothing of it is believed; the last good state holds on. `detail` is sentences that name the models. */
export interface Rejected {
  readonly kind: 'rejected';
  readonly reason: RejectionReason;
  readonly detail: readonly string[];
}

export type RefreshOutcome =
  | ({ readonly kind: 'refreshed'; readonly state: FeedState; readonly skipped: number } & Omit<
      FeedLayer,
      'cards'
    >)
  /** The feed says what it said, and so does the catalogue; only the time of the fetch is new. */
  | { readonly kind: 'unchanged'; readonly state: FeedState }
  | Rejected
  | { readonly kind: 'unreachable'; readonly detail: string };

/**
 * How a feed is asked: fetch it within bounds, read it, refuse it as a whole when it cannot be right, and let the layer of the feed grow by the differences. Nothing is kept here; whoever calls it
 * saves the state that comes back and puts its cards into the catalogue.
 */
export async function refreshFeed(request: RefreshRequest): Promise<RefreshOutcome> {
  const { state, currentRates } = request;
  const fetched = await (request.fetchSource ?? fetchSource)(
    request.source,
    request.fetchBounds ?? FETCH_BOUNDS,
  );
  if (fetched.kind === 'unreachable') return { kind: 'unreachable', detail: fetched.detail };
  if (fetched.kind === 'too_large') return rejected('too_large', [fetched.detail]);
  if (fetched.kind === 'not_text') return rejected('not_json', [fetched.detail]);

  const source = publicName(request.source);
  // A clock that was set back must not turn cards in force into announcements, nor two cards begin at one instant.
  const lastFetchMillis = state === null ? null : Date.parse(state.fetched_at);
  const nowMillis = Math.max(request.now.getTime(), lastFetchMillis === null ? 0 : lastFetchMillis + 1);
  const fetchedAt = new Date(nowMillis).toISOString();
  const contentHash = createHash('sha256').update(fetched.text).digest('hex');
  const isSameFeed =
    state?.source === source && (request.format === 'auto' || request.format === state.format);
  const isSameText = state !== null && isSameFeed && state.content_hash === contentHash;
  const read: ReadList =
    isSameText && state !== null
      ? { kind: 'read', format: state.format, said: state.said, skipped: [] }
      : readList(fetched.text, request.format);
  if (read.kind === 'rejected') return read;

  const after = saidByModel(read.said);
  const before = isSameFeed && state?.format === read.format ? saidByModel(state.said) : null;
  const accepted = new Set<RejectionReason>(request.accept ?? []);
  const guards = request.guardBounds ?? GUARD_BOUNDS;
  const found = isSameText
    ? []
    : objections(before ?? new Map(), lastFetchMillis ?? 0, after, nowMillis, read.skipped, guards);
  const first = found.find(({ code }) => !accepted.has(code));
  if (first !== undefined) return rejected(first.code, first.detail);

  const { cards, ...changes } = growLayer({
    source,
    currentRates,
    pinnedRates: request.pinnedRates ?? null,
    before,
    after,
    cards: state?.cards ?? [],
    lastFetchMillis,
    nowMillis,
    maxPriceFactor: guards.maxPriceFactor,
  });
  // Some lists are wrong about some models; one that is wrong about many has another unit or currency.
  const isUnlike = changes.disputed.length > changes.shared * guards.maxVanishedShare;
  if (isUnlike && !accepted.has('unlike_catalogue')) {
    const share = `${changes.disputed.length} of the ${changes.shared} models that the catalogue knows too cost`;
    const names = someOf(changes.disputed).join(', ');
    return rejected('unlike_catalogue', [
      `${share} more than ${guards.maxPriceFactor} times as much or as little: ${names}.`,
    ]);
  }
  const next: FeedState = {
    version: 1,
    source,
    format: read.format,
    fetched_at: fetchedAt,
    content_hash: contentHash,
    said: [...read.said],
    cards: [...cards],
  };
  const news = [changes.added, changes.changed, changes.announced, changes.withdrawn];
  if (isSameText && news.every((names) => names.length === 0)) return { kind: 'unchanged', state: next };
  return { kind: 'refreshed', state: next, skipped: read.skipped.length, ...changes };
}

type ReadList =
  | {
      readonly kind: 'read';
      readonly format: FeedFormat;
      readonly said: readonly CardEntry[];
      readonly skipped: readonly Skipped[];
    }
  | Rejected;

function readList(text: string, format: FeedFormat | 'auto'): ReadList {
  const imported = importPrices(text, format);
  if (imported.kind === 'unreadable') return rejected(imported.reason, [imported.detail]);
  const said = imported.file.cards ?? [];
  if (said.length === 0) return rejected('no_models', ['No model in it has a price.']);
  return { kind: 'read', format: imported.format, said, skipped: imported.skipped };
}

function rejected(reason: RejectionReason, detail: readonly string[]): Rejected {
  return { kind: 'rejected', reason, detail };
}
