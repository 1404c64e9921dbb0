import {
  canonicalProvider,
  divideHalfEven,
  type Factors,
  instantMicros,
  isCustomUnit,
  NO_FACTORS,
  PRICE_CLASSES,
  PRICED_UNITS,
  type PriceClass,
  parseDecimal,
  RATE_SCALE,
  type Rates,
  type RateTable,
  type RateTier,
  type Ratio,
  type ServiceTier,
  type UnitPrices,
  USD_SCALE,
} from '@spanledger/metering';
import type { AliasEntry, CardEntry, PriceFile } from './price-file.ts';
import { providersOfList } from './providers.ts';
import { type Hours, type Interval, isWithin, WEEKDAYS } from './timeline.ts';

/** One layer of prices: what a price file says, read exactly. */
export interface PriceLayer {
  readonly kind: LayerKind;
  readonly cards: readonly LayerCard[];
  readonly aliases: readonly LayerAlias[];
  readonly currencies: readonly CurrencyPeriod[];
}

/** A time in which a currency has one fixed rate, for prices in it and for reports in it (convention C23). */
export interface CurrencyPeriod extends Interval {
  readonly currency: string;
  /** 10⁻⁹ units of the currency for one dollar. */
  readonly perUsd: bigint;
}

/** From the weakest to the strongest; the pinned list is below all of them. */
export type LayerKind = 'overlay' | 'feed' | 'override';

export interface LayerCard extends Interval {
  readonly id: string;
  /** When the card begins, also for the part of it in a later period of its currency. */
  readonly startMicros: number;
  /** Whose usage only; null for everybody's. A contract. */
  readonly scope: Scope | null;
  readonly provider: string;
  readonly model: string;
  readonly extendsList: boolean;
  readonly discount: Ratio | null;
  readonly rates: Rates;
  /** Null: as in the list. */
  readonly tiers: readonly RateTier[] | null;
  readonly serviceTiers: ReadonlyMap<string, ServiceTier>;
  readonly regions: Factors;
  readonly inferenceGeos: Factors;
  readonly units: UnitPrices;
  readonly hours: Hours | null;
  readonly cacheWritesAsInput: boolean | null;
  readonly imagesAsText: boolean | null;
  readonly isFree: boolean;
  readonly isImputed: boolean;
  /** The currency has no rate for this time, so neither has the model a price. */
  readonly isUnsupported: boolean;
  readonly source: PriceSource | null;
  readonly note: string | null;
  readonly promotionalUntilMicros: number | null;
}

export interface PriceSource {
  readonly url: string;
  /** The day it was read: `2026-11-22`. */
  readonly read: string;
}

export interface Scope {
  readonly tenant: string | null;
  readonly customer: string | null;
}

export interface LayerAlias extends Interval {
  readonly provider: string;
  readonly model: string;
  readonly to: string;
  readonly toProvider: string | null;
  readonly deployment: string | null;
}

export interface PriceProblem {
  /** A path in the price file. */
  readonly path: string;
  readonly expected: string;
  readonly value: string;
}

export type ReadPrices =
  | { readonly kind: 'layer'; readonly layer: PriceLayer }
  | { readonly kind: 'problems'; readonly problems: readonly PriceProblem[] };

/** What a price file that fits the schema means, or everything that is wrong with it. */
export function readPriceFile(file: PriceFile, kind: LayerKind): ReadPrices {
  const problems: PriceProblem[] = [];
  const reading: Reading = {
    report: (path, expected, value) => problems.push({ path, expected, value: shownText(String(value)) }),
    currencies: new Map(),
  };
  for (const [currency, periods] of Object.entries(file.currencies ?? {})) {
    if (!/^[A-Z]{3}$/.test(currency) || currency === 'USD') {
      reading.report(
        `currencies.${currency}`,
        'must be a currency other than USD, as ISO 4217 writes it',
        currency,
      );
    }
    reading.currencies.set(currency, readPeriods(currency, periods, reading));
  }
  const entries = file.cards ?? [];
  const cards = entries.flatMap((entry, index) => readCard(entry, `cards.${index}`, reading));
  const aliases = (file.aliases ?? []).map((entry, index) => readAlias(entry, `aliases.${index}`, reading));
  reportConflicts(entries, cards, reading);
  reportAliasConflicts(aliases, reading);
  return problems.length > 0
    ? { kind: 'problems', problems }
    : { kind: 'layer', layer: { kind, cards, aliases, currencies: [...reading.currencies.values()].flat() } };
}

/** As it was written, but nothing that a terminal obeys. */
function shownText(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : JSON.stringify(text);
}

interface Reading {
  readonly report: (path: string, expected: string, value: unknown) => void;
  readonly currencies: Map<string, readonly CurrencyPeriod[]>;
}

function readPeriods(
  currency: string,
  periods: readonly { readonly from: string; readonly per_usd: string }[],
  reading: Reading,
): readonly CurrencyPeriod[] {
  const path = `currencies.${currency}`;
  const read = periods.map(({ from, per_usd }, index) => ({
    fromMicros: instant(from, `${path}.${index}.from`, reading),
    perUsd: positive(per_usd, RATE_SCALE, `${path}.${index}.per_usd`, reading),
  }));
  return read.map(({ fromMicros, perUsd }, index) => {
    const next = read[index + 1]?.fromMicros ?? null;
    if (next !== null && next <= fromMicros) {
      const value = periods[index + 1]?.from;
      reading.report(`${path}.${index + 1}.from`, 'must be later than the entry before it', value);
    }
    return { currency, fromMicros, toMicros: next, perUsd };
  });
}

function readCard(entry: CardEntry, path: string, reading: Reading): readonly LayerCard[] {
  const { report } = reading;
  const within = readInterval(entry, path, reading);
  const isWildcard = entry.match.model === '*';
  const isExtension = entry.extends === 'list';
  const saysPrices =
    entry.rates !== undefined ||
    entry.units !== undefined ||
    entry.tiers !== undefined ||
    entry.service_tiers !== undefined ||
    entry.basis !== undefined;
  const {
    id: _id,
    scope,
    match,
    effective_from,
    effective_to,
    source,
    note,
    promotional_until,
    ...said
  } = entry;
  const isOnlyFactor = Object.keys(said).every((key) => key === 'extends' || key === 'multiplier');
  if (isWildcard && (!isOnlyFactor || !isExtension || entry.multiplier === undefined)) {
    report(
      path,
      'must be only extends: list and a multiplier where the model is *, or a new model would get a price by accident',
      entry.id,
    );
  }
  if (!isWildcard && entry.match.model.includes('*')) {
    report(`${path}.match.model`, 'must be a whole model id, or * alone', entry.match.model);
  }
  if (/^(?:us-gov|us|eu|apac|jp|au|ca)\.[a-z0-9]+\./i.test(entry.match.model)) {
    report(
      `${path}.match.model`,
      'must be the id without its region prefix; regions say what a region costs more',
      entry.match.model,
    );
  }
  if (entry.basis === undefined && (entry.gpu_hour ?? entry.gpus ?? entry.throughput) !== undefined) {
    report(path, 'must have basis: gpu_time where the machine is described', entry.id);
  }
  if (entry.match.provider === '*' && isExtension && !isWildcard && saysPrices) {
    report(`${path}.match.provider`, 'must name a provider where list prices are changed', '*');
  }
  if (entry.multiplier !== undefined && !isExtension) {
    report(`${path}.multiplier`, 'needs extends: list, which says what is multiplied', entry.multiplier);
  }
  if (!isExtension && entry.free !== true && !hasPrice(entry)) {
    report(path, 'must have a price: rates, units, basis: gpu_time, extends: list, or free: true', entry.id);
  }
  const imputed = imputedRates(entry, path, reading);
  const base = {
    id: entry.id,
    startMicros: within.fromMicros,
    scope:
      entry.scope === undefined
        ? null
        : { tenant: entry.scope.tenant ?? null, customer: entry.scope.customer ?? null },
    provider: providerInFile(entry.match.provider),
    model: entry.match.model.trim().toLowerCase(),
    extendsList: isExtension,
    discount:
      entry.multiplier === undefined
        ? null
        : ratioOf(positive(entry.multiplier, RATE_SCALE, `${path}.multiplier`, reading)),
    regions: readFactors(entry.regions, `${path}.regions`, reading),
    inferenceGeos: readFactors(entry.inference_geos, `${path}.inference_geos`, reading),
    hours: readHours(entry, path, reading),
    cacheWritesAsInput: entry.cache_writes_as_input ?? null,
    imagesAsText: entry.images_as_text ?? null,
    isFree: entry.free === true,
    isImputed: imputed !== null,
    source: entry.source === undefined ? null : { url: entry.source.url, read: entry.source.read },
    note: entry.note ?? null,
    promotionalUntilMicros:
      entry.promotional_until === undefined
        ? null
        : instant(entry.promotional_until, `${path}.promotional_until`, reading),
  };
  const amounts = {
    rates: imputed ?? readRates(entry.rates, `${path}.rates`, reading),
    tiers: entry.tiers === undefined ? null : readTiers(entry.tiers, `${path}.tiers`, reading),
    serviceTiers: readServiceTiers(entry, path, reading),
    units: readUnits(entry.units, `${path}.units`, reading),
  };
  const isAllZero = [...Object.values(amounts.rates), ...Object.values(amounts.units)].every(
    (each) => each === 0n,
  );
  if (entry.free === true && !isAllZero)
    report(`${path}.free`, 'must not stand beside prices above 0', entry.id);
  if (isFreeWithoutSaying(entry, amounts.rates, amounts.units)) {
    report(path, 'must say free: true where every price is 0', entry.id);
  }
  const currency = entry.currency ?? 'USD';
  if (currency === 'USD') return [{ ...base, ...within, ...amounts, isUnsupported: false }];

  const periods = reading.currencies.get(currency);
  if (periods === undefined) {
    report(`${path}.currency`, 'must be USD or one of those under currencies', currency);
    return [];
  }
  return inPeriods(within, periods).map(({ perUsd, ...part }) => ({
    ...base,
    ...part,
    ...(perUsd === null ? amounts : inDollars(amounts, perUsd)),
    isUnsupported: perUsd === null,
  }));
}

/** A list from which several providers buy keeps its own name; every other spelling becomes the canonical one. */
function providerInFile(name: string): string {
  const lower = name.trim().toLowerCase();
  const buyers = providersOfList(lower);
  if (lower === '*' || buyers.length > 1) return lower;
  const [buyer = lower] = buyers;
  return canonicalProvider(buyer);
}

function hasPrice({ rates, units, basis }: CardEntry): boolean {
  return (
    basis !== undefined ||
    (rates !== undefined && Object.keys(rates).length > 0) ||
    (units !== undefined && Object.keys(units).length > 0)
  );
}

function isFreeWithoutSaying(entry: CardEntry, rates: Rates, units: UnitPrices): boolean {
  if (entry.free === true || entry.extends !== undefined) return false;
  const amounts = [...Object.values(rates), ...Object.values(units)];
  return amounts.length > 0 && amounts.every((amount) => amount === 0n);
}

/** The pieces of an interval in which a currency has one rate; null where it has none. */
function inPeriods(
  { fromMicros, toMicros }: Interval,
  periods: readonly CurrencyPeriod[],
): readonly (Interval & { readonly perUsd: bigint | null })[] {
  const end = toMicros ?? Number.POSITIVE_INFINITY;
  const pieces: (Interval & { readonly perUsd: bigint | null })[] = [];
  const add = (from: number, to: number, perUsd: bigint | null) => {
    if (from < to) pieces.push({ fromMicros: from, toMicros: Number.isFinite(to) ? to : null, perUsd });
  };
  const first = periods[0]?.fromMicros ?? Number.POSITIVE_INFINITY;
  add(fromMicros, Math.min(first, end), null);
  for (const period of periods) {
    const to = Math.min(period.toMicros ?? Number.POSITIVE_INFINITY, end);
    add(Math.max(period.fromMicros, fromMicros), to, period.perUsd);
  }
  return pieces;
}

interface Amounts {
  readonly rates: Rates;
  readonly tiers: readonly RateTier[] | null;
  readonly serviceTiers: ReadonlyMap<string, ServiceTier>;
  readonly units: UnitPrices;
}

/** The list price at the fixed rate of its period, rounded once, half to even (convention C23). */
function inDollars({ rates, tiers, serviceTiers, units }: Amounts, perUsd: bigint): Amounts {
  const convert = (amount: bigint) => divideHalfEven(amount * 10n ** BigInt(RATE_SCALE), perUsd);
  const all = <Key extends string>(amounts: { readonly [K in Key]?: bigint }) =>
    Object.fromEntries(
      Object.entries<bigint | undefined>(amounts).flatMap(([key, amount]) =>
        amount === undefined ? [] : [[key, convert(amount)] as const],
      ),
    );
  const table = (from: RateTable) => ({
    rates: all(from.rates),
    tiers: from.tiers.map((tier) => ({ ...tier, rates: all(tier.rates) })),
  });
  return {
    rates: all(rates),
    tiers: tiers?.map((tier) => ({ ...tier, rates: all(tier.rates) })) ?? null,
    serviceTiers: new Map(
      [...serviceTiers].map(([name, tier]) => [
        name,
        tier.kind === 'factor' ? tier : { kind: tier.kind, ...table(tier) },
      ]),
    ),
    units: all(units),
  };
}

/**
 * Dollars per million tokens of the owner's machine: its cost per hour over the tokens it makes in an hour of use. The
 * machine serves input and output by turns, so each has its own speed.
 */
function imputedRates(entry: CardEntry, path: string, reading: Reading): Rates | null {
  if (entry.basis === undefined) return null;
  const { gpu_hour, gpus, throughput } = entry;
  if (gpu_hour === undefined || throughput === undefined) {
    reading.report(path, 'needs gpu_hour and throughput with basis: gpu_time', entry.id);
    return {};
  }
  if (entry.rates !== undefined) {
    reading.report(`${path}.rates`, 'must not stand beside basis: gpu_time, which gives the rates', entry.id);
  }
  const nano = (text: string, name: string) => positive(text, RATE_SCALE, `${path}.${name}`, reading);
  const hour = nano(gpu_hour, 'gpu_hour') * BigInt(gpus ?? 1);
  const utilisation = nano(throughput.utilisation, 'throughput.utilisation');
  if (utilisation > 10n ** 9n) {
    reading.report(`${path}.throughput.utilisation`, 'must be a share of at most 1', throughput.utilisation);
  }
  const rate = (speed: bigint) =>
    // USD/h ÷ (tokens/s × 3600 × utilisation) × 10⁶, in 10⁻⁹; the scales of speed and utilisation cancel one of cost.
    divideHalfEven(hour * 10n ** 6n * 10n ** 18n, speed * 3600n * utilisation);
  return {
    input: rate(nano(throughput.input_tok_s, 'throughput.input_tok_s')),
    output: rate(nano(throughput.output_tok_s, 'throughput.output_tok_s')),
  };
}

function readRates(rates: CardEntry['rates'], path: string, reading: Reading): Rates {
  return Object.fromEntries(
    PRICE_CLASSES.flatMap((item): [PriceClass, bigint][] => {
      const text = rates?.[item];
      return text === undefined ? [] : [[item, amount(text, RATE_SCALE, `${path}.${item}`, reading)]];
    }),
  );
}

type TierEntries = NonNullable<CardEntry['tiers']>;

function readTiers(entries: TierEntries, path: string, reading: Reading): readonly RateTier[] {
  const tiers = entries.map(({ above, from, rates }, index): RateTier => {
    const at = `${path}.${index}`;
    if ((above === undefined) === (from === undefined)) {
      reading.report(at, 'must have exactly one of above and from', above === undefined ? 'neither' : 'both');
    }
    return {
      threshold: above ?? from ?? 0,
      operator: above === undefined ? 'gte' : 'gt',
      rates: readRates(rates, `${at}.rates`, reading),
    };
  });
  tiers.forEach(({ threshold }, index) => {
    const before = tiers[index - 1];
    if (before !== undefined && before.threshold >= threshold) {
      reading.report(`${path}.${index}`, 'must be above the tier before it', threshold);
    }
  });
  return tiers;
}

const STANDARD_NAMES: ReadonlySet<string> = new Set(['', 'default', 'auto', 'standard']);

function readServiceTiers(
  entry: CardEntry,
  path: string,
  reading: Reading,
): ReadonlyMap<string, ServiceTier> {
  const tiers = new Map<string, ServiceTier>();
  for (const [name, said] of Object.entries(entry.service_tiers ?? {})) {
    const at = `${path}.service_tiers.${name}`;
    const key = name.trim().toLowerCase();
    if (tiers.has(key)) reading.report(at, 'must be named once', name);
    if (STANDARD_NAMES.has(key)) {
      reading.report(at, 'must be a tier of its own: this one is what rates and tiers of the card are', name);
    }
    if ((said.multiplier === undefined) === (said.rates === undefined)) {
      reading.report(at, 'must have exactly one of multiplier and rates', name);
    }
    tiers.set(
      key,
      said.multiplier === undefined
        ? {
            kind: 'table',
            rates: readRates(said.rates, `${at}.rates`, reading),
            tiers: readTiers(said.tiers ?? [], `${at}.tiers`, reading),
          }
        : {
            kind: 'factor',
            factor: ratioOf(positive(said.multiplier, RATE_SCALE, `${at}.multiplier`, reading)),
          },
    );
  }
  return tiers;
}

const SECONDS_PER_HOUR = 3600n;
const LISTED_UNITS: ReadonlySet<string> = new Set([...PRICED_UNITS, 'hour']);

function readUnits(units: CardEntry['units'], path: string, reading: Reading): UnitPrices {
  if (units === undefined) return {};
  const read: Record<string, bigint> = {};
  for (const unit of ['request', 'web_search', 'image', 'page'] as const) {
    const text = units[unit];
    if (text !== undefined) read[unit] = amount(text, USD_SCALE, `${path}.${unit}`, reading);
  }
  if (units.hour !== undefined && units.second !== undefined) {
    reading.report(path, 'must have at most one of second and hour', 'both');
  }
  if (units.hour !== undefined) read.second = amount(units.hour, USD_SCALE, `${path}.hour`, reading);
  else if (units.second !== undefined) {
    read.second = amount(units.second, USD_SCALE, `${path}.second`, reading) * SECONDS_PER_HOUR;
  }
  for (const [unit, text] of Object.entries(units)) {
    if (LISTED_UNITS.has(unit)) continue;
    const at = `${path}.${unit}`;
    if (isCustomUnit(unit)) read[unit] = amount(String(text), USD_SCALE, at, reading);
    else reading.report(at, 'must be a unit: lower case, and no other word for one that is priced', unit);
  }
  return read;
}

function readFactors(entries: CardEntry['regions'], path: string, reading: Reading): Factors {
  if (entries === undefined) return NO_FACTORS;
  const byName = new Map<string, Ratio>();
  let others: Ratio | null = null;
  for (const [name, text] of Object.entries(entries)) {
    const factor = ratioOf(positive(text, RATE_SCALE, `${path}.${name}`, reading));
    if (name === '*') others = factor;
    else byName.set(name.trim().toLowerCase(), factor);
  }
  return { byName, others };
}

function readHours({ hours }: CardEntry, path: string, reading: Reading): Hours | null {
  if (hours === undefined) return null;
  const minuteOf = (text: string, key: string) => {
    const [hour = 0, minute = 0] = text.split(':').map(Number);
    if (hour > 23) reading.report(`${path}.hours.${key}`, 'must be a time of day from 00:00 to 23:59', text);
    return hour * 60 + minute;
  };
  const { utc_offset = '+00:00' } = hours;
  const [offsetHours = 0, offsetMinutes = 0] = utc_offset.slice(1).split(':').map(Number);
  const days: readonly string[] = hours.weekdays ?? WEEKDAYS;
  return {
    fromMinute: hours.from === undefined ? 0 : minuteOf(hours.from, 'from'),
    toMinute: hours.to === undefined ? 0 : minuteOf(hours.to, 'to'),
    weekdays: new Set(WEEKDAYS.flatMap((day, index) => (days.includes(day) ? [index] : []))),
    utcOffsetMinutes: (utc_offset.startsWith('-') ? -1 : 1) * (offsetHours * 60 + offsetMinutes),
  };
}

function readAlias(entry: AliasEntry, path: string, reading: Reading): LayerAlias {
  const always = { effective_from: entry.effective_from ?? '1970-01-01' };
  const until = entry.effective_to === undefined ? {} : { effective_to: entry.effective_to };
  const model = entry.model.trim().toLowerCase();
  if (model === entry.to.trim().toLowerCase() && entry.to_provider === undefined) {
    reading.report(`${path}.to`, 'must be another name than the model itself', entry.to);
  }
  return {
    ...readInterval({ ...always, ...until }, path, reading),
    provider: providerInFile(entry.provider),
    model,
    to: entry.to.trim(),
    toProvider: entry.to_provider === undefined ? null : canonicalProvider(entry.to_provider),
    deployment: entry.deployment?.trim().toLowerCase() ?? null,
  };
}

function readInterval(
  entry: { readonly effective_from: string; readonly effective_to?: string },
  path: string,
  reading: Reading,
): Interval {
  const fromMicros = instant(entry.effective_from, `${path}.effective_from`, reading);
  if (entry.effective_to === undefined) return { fromMicros, toMicros: null };
  const toMicros = instant(entry.effective_to, `${path}.effective_to`, reading);
  if (toMicros <= fromMicros) {
    reading.report(`${path}.effective_to`, 'must be later than effective_from', entry.effective_to);
  }
  return { fromMicros, toMicros };
}

/** RFC 3339 with an offset, or a date, which means 00:00 UTC. Local times would depend on the machine. */
const INSTANT = /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?(?:[Zz]|[+-]\d{2}:\d{2}))?$/;

function instant(text: string, path: string, { report }: Reading): number {
  const trimmed = text.trim();
  const micros = INSTANT.test(trimmed) ? instantMicros(trimmed) : null;
  if (micros === null)
    report(path, 'must be an instant with its offset (2026-08-16T16:00:00Z) or a date', text);
  return micros ?? 0;
}

/** A decimal of 0 or more. */
function amount(text: string, scale: number, path: string, { report }: Reading): bigint {
  // Digits beyond the scale come from float arithmetic or from dividing; half to even takes them off (0.30000000000000004).
  const parsed = parseDecimal(text.trim(), LITERAL_SCALE);
  if (parsed.kind === 'decimal' && parsed.value >= 0n) {
    const value = divideHalfEven(parsed.value, 10n ** BigInt(LITERAL_SCALE - scale));
    if (value < MAX_AMOUNT) return value;
  }
  report(path, 'must be a decimal of 0 or more', text);
  // Not 0, which would be another mistake.
  return 1n;
}

/** More places than any price is written with. */
const LITERAL_SCALE = 40;

/** No price has a trillion dollars; the bound keeps every cost inside its column. */
const MAX_AMOUNT = 10n ** 27n;

function positive(text: string, scale: number, path: string, reading: Reading): bigint {
  const value = amount(text, scale, path, reading);
  if (value > 0n) return value;
  reading.report(path, 'must be a decimal above 0', text);
  return 1n;
}

function ratioOf(nano: bigint): Ratio {
  let [left, right] = [nano, 10n ** BigInt(RATE_SCALE)];
  while (right !== 0n) [left, right] = [right, left % right];
  return { numerator: nano / left, denominator: 10n ** BigInt(RATE_SCALE) / left };
}

/** Two cards that would win alike: nobody could say which price holds. */
function reportConflicts(entries: readonly CardEntry[], cards: readonly LayerCard[], reading: Reading): void {
  const ids = new Map<string, number>();
  entries.forEach(({ id }, index) => {
    const first = ids.get(id);
    if (first === undefined) ids.set(id, index);
    else reading.report(`cards.${index}.id`, `must be unique; cards.${first} has it too`, id);
  });
  const places = Map.groupBy(cards, ({ scope, provider, model, startMicros }) =>
    JSON.stringify([scope?.tenant, scope?.customer, provider, model, startMicros]),
  );
  for (const rivals of places.values()) {
    for (const [index, card] of rivals.entries()) {
      const other = rivals
        .slice(0, index)
        .find((earlier) => earlier.id !== card.id && haveSameHours(earlier, card));
      if (other === undefined) continue;
      reading.report(
        `cards.${entries.findIndex(({ id }) => id === card.id)}`,
        `must differ from ${other.id} in scope, match, hours or effective_from, or nobody could say which holds`,
        card.id,
      );
      break;
    }
  }
}

const MINUTES_PER_WEEK = 7 * 24 * 60;
const MICROS_PER_MINUTE = 60_000_000;

/** Both at any hour, or both at some hour of the week; certain hours beside all others are an exception, no rival. */
function haveSameHours({ hours: one }: LayerCard, { hours: other }: LayerCard): boolean {
  if (one === null || other === null) return one === other;
  for (let minute = 0; minute < MINUTES_PER_WEEK; minute++) {
    const atMicros = minute * MICROS_PER_MINUTE;
    if (isWithin(one, atMicros) && isWithin(other, atMicros)) return true;
  }
  return false;
}

function reportAliasConflicts(aliases: readonly LayerAlias[], reading: Reading): void {
  aliases.forEach((alias, index) => {
    const other = aliases.findIndex(
      (earlier, at) =>
        at < index &&
        earlier.provider === alias.provider &&
        earlier.model === alias.model &&
        earlier.fromMicros < (alias.toMicros ?? Number.POSITIVE_INFINITY) &&
        alias.fromMicros < (earlier.toMicros ?? Number.POSITIVE_INFINITY),
    );
    if (other !== -1) {
      reading.report(`aliases.${index}`, `must not hold at the same time as aliases.${other}`, alias.model);
    }
  });
}
