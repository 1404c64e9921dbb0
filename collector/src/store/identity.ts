/**
 * Remembers which identities (traces, links between them) the ledger holds, so that the usual case, one never seen
 * before, needs no look-up in the database. An answer of `true` from {@link IdentityFilter.addIfNew} means "surely
 * new"; `false` means "probably seen", and the database is asked before it is believed. So a collision costs a query,
 * never a row.
 *
 * Each identity is a 32-bit fingerprint in an open-addressing table whose slot comes from other bits of the same
 * hash: about 5.3 bytes an identity, false alarms of about 1 in 10⁹ per table. Tables have one size; when one is
 * full the next is begun, and beyond `maxTables` the oldest is dropped. For spans that a dropped table may have
 * held, the answer is always "probably seen" (they are told by their event time, which a copy shares; a span that
 * ends later than all of them opens its trace anew).
 */
export class IdentityFilter {
  private tables: Table[] = [];
  private readonly maxTables: number;
  /** Event times up to this may belong to a dropped table. */
  private forgottenUpToMicros = Number.NEGATIVE_INFINITY;

  constructor(options: { maxIdentities: number }) {
    this.maxTables = Math.max(1, Math.ceil(options.maxIdentities / TABLE_IDENTITIES));
  }

  /** Adds the identity (`seed` from {@link tenantSeed}). True: it was surely not there. False: it may have been. */
  addIfNew(seed: number, words: IdentityWords, eventTimeMicros: number): boolean {
    const hash = identityHash(seed, words);
    let isNew = eventTimeMicros > this.forgottenUpToMicros;
    for (const table of this.tables) {
      if (table.has(hash.slot, hash.fingerprint)) return false;
    }
    let newest = this.tables.at(-1);
    if (newest === undefined || newest.isFull) {
      newest = new Table();
      this.tables.push(newest);
      if (this.tables.length > this.maxTables) this.dropOldest();
      isNew &&= eventTimeMicros > this.forgottenUpToMicros;
    }
    newest.add(hash.slot, hash.fingerprint, eventTimeMicros);
    return isNew;
  }

  private dropOldest(): void {
    const [oldest, ...kept] = this.tables;
    if (oldest === undefined) return;
    this.tables = kept;
    this.forgottenUpToMicros = Math.max(this.forgottenUpToMicros, oldest.newestEventTimeMicros);
  }
}

/** Slots of one table: 16 MiB of fingerprints. */
const TABLE_SLOTS = 1 << 22;
/** Filled to 3/4: beyond that, chains of linear probing grow quickly. */
export const TABLE_IDENTITIES = (TABLE_SLOTS / 4) * 3;

class Table {
  newestEventTimeMicros = Number.NEGATIVE_INFINITY;
  private readonly fingerprints = new Uint32Array(TABLE_SLOTS);
  private size = 0;

  get isFull(): boolean {
    return this.size >= TABLE_IDENTITIES;
  }

  has(slot: number, fingerprint: number): boolean {
    for (let at = slot; ; at = (at + 1) & (TABLE_SLOTS - 1)) {
      const found = this.fingerprints[at];
      if (found === fingerprint) return true;
      if (found === 0) return false;
    }
  }

  add(slot: number, fingerprint: number, eventTimeMicros: number): void {
    let at = slot;
    while (this.fingerprints[at] !== 0) at = (at + 1) & (TABLE_SLOTS - 1);
    this.fingerprints[at] = fingerprint;
    this.size++;
    if (eventTimeMicros > this.newestEventTimeMicros) this.newestEventTimeMicros = eventTimeMicros;
  }
}

/** The bits of an identity as 32-bit words. */
export type IdentityWords = readonly number[];

/** The 128 bits of a trace id, most significant first. */
export function traceWords(traceId: string): IdentityWords {
  return [hexWord(traceId, 0), hexWord(traceId, 8), hexWord(traceId, 16), hexWord(traceId, 24)];
}

/** The 53 bits of a link. */
export function linkWords(link: number): IdentityWords {
  return [Math.floor(link / 0x1_0000_0000), link | 0];
}

/** 32-bit FNV-1a over the characters; tenants are few, so callers keep it. */
export function tenantSeed(tenant: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < tenant.length; i++) hash = Math.imul(hash ^ tenant.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Two independent hashes: ids of home-made senders are not random, so every word is mixed in. */
function identityHash(seed: number, words: IdentityWords): { slot: number; fingerprint: number } {
  let slot = seed;
  let fingerprint = seed ^ 0x9747b28c;
  for (const word of words) {
    slot = mix(slot ^ word);
    fingerprint = mix(Math.imul(fingerprint, 0x9e3779b1) + word);
  }
  // Zero marks an empty slot.
  return { slot: slot & (TABLE_SLOTS - 1), fingerprint: fingerprint >>> 0 || 1 };
}

/** The finishing steps of MurmurHash3: every input bit changes every output bit. */
function mix(hash: number): number {
  let h = hash;
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function hexWord(hex: string, at: number): number {
  let word = 0;
  for (let i = at; i < at + 8; i++) {
    const code = hex.charCodeAt(i);
    word = (word << 4) | (code <= 57 ? code - 48 : code - 87);
  }
  return word;
}
