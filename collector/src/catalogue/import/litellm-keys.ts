import type { TokenClass } from './listed-model.ts';

/**
 * The names of LiteLLM's prices follow a grammar: what is priced, then from how many thousand tokens on, then at which
 * service tier (`cache_read_input_token_cost_above_272k_tokens_priority`).
 */
export interface PriceKey {
  readonly tokenClass: TokenClass;
  /** Null: at any length. */
  readonly aboveTokens: number | null;
  /** Null: the standard tier. */
  readonly serviceTier: string | null;
}

const CLASS_OF_KEY: ReadonlyMap<string, TokenClass> = new Map([
  ['input_cost_per_token', 'input'],
  ['input_cost_per_audio_token', 'input_audio'],
  ['input_cost_per_image_token', 'input_image'],
  ['cache_read_input_token_cost', 'cache_read'],
  ['input_cost_per_token_cache_hit', 'cache_read'],
  ['cache_read_input_audio_token_cost', 'cache_read_audio'],
  ['cache_creation_input_token_cost', 'cache_write_5m'],
  ['cache_creation_input_token_cost_above_1hr', 'cache_write_1h'],
  ['cache_creation_input_token_cost_above_12hr', 'cache_write_12h'],
  ['output_cost_per_token', 'output'],
  ['output_cost_per_reasoning_token', 'reasoning'],
  ['output_cost_per_audio_token', 'output_audio'],
  ['output_cost_per_image_token', 'output_image'],
]);

const KEY = /^(.+?)(?:_above_(\d{1,5})k_tokens)?(?:_(batch_requests|[a-z]+))?$/;

/** The longest of them has half as many; matching a pattern against an endless one would take endless time. */
const MAX_KEY_CHARACTERS = 128;

/** What a key prices, or null when it is not a price of tokens. */
export function readPriceKey(key: string): PriceKey | null {
  // A whole key may itself look like a shorter one with a service tier, so the longest name of a class comes first.
  const whole = CLASS_OF_KEY.get(key);
  if (whole !== undefined) return { tokenClass: whole, aboveTokens: null, serviceTier: null };
  if (key.length > MAX_KEY_CHARACTERS) return null;
  const [, name = '', thousands, suffix] = KEY.exec(key) ?? [];
  const tokenClass = CLASS_OF_KEY.get(name);
  if (tokenClass === undefined) return null;
  return {
    tokenClass,
    aboveTokens: thousands === undefined ? null : Number(thousands) * 1000,
    serviceTier: suffix === undefined ? null : suffix.startsWith('batch') ? 'batch' : suffix,
  };
}

/** Keys that speak of money. Whatever of them is not understood makes the whole entry unusable. */
export function isAboutMoney(key: string): boolean {
  return /cost|price|pricing|uplift|multiplier/.test(key);
}

/** Tokens that no class is for: right only where they cost what the class costs in which they are counted. */
export const COUNTED_AS: ReadonlyMap<string, string> = new Map([
  ['input_cost_per_video_token', 'input_cost_per_token'],
  ['output_cost_per_video_token', 'output_cost_per_token'],
  ['cache_read_input_image_token_cost', 'cache_read_input_token_cost'],
  ['cache_creation_input_audio_token_cost', 'cache_creation_input_token_cost'],
]);

/** A fee beside the tokens that no span counts, or the same price again in the provider's own unit. */
export function isFeeApart(key: string): boolean {
  return /_dbu?_cost_per_token$|^(?:file_search|vector_store|code_interpreter|computer_use|google_maps_grounding|guardrail|annotation)_|^ocr_cost_per_page_batches$/.test(
    key,
  );
}
