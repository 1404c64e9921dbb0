import { diag } from '@opentelemetry/api';

const said = new Set<string>();
/** Keys are constants of this package, apart from versions of patched packages: this bound is never met in practice. */
const MAX_KEYS = 100;

function firstTime(key: string): boolean {
  if (said.has(key) || said.size >= MAX_KEYS) return false;
  said.add(key);
  return true;
}

/** Tells OpenTelemetry's diagnostic logger, once per key: a hook that fails on every call must not flood a log. */
export function warnOnce(key: string, sentence: string, cause?: unknown): void {
  if (!firstTime(key)) return;
  if (cause === undefined) diag.warn(`spanledger: ${sentence}`);
  else diag.warn(`spanledger: ${sentence}`, cause);
}

/**
 * Tells the person at the terminal, once per key. For the few things that mean "nothing is metered": the diagnostic
 * logger is silent by default, and silence is the worst answer to a missing ledger.
 */
export function warnLoudlyOnce(code: string, sentence: string): void {
  if (firstTime(code)) process.emitWarning(sentence, { type: 'SpanledgerWarning', code });
}
