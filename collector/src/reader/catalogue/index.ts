export {
  CATALOGUE_FUNCTIONS,
  CATALOGUE_SCHEMAS,
  CATALOGUE_TABLE_FUNCTIONS,
  isCatalogueRelation,
} from './allowed.ts';
export { type CatalogueOptions, createCatalogue, searchPath } from './catalogue.ts';
export { resultNames } from './result-names.ts';
export { rewriteForDuckDb } from './rewrite.ts';
export { SERVER_VERSION, SETTINGS, type Setting } from './settings.ts';
export { type Token, tokensOf } from './tokens.ts';
export { type PostgresType, postgresTypeOf } from './types.ts';
