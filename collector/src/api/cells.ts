import { CREDIT_SCALE, formatDecimal, parseDecimal, USD_SCALE } from '@spanledger/metering';

/** Cells of rows as a query gives them: decimals, instants and 64-bit integers are texts. */
export function textOrNull(cell: unknown): string | null {
  return cell === null ? null : String(cell);
}

export function numberOrNull(cell: unknown): number | null {
  return cell === null ? null : Number(cell);
}

/** As all amounts of the API: without zeros at the end. */
export function creditsOf(cell: unknown): string {
  return plain(cell, CREDIT_SCALE);
}

export function usdOrNull(cell: unknown): string | null {
  return cell === null ? null : plain(cell, USD_SCALE);
}

function plain(cell: unknown, scale: number): string {
  const parsed = parseDecimal(String(cell), scale);
  if (parsed.kind === 'rejected') throw new RangeError(`the ledger has an amount that is none: ${cell}`);
  return formatDecimal(parsed.value, scale);
}
