import { label } from '../label.ts';
import { reportsCacheBeside } from '../provider.ts';
import type { Span } from '../span.ts';
import { container, type Dialect, other, type Part, tool } from './dialect.ts';
import { guessOfImage, guessOfText } from './guess.ts';
import { isBefore } from './version.ts';

const KIND = 'traceloop.span.kind';
const MARKS = [KIND, 'traceloop.workflow.name', 'traceloop.entity.name', 'traceloop.entity.path'];
const REQUEST_TYPE = 'llm.request.type';
const OPERATION = 'gen_ai.operation.name';
const SCOPE = /^@traceloop\/|^opentelemetry\.instrumentation\.(?!.*_v2)/;
const WORDS_OF_MODELS = [OPERATION, REQUEST_TYPE, 'gen_ai.system', 'gen_ai.provider.name', KIND];

/** The last version of the JavaScript instrumentations that was seen to pass Anthropic's input on without its cache. */
const JS_CACHE_INSIDE_SINCE = '0.28.0';

/**
 * OpenLLMetry (Traceloop). Its own kinds mark work around calls; the calls are conventional spans. Where a "task" also
 * has an operation (its LlamaIndex instrumentation labels every span so), the operation decides.
 */
export const openLlmetry: Dialect = {
  name: 'openllmetry',
  attributes: [...MARKS, REQUEST_TYPE, OPERATION],
  clues: [KIND],
  cluesInScope: { scope: SCOPE, clues: WORDS_OF_MODELS },
  recognise: ({ attributes, scopeName }) => {
    if (SCOPE.test(scopeName)) {
      const speaksOfModels = WORDS_OF_MODELS.some((key) => attributes.get(key) !== undefined);
      return speaksOfModels ? `scope ${scopeName}` : null;
    }
    return (
      MARKS.find((key) => label(attributes.get(key)) !== null && attributes.get(KIND) !== undefined) ?? null
    );
  },
  part: partOf,
  placements: ({ scopeName, scopeVersion }, { provider, model }) => {
    const isJs = scopeName.startsWith('@traceloop/');
    if (isJs && isBefore(scopeVersion, JS_CACHE_INSIDE_SINCE) && reportsCacheBeside(provider, model)) {
      return { cached: 'beside', reasoning: null };
    }
    if (/bedrock/.test(scopeName) && !isJs) return { cached: 'beside', reasoning: null };
    const isGoogle = provider === 'gcp.gemini' || provider === 'gcp.vertex_ai';
    return { cached: null, reasoning: isGoogle ? 'beside' : null };
  },
  guess: (span, called, counts) => guessOfText(span, called, counts) ?? guessOfImage(called.operation),
};

function partOf({ attributes, scopeName }: Span): Part | null {
  const kind = label(attributes.get(KIND));
  const hasOperation = label(attributes.get(OPERATION)) !== null;
  switch (kind) {
    case 'agent':
      // CrewAI's agents carry a summary over all their calls so far.
      return container('agent', 'an agent holds others', /crewai/.test(scopeName));
    case 'session':
    case 'handoff':
      return container('step', `a ${kind} holds others`);
    case 'workflow':
    case 'task':
      return hasOperation ? null : container(kind === 'task' ? 'step' : 'workflow', `a ${kind} holds others`);
    case 'tool':
      return tool('a tool bills no tokens');
    case 'server':
      return other('other', 'a server bills no tokens');
    default:
      return null;
  }
}
