/**
 * SHA-256 (FIPS 180-4) of a text in UTF-8, as 64 lowercase hex digits. Written here because the core imports nothing:
 * the chain of closed periods has to withstand somebody who looks for collisions, which the other hashes do not.
 */
export function sha256(text: string): string {
  const state = Int32Array.from(INITIAL);
  const blocks = padded(new TextEncoder().encode(text));
  const schedule = new Int32Array(64);
  for (let offset = 0; offset < blocks.byteLength; offset += BLOCK_BYTES) {
    compress(state, blocks, offset, schedule);
  }
  return Array.from(state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
}

const BLOCK_BYTES = 64;

/** The message, a one bit, zeros, and its length in bits as the last eight bytes. */
function padded(message: Uint8Array): DataView {
  const bytes = new Uint8Array((Math.floor((message.length + 8) / BLOCK_BYTES) + 1) * BLOCK_BYTES);
  bytes.set(message);
  bytes[message.length] = 0x80;
  const view = new DataView(bytes.buffer);
  view.setBigUint64(bytes.length - 8, BigInt(message.length) * 8n);
  return view;
}

function compress(state: Int32Array, blocks: DataView, offset: number, schedule: Int32Array): void {
  for (let round = 0; round < 64; round++) {
    schedule[round] = round < 16 ? blocks.getInt32(offset + round * 4) : expanded(schedule, round);
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state;
  for (let round = 0; round < 64; round++) {
    const choice = (e & f) ^ (~e & g);
    const bigSigma1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const first = (h + bigSigma1 + choice + at(ROUND, round) + at(schedule, round)) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const bigSigma0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const second = (bigSigma0 + majority) | 0;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries())
    state[index] = (at(state, index) + word) | 0;
}

function expanded(schedule: Int32Array, round: number): number {
  const early = at(schedule, round - 15);
  const late = at(schedule, round - 2);
  const sigma0 = rotated(early, 7) ^ rotated(early, 18) ^ (early >>> 3);
  const sigma1 = rotated(late, 17) ^ rotated(late, 19) ^ (late >>> 10);
  return (at(schedule, round - 16) + sigma0 + at(schedule, round - 7) + sigma1) | 0;
}

function rotated(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

function at(words: ArrayLike<number>, index: number): number {
  return words[index] ?? 0;
}

const PRIMES = firstPrimes(64);

/** The first 32 bits of the fractional parts of the square roots of the first 8 primes. */
const INITIAL = PRIMES.slice(0, 8).map((prime) => fraction(prime, 2n));
/** The same of the cube roots of the first 64 primes. */
const ROUND = PRIMES.map((prime) => fraction(prime, 3n));

function firstPrimes(count: number): bigint[] {
  const primes: bigint[] = [];
  for (let candidate = 2n; primes.length < count; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0n)) primes.push(candidate);
  }
  return primes;
}

/** ⌊root × 2³²⌋ modulo 2³², by bisection, exactly. */
function fraction(prime: bigint, degree: bigint): number {
  const target = prime << (32n * degree);
  let low = 0n;
  let high = 1n << 40n;
  while (low < high) {
    const middle = (low + high + 1n) / 2n;
    if (middle ** degree <= target) low = middle;
    else high = middle - 1n;
  }
  return Number(BigInt.asIntN(32, low));
}
