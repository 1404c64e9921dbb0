import { catalogueWith, type PriceCatalogue } from './catalogue.ts';
import type { FeedFormat } from './import/index.ts';
import { overlay } from './overlay.ts';
import { type PriceLayer, readPriceFile } from './read-price-file.ts';
import {
  catalogueAgeDays,
  currentRatesOf,
  type FeedState,
  type FeedStateFile,
  type RefreshOutcome,
  type RefreshRequest,
  refreshFeed,
} from './refresh/index.ts';

export interface FeedSettings {
  /** A path or an http(s) address. */
  readonly source: string;
  readonly format: FeedFormat | 'auto';
  readonly everyHours: number;
}

export interface PriceFeedParts {
  /** Null: the book grows only with releases, as where there is no network. */
  readonly settings: FeedSettings | null;
  /** Of the configuration, above the feed. */
  readonly overrides: PriceLayer;
  readonly similarModels: 'unpriced' | 'estimate';
  readonly stateFile: FeedStateFile;
  readonly now: () => Date;
  /** Called when the feed has changed the book. */
  readonly onCatalogue: (catalogue: PriceCatalogue) => Promise<void>;
  readonly onOutcome: (outcome: FeedOutcome) => void;
  readonly fetchSource?: NonNullable<RefreshRequest['fetchSource']>;
}

/** What came of asking the feed, or of reading what was kept of it. */
export type FeedOutcome =
  | RefreshOutcome
  | { readonly kind: 'state_damaged' | 'failed'; readonly detail: string; readonly cause?: unknown };

const HOUR_MS = 3_600_000;

/**
 * The price book and the feed that may refresh it: what was believed last holds on until something better comes. The
 * layers, from the weakest: pinned list, our overlay, the feed, the user's own prices.
 */
export class PriceFeed {
  #parts: PriceFeedParts;
  #state: FeedState | null = null;
  #timer: NodeJS.Timeout | null = null;
  #refreshing: Promise<void> | null = null;
  #applying: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(parts: PriceFeedParts) {
    this.#parts = parts;
  }

  /** The book as it was when the process ended. A damaged state costs the feed's own prices, and is said. */
  async load(): Promise<PriceCatalogue> {
    const { settings, stateFile, onOutcome } = this.#parts;
    if (settings === null) return this.#catalogue();
    const loaded = await stateFile.load();
    if (loaded.kind === 'state') this.#state = loaded.state;
    if (loaded.kind === 'damaged') onOutcome({ kind: 'state_damaged', detail: loaded.detail });
    return this.#catalogue();
  }

  /** Asks the feed whenever it is due, from now on. */
  start(): void {
    const { settings, now } = this.#parts;
    if (settings === null) return;
    const lastMillis = this.#state === null ? 0 : Date.parse(this.#state.fetched_at);
    const dueInMillis = lastMillis + settings.everyHours * HOUR_MS - now().getTime();
    this.#wait(Math.max(0, dueInMillis), settings.everyHours * HOUR_MS);
  }

  /** A feed that did not answer is asked again no sooner than one that did. */
  #wait(millis: number, everyMillis: number): void {
    this.#timer = setTimeout(() => {
      void this.refresh().then(() => {
        if (this.#timer !== null) this.#wait(everyMillis, everyMillis);
      });
    }, millis);
    this.#timer.unref();
  }

  /** Nobody waits for a slow feed; only a book that is being taken over is finished. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#applying;
  }

  /** Asks the feed once. Never rejects: whatever goes wrong, the book stays as it is. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** Days since the feed last gave a good answer; without a feed, since the newest price of our overlay was read. */
  ageDays(): number {
    const { settings, now } = this.#parts;
    const age = settings === null ? null : catalogueAgeDays(this.#state, now());
    return age ?? overlayAgeDays(now());
  }

  /** From now on other prices of the user hold, over the same feed. */
  useOverrides(overrides: PriceLayer, similarModels: PriceFeedParts['similarModels']): PriceCatalogue {
    this.#parts = { ...this.#parts, overrides, similarModels };
    return this.#catalogue();
  }

  /** The book of today with one more layer on top, for trying prices out. */
  catalogueWith(layer: PriceLayer): PriceCatalogue {
    return catalogueWith([...this.#layers(), layer], this.#parts.similarModels);
  }

  async #refresh(): Promise<void> {
    const { settings, stateFile, now, onCatalogue, onOutcome, fetchSource } = this.#parts;
    if (settings === null) return;
    try {
      const outcome = await refreshFeed({
        source: settings.source,
        format: settings.format,
        state: this.#state,
        now: now(),
        currentRates: currentRatesOf(catalogueWith([overlay()])),
        pinnedRates: currentRatesOf(catalogueWith([])),
        ...(fetchSource === undefined ? {} : { fetchSource }),
      });
      if (this.#isStopped) return;
      if (outcome.kind === 'refreshed' || outcome.kind === 'unchanged') {
        await stateFile.save(outcome.state);
        this.#state = outcome.state;
      }
      if (outcome.kind === 'refreshed' && !this.#isStopped) {
        const applying = onCatalogue(this.#catalogue());
        this.#applying = applying.catch(() => {});
        await applying;
      }
      onOutcome(outcome);
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      onOutcome({ kind: 'failed', detail, cause });
    }
  }

  #catalogue(): PriceCatalogue {
    return catalogueWith(this.#layers(), this.#parts.similarModels);
  }

  #layers(): readonly PriceLayer[] {
    const { overrides, onOutcome } = this.#parts;
    const layers = [overlay()];
    if (this.#state !== null) {
      const read = readPriceFile({ cards: this.#state.cards }, 'feed');
      if (read.kind === 'layer') layers.push(read.layer);
      else {
        const [first] = read.problems;
        onOutcome({ kind: 'state_damaged', detail: `${first?.path}: ${first?.expected}` });
      }
    }
    return [...layers, overrides];
  }
}

const DAY_MS = 24 * HOUR_MS;

function overlayAgeDays(now: Date): number {
  const newest = overlay().cards.reduce((latest, { source }) => {
    const read = source === null ? 0 : Date.parse(source.read);
    return Math.max(latest, read);
  }, 0);
  return Math.max(0, Math.floor((now.getTime() - newest) / DAY_MS));
}
