/**
 * FNV-1a, 64 bit, over the UTF-16 code units of a text, as 16 hex digits. A name for content, not a safeguard
 * against someone who looks for collisions.
 *
 * Kept as two 32-bit halves because a bigint multiplication per character is some thirty times slower. The prime is
 * 2⁴⁰ + 0x1b3, so a product is a small multiplication plus a shift of the low half into the high one.
 */
export function fingerprint(text: string): string {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    for (const byte of [unit & 0xff, unit >>> 8]) {
      low = (low ^ byte) >>> 0;
      const product = low * 0x1b3;
      high = (Math.imul(high, 0x1b3) + Math.floor(product / 0x1_0000_0000) + (low << 8)) >>> 0;
      low = product >>> 0;
    }
  }
  return high.toString(16).padStart(8, '0') + low.toString(16).padStart(8, '0');
}
