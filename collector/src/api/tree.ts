/** What places a span in the tree of its trace. */
export interface TreeSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly startMicros: number;
}

export interface Placed<Span> {
  readonly span: Span;
  /** Steps below the topmost span that is there. */
  readonly depth: number;
}

/**
 * The spans in the order in which people read a tree: each parent before its children, siblings by their start. The
 * given trace comes first, the others by their first span. A span whose parent is not there stands at the top; of
 * spans that are each other's parents, which is no tree, so does the first.
 */
export function inTreeOrder<Span extends TreeSpan>(
  spans: readonly Span[],
  firstTraceId: string,
): readonly Placed<Span>[] {
  const traces = new Map<string, Span[]>();
  for (const span of [...spans].sort(byStart)) {
    const ofTrace = traces.get(span.traceId);
    if (ofTrace === undefined) traces.set(span.traceId, [span]);
    else ofTrace.push(span);
  }
  const others = [...traces.values()].filter(([first]) => first?.traceId !== firstTraceId);
  return [traces.get(firstTraceId) ?? [], ...others].flatMap(traceInOrder);
}

function byStart(one: TreeSpan, other: TreeSpan): number {
  return one.startMicros - other.startMicros || (one.spanId < other.spanId ? -1 : 1);
}

function traceInOrder<Span extends TreeSpan>(spans: readonly Span[]): readonly Placed<Span>[] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const children = Map.groupBy(spans, ({ parentSpanId }) => parentSpanId);
  const placed = new Map<Span, Placed<Span>>();
  // Not recursive: a trace may be deeper than the stack.
  const place = (top: Span) => {
    const waiting: Placed<Span>[] = [{ span: top, depth: 0 }];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { span, depth } = next;
      if (placed.has(span)) continue;
      placed.set(span, next);
      const below = children.get(span.spanId) ?? [];
      for (const child of below.toReversed()) waiting.push({ span: child, depth: depth + 1 });
    }
  };
  for (const span of spans) {
    if (span.parentSpanId === null || !ids.has(span.parentSpanId)) place(span);
  }
  // What is left are circles and what hangs on them.
  for (const span of spans) if (!placed.has(span)) place(span);
  return [...placed.values()];
}
