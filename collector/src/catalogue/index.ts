export { catalogueOf, defaultCatalogue, type PriceCatalogue } from './catalogue.ts';
export type { DatedCard } from './price-list.ts';
