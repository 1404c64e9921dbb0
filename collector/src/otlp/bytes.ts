/**
 * A cheap hash of some bytes: the length and three words of them. Attribute names and values in use differ in
 * one of those; the callers compare all bytes afterwards, so an unlucky pair costs time and nothing else.
 */
export function hashBytes(view: DataView, start: number, length: number): number {
  let hash = length;
  if (length >= 4) {
    hash = Math.imul(hash ^ view.getInt32(start, true), 0x9e3779b1);
    hash = Math.imul(hash ^ view.getInt32(start + ((length - 4) >>> 1), true), 0x85ebca6b);
    hash = Math.imul(hash ^ view.getInt32(start + length - 4, true), 0xc2b2ae35);
  } else {
    for (let at = start; at < start + length; at++) {
      hash = Math.imul(hash ^ view.getUint8(at), 0x9e3779b1);
    }
  }
  // The upper bits are the well mixed ones of a product; the callers use the lower.
  return hash ^ (hash >>> 15);
}

/** Whether two ranges hold the same bytes, compared four at a time; the last word may overlap the one before. */
export function sameBytes(a: DataView, aStart: number, b: DataView, bStart: number, length: number): boolean {
  if (length < 4) {
    for (let at = 0; at < length; at++) {
      if (a.getUint8(aStart + at) !== b.getUint8(bStart + at)) return false;
    }
    return true;
  }
  const last = length - 4;
  for (let at = 0; at < last; at += 4) {
    if (a.getInt32(aStart + at, true) !== b.getInt32(bStart + at, true)) return false;
  }
  return a.getInt32(aStart + last, true) === b.getInt32(bStart + last, true);
}

/** Copies bytes four at a time; the last word may overlap the one before. */
export function copyBytes(
  from: DataView,
  fromStart: number,
  to: DataView,
  toStart: number,
  length: number,
): void {
  if (length < 4) {
    for (let at = 0; at < length; at++) to.setUint8(toStart + at, from.getUint8(fromStart + at));
    return;
  }
  const last = length - 4;
  for (let at = 0; at < last; at += 4) to.setInt32(toStart + at, from.getInt32(fromStart + at, true), true);
  to.setInt32(toStart + last, from.getInt32(fromStart + last, true), true);
}

/** A view of the same memory; a `DataView` reads unaligned words (fastest in the machine's own order, little-endian)
 * and throws instead of reading past the end. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
