/** How wide text is in Inter, the font of Grafana, so that axes and legends can be laid out before a browser has it. */

/** Widths of the characters from space to tilde, in thousandths of the font size, weight 400. */
const WIDTHS =
  '281 278 403 631 638 812 639 222 362 362 500 659 280 460 276 357 625 464 605 636 642 608 624 571 616 624 276 280 659 659 659 507 936 676 651 727 719 598 587 743 740 264 543 652 562 889 753 761 635 761 639 638 642 741 676 949 642 665 625 362 357 362 469 452 497 564 621 558 621 582 361 609 591 237 237 544 237 869 585 597 609 609 372 523 364 581 557 812 540 557 541 362 327 362 659'
    .split(' ')
    .map(Number);

/** Weight 500 is about this much wider. */
const MEDIUM = 1.012;

export function textWidth(text: string, sizePx: number, weight: 400 | 500 = 400): number {
  const thousandths = [...text].reduce(
    (sum, letter) => sum + (WIDTHS[(letter.codePointAt(0) ?? 0) - 32] ?? 620),
    0,
  );
  return (thousandths / 1000) * sizePx * (weight === 500 ? MEDIUM : 1);
}

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** As much of the text as fits, with an ellipsis where something is left out. */
export function cutTo(text: string, widthPx: number, sizePx: number): string {
  if (textWidth(text, sizePx) <= widthPx) return text;
  let kept = text;
  while (kept.length > 1 && textWidth(`${kept}…`, sizePx) > widthPx) kept = kept.slice(0, -1);
  return `${kept}…`;
}

/** Coordinates with no more digits than a picture has use for. */
export function px(value: number): string {
  return String(Math.round(value * 100) / 100);
}
