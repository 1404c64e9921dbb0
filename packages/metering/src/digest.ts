import { Hash53 } from './hash.ts';
import type { AttributionSource, UsageRecord } from './usage.ts';

/**
 * A number that stands for what a usage record says of its span and what may change with its trace, so that a decision
 * can be compared with an earlier one that is no longer in memory: equal records have equal digests, and others
 * practically never. What the span alone says for ever (its parent, service, dialect, …) need not be in it; its times
 * are, because a fuller copy may take the place of a span.
 */
export function digest(usage: UsageRecord): number {
  const hash = new Hash53()
    .text(usage.billingRole)
    .text(usage.roleReason)
    .text(usage.supersededBy)
    .number(usage.eventTimeMicros)
    .number(usage.durationMicros)
    .number(usage.timeToFirstTokenMicros)
    .text(usage.actionId === usage.traceId ? null : usage.actionId)
    .text(usage.customer)
    .text(usage.feature)
    .text(usage.userId)
    .text(usage.sessionId)
    .text(usage.usageClass)
    .text(usage.provider)
    .text(usage.gateway)
    .text(usage.requestModel)
    .text(usage.responseModel)
    .text(usage.responseId)
    .text(usage.requestId)
    .text(usage.reportedCostUsd)
    .text(usage.usageStatus)
    .text(usage.usageReason)
    .text(usage.cacheSemantics)
    .text(usage.reasoningSemantics)
    .text(usage.status);
  const { tokens, modalities, sources } = usage;
  if (tokens !== null) {
    hash
      .number(tokens.uncachedInput)
      .number(tokens.cacheRead)
      .number(tokens.cacheWrite)
      .number(tokens.visibleOutput)
      .number(tokens.reasoning);
  }
  hash.number(usage.cacheWrite5m).number(usage.cacheWrite1h);
  if (modalities !== null) {
    hash
      .number(modalities.audioInput)
      .number(modalities.audioOutput)
      .number(modalities.imageInput)
      .number(modalities.imageOutput);
  }
  addSource(hash, sources.customer);
  addSource(hash, sources.feature);
  addSource(hash, sources.userId);
  addSource(hash, sources.sessionId);
  addSource(hash, sources.usageClass);
  addSaid(hash, usage);
  return hash.finish();
}

/**
 * What came with prices: only what is said, so that a record without any of it has the digest that it had before, and
 * what was decided then is no correction now.
 */
function addSaid(hash: Hash53, usage: UsageRecord): void {
  const { serviceTier, region, inferenceGeo, cacheWrite12h, units, importBatch } = usage;
  if (serviceTier !== null) hash.text('service tier').text(serviceTier);
  if (region !== null) hash.text('region').text(region);
  if (inferenceGeo !== null) hash.text('inference geo').text(inferenceGeo);
  if (cacheWrite12h !== null) hash.text('cache write 12h').number(cacheWrite12h);
  const cacheReadAudio = usage.modalities?.cacheReadAudio ?? null;
  if (cacheReadAudio !== null) hash.text('cache read audio').number(cacheReadAudio);
  if (importBatch !== null) hash.text('import batch').text(importBatch);
  if (usage.isCostOnly) hash.text('cost only');
  if (usage.isDegraded) hash.text('degraded');
  if (usage.outcome !== usage.status) hash.text('outcome').text(usage.outcome);
  if (units === null) return;
  hash
    .text('units')
    .number(units.requests)
    .number(units.webSearches)
    .number(units.images)
    .number(units.milliseconds)
    .number(units.pages);
  if (units.custom !== null) hash.text(units.custom.unit).number(units.custom.thousandths);
}

function addSource(hash: Hash53, source: AttributionSource | null): void {
  hash.text(source?.level ?? null).text(source?.key ?? null);
}
