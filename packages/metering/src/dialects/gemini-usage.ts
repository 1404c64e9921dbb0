import { at, type Json, scalar } from '../json.ts';
import { count } from '../tokens.ts';
import type { ModalityTokens } from '../usage.ts';

/**
 * The tokens of Gemini's `usageMetadata` by kind of content, in either spelling: `promptTokensDetails` and its likes are
 * lists of `{modality, tokenCount}`. Audio has prices of its own. Null where all of it is text.
 */
export function geminiModalities(usage: Json | undefined): ModalityTokens | null {
  const input = at(usage, 'promptTokensDetails') ?? at(usage, 'prompt_tokens_details');
  const output = at(usage, 'candidatesTokensDetails') ?? at(usage, 'candidates_tokens_details');
  const cached = at(usage, 'cacheTokensDetails') ?? at(usage, 'cache_tokens_details');
  const found = {
    audioInput: tokensOf('AUDIO', input),
    audioOutput: tokensOf('AUDIO', output),
    imageInput: tokensOf('IMAGE', input),
    imageOutput: tokensOf('IMAGE', output),
    cacheReadAudio: tokensOf('AUDIO', cached),
  };
  return Object.values(found).some((tokens) => tokens !== null) ? found : null;
}

function tokensOf(modality: string, details: Json | undefined): number | null {
  if (!Array.isArray(details)) return null;
  for (const detail of details) {
    if (scalar(at(detail, 'modality')) !== modality) continue;
    return count(scalar(at(detail, 'tokenCount') ?? at(detail, 'token_count')));
  }
  return null;
}
