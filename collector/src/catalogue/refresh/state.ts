import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { FEED_FORMATS } from '../import/index.ts';
import { CardEntry } from '../price-file.ts';

/**
 * What is known of the feed between two refreshes. `said` is what it last said, `cards` is the layer of the catalogue
 * that came of it: only differences, only appended to, but for announcements that have not come into force.
 */
export const FeedState = Type.Object(
  {
    version: Type.Literal(1),
    source: Type.String({ minLength: 1 }),
    format: Type.Enum([...FEED_FORMATS]),
    fetched_at: Type.String({ description: 'When the last good answer came (RFC 3339, UTC).' }),
    content_hash: Type.String({ description: 'SHA-256 of that answer.' }),
    said: Type.Array(CardEntry),
    cards: Type.Array(CardEntry),
  },
  { additionalProperties: false },
);
export type FeedState = Static<typeof FeedState>;

export type ReadFeedState =
  | { readonly kind: 'state'; readonly state: FeedState }
  | { readonly kind: 'damaged'; readonly detail: string };

/** The text of a state; `readFeedState` gives it back. */
export function writeFeedState(state: FeedState): string {
  return `${JSON.stringify(state)}\n`;
}

export function readFeedState(text: string): ReadFeedState {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { kind: 'damaged', detail: error.message };
  }
  if (!Value.Check(FeedState, value)) {
    const [first] = Value.Errors(FeedState, value);
    return {
      kind: 'damaged',
      detail: `${first?.instancePath ?? ''} ${first?.message ?? 'has another shape'}`,
    };
  }
  if (Number.isNaN(Date.parse(value.fetched_at))) {
    return { kind: 'damaged', detail: '/fetched_at is no instant' };
  }
  return { kind: 'state', state: value };
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Whole days since the feed last gave a good answer; null before the first. */
export function catalogueAgeDays(state: FeedState | null, now: Date): number | null {
  if (state === null) return null;
  return Math.max(0, Math.floor((now.getTime() - Date.parse(state.fetched_at)) / DAY_MS));
}
