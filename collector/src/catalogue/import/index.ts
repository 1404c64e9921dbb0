export {
  detectFormat,
  FEED_FORMATS,
  type FeedFormat,
  type Imported,
  type ImportOutcome,
  importPrices,
  UNDATED_FROM,
} from './import.ts';
export type { CardPrice, Skipped } from './listed-model.ts';
export { renderPriceFile } from './render.ts';
