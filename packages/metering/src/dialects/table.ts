import { agento11y } from './agento11y.ts';
import { aiSdk, aiSdk7 } from './ai-sdk.ts';
import { anthropicSdk } from './anthropic-sdk.ts';
import { awsSdk } from './aws-sdk.ts';
import { claudeCode } from './claude-code.ts';
import type { Dialect } from './dialect.ts';
import { genkit } from './genkit.ts';
import { googleAdk } from './google-adk.ts';
import { langfuse } from './langfuse.ts';
import { langSmith } from './langsmith.ts';
import { liteLlm } from './litellm.ts';
import { logfirePartial, logfirePending } from './logfire.ts';
import { mastra } from './mastra.ts';
import { openInference } from './openinference.ts';
import { openLit } from './openlit.ts';
import { openLlmetry } from './openllmetry.ts';
import { openRouter } from './openrouter.ts';
import { openTelemetry } from './opentelemetry.ts';
import { sentry } from './sentry.ts';
import { spanledger } from './spanledger.ts';
import { springAi } from './spring-ai.ts';
import { strands } from './strands.ts';

/**
 * The first that recognises a span reads it. An explicit kind comes before any name (a renaming processor leaves the
 * kind alone), an emitter with its own meanings before the conventions that it shares with all.
 */
export const DIALECTS: readonly Dialect[] = [
  logfirePending,
  logfirePartial,
  langfuse,
  // Before OpenInference, whose processor adds its kinds to these spans and leaves the SDK's numbers as they are.
  aiSdk,
  openInference,
  claudeCode,
  mastra,
  langSmith,
  sentry,
  openLit,
  anthropicSdk,
  awsSdk,
  strands,
  googleAdk,
  genkit,
  openRouter,
  liteLlm,
  springAi,
  agento11y,
  openLlmetry,
  // After all who know a call by words of their own, before those who go by a provider's name.
  spanledger,
  aiSdk7,
  openTelemetry,
];
