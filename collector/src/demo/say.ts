import { styleText } from 'node:util';

/** What the demo prints. Colours only on a terminal that wants them: `styleText` looks at the stream and NO_COLOR. */
type Style = Parameters<typeof styleText>[0];

function print(style: Style, text: string): void {
  process.stdout.write(`${styleText(style, text, { stream: process.stdout })}\n`);
}

export const say = {
  step: (text: string) => print('dim', `- ${text}`),
  title: (text: string) => print('bold', `\n${text}`),
  good: (text: string) => print('green', `\n✔ ${text}`),
  bad: (text: string) => print('red', `\n✘ ${text}`),
  plain: (text: string) => process.stdout.write(`${text}\n`),
};

/** Rows as aligned columns; numbers to the right, decimals without their trailing zeros. */
export function sayTable(rows: readonly Record<string, string | null>[]): void {
  const names = Object.keys(rows[0] ?? {});
  const shown = rows.map((row) => names.map((name) => withoutTrailingZeros(row[name] ?? 'NULL')));
  const widths = names.map((name, i) => Math.max(name.length, ...shown.map((row) => row[i]?.length ?? 0)));
  const isNumeric = names.map((_, i) => shown.every((row) => /^[\d.]*$/.test(row[i] ?? '')));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => (isNumeric[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ');
  say.plain(styleText('underline', line(names), { stream: process.stdout }));
  for (const row of shown) say.plain(line(row));
}

function withoutTrailingZeros(text: string): string {
  return /^\d+\.\d+$/.test(text) ? text.replace(/\.?0+$/, '') : text;
}
