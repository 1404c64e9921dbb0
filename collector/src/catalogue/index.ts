export { cardContent, contentKey } from './card-content.ts';
export { catalogueOf, catalogueWith, defaultCatalogue, type PriceCatalogue } from './catalogue.ts';
export { overlay } from './overlay.ts';
export { parsePriceFile } from './parse-price-file.ts';
export type { DatedCard } from './price-book.ts';
export { AliasEntry, CardEntry, CurrencyRate, PriceFile } from './price-file.ts';
export { type PriceLayer, type PriceProblem, readPriceFile } from './read-price-file.ts';
