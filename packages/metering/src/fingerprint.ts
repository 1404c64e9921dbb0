/**
 * FNV-1a, 64 bit, over the UTF-16 code units of a text, as 16 hex digits. A name for content, not a safeguard
 * against someone who looks for collisions.
 *
 * Kept as two 32-bit halves because a bigint multiplication per character is some thirty times slower, and multiplied
 * in 16-bit parts because products past 31 bits are no small integers. The prime is 2⁴⁰ + 0x1b3, so a product is a small
 * multiplication plus a shift of the low half into the high one.
 */
export function fingerprint(text: string): string {
  let high = 0xcbf29ce4 | 0;
  let low = 0x84222325 | 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    for (let shift = 0; shift < 16; shift += 8) {
      low ^= (unit >>> shift) & 0xff;
      const lower = (low & 0xffff) * 0x1b3;
      const upper = (low >>> 16) * 0x1b3 + (lower >>> 16);
      high = (Math.imul(high, 0x1b3) + (upper >>> 16) + (low << 8)) | 0;
      low = (upper << 16) | (lower & 0xffff);
    }
  }
  return hex(high) + hex(low);
}

function hex(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0');
}
