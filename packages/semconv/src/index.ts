/**
 * Attribute names shared by the instrumentation (writer) and the collector (reader).
 *
 * `gen_ai.*` names follow the OpenTelemetry GenAI semantic conventions (status: Development), `user.id` and
 * `session.id` the general ones. Names under `spanledger.*` are ours: the conventions have no word for who pays
 * and what for.
 */

/** The customer of the app's owner: who is billed. Text. */
export const SPANLEDGER_CUSTOMER_ID = 'spanledger.customer.id';
/** The sellable capability that made the call, for instance `support-chat`. Text. */
export const SPANLEDGER_FEATURE_NAME = 'spanledger.feature.name';
/** One use of a feature; all its calls are charged together. Text; the trace id stands in when absent. */
export const SPANLEDGER_ACTION_ID = 'spanledger.action.id';
/**
 * `true`: the app took the smaller form of the feature, as a check had answered `degrade`. Boolean. On one span of the
 * action or more; the whole action is then charged by what the feature's credit rule says of that form, if anything.
 */
export const SPANLEDGER_ACTION_DEGRADED = 'spanledger.action.degraded';
/** `customer`, `trial`, `internal`, `test`, `demo` or `admin`. */
export const SPANLEDGER_USAGE_CLASS = 'spanledger.usage.class';
/** Where the token counts come from: `provider`, `estimated` or `missing`. */
export const SPANLEDGER_USAGE_SOURCE = 'spanledger.usage.source';
/** How the call ended for metering: `complete`, `aborted` or `error`. */
export const SPANLEDGER_USAGE_STATE = 'spanledger.usage.state';

/**
 * What is charged for where that is not tokens: `request` (or `api_call`), `web_search`, `image`, `page`, `second`,
 * `minute` or `hour` (of audio or video), or a unit of the app's own (`document`: lower case, at most 64 characters). For
 * apps that report a unit themselves, on the span of a call or on any other; `spanledger.usage.quantity` says how many.
 */
export const SPANLEDGER_USAGE_UNIT = 'spanledger.usage.unit';
/**
 * How many of `spanledger.usage.unit`: a number, or a decimal as text. Time may have a fraction, a unit of the app's own
 * up to three decimal places; the others are counted whole.
 */
export const SPANLEDGER_USAGE_QUANTITY = 'spanledger.usage.quantity';

/** The batch of an import of past usage that a span came with: text, one for all its spans. On spans or resources. */
export const SPANLEDGER_IMPORT_BATCH = 'spanledger.import.batch';
/** What imported usage does: `charge` (as if it had come when it happened) or `cost_only` (cost, but no credits). */
export const SPANLEDGER_IMPORT_MODE = 'spanledger.import.mode';

export const USER_ID = 'user.id';
export const SESSION_ID = 'session.id';
export const ERROR_TYPE = 'error.type';

export const GEN_AI_OPERATION_NAME = 'gen_ai.operation.name';
export const GEN_AI_PROVIDER_NAME = 'gen_ai.provider.name';
/** Deprecated predecessor of `gen_ai.provider.name`; still sent by many emitters. */
export const GEN_AI_SYSTEM = 'gen_ai.system';
export const GEN_AI_REQUEST_MODEL = 'gen_ai.request.model';
export const GEN_AI_RESPONSE_MODEL = 'gen_ai.response.model';
export const GEN_AI_RESPONSE_ID = 'gen_ai.response.id';
export const GEN_AI_RESPONSE_FINISH_REASONS = 'gen_ai.response.finish_reasons';
export const GEN_AI_REQUEST_STREAM = 'gen_ai.request.stream';
export const GEN_AI_CONVERSATION_ID = 'gen_ai.conversation.id';
/** Seconds, double. */
export const GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK = 'gen_ai.response.time_to_first_chunk';

/** All input tokens, cached ones included. */
export const GEN_AI_USAGE_INPUT_TOKENS = 'gen_ai.usage.input_tokens';
/** All output tokens, reasoning included. */
export const GEN_AI_USAGE_OUTPUT_TOKENS = 'gen_ai.usage.output_tokens';
/** Deprecated predecessors of the two above. */
export const GEN_AI_USAGE_PROMPT_TOKENS = 'gen_ai.usage.prompt_tokens';
export const GEN_AI_USAGE_COMPLETION_TOKENS = 'gen_ai.usage.completion_tokens';
/** Part of the input tokens that the provider served from its cache. */
export const GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS = 'gen_ai.usage.cache_read.input_tokens';
/** Part of the input tokens that the provider wrote to its cache. */
export const GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS = 'gen_ai.usage.cache_write.input_tokens';
/** Older name of the cache write attribute. */
export const GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS = 'gen_ai.usage.cache_creation.input_tokens';
/** Part of the output tokens that were reasoning. */
export const GEN_AI_USAGE_REASONING_OUTPUT_TOKENS = 'gen_ai.usage.reasoning.output_tokens';
export const GEN_AI_USAGE_REASONING_TOKENS = 'gen_ai.usage.reasoning_tokens';

/** Which tier was asked for: often `auto`. */
export const OPENAI_REQUEST_SERVICE_TIER = 'openai.request.service_tier';
/** Which tier served the call: the one that is charged. */
export const OPENAI_RESPONSE_SERVICE_TIER = 'openai.response.service_tier';
export const SERVER_ADDRESS = 'server.address';
export const SERVER_PORT = 'server.port';

/** Resource attributes. */
export const SERVICE_NAME = 'service.name';
export const DEPLOYMENT_ENVIRONMENT_NAME = 'deployment.environment.name';
/** Older name of the environment attribute. */
export const DEPLOYMENT_ENVIRONMENT = 'deployment.environment';
