import { textAt } from '../json.ts';
import { type Drawing, drawing, type PanelInput } from '../panel.ts';
import { escaped } from '../text.ts';

/** As much of Markdown as text panels have: headings, paragraphs, lists, tables, code, emphasis, links. */

export function drawText({ options }: PanelInput): Drawing {
  const content = textAt(options, 'content') ?? '';
  const mode = textAt(options, 'mode') ?? 'markdown';
  if (mode === 'html') return drawing(`<div class="markdown">${content}</div>`);
  if (mode === 'code') return drawing(`<pre class="markdown">${escaped(content)}</pre>`);
  return drawing(`<div class="markdown">${markdown(content)}</div>`);
}

export function markdown(text: string): string {
  return text
    .split(/\n\s*\n/)
    .map((block) => blockHtml(block.split('\n').filter((line) => line.trim() !== '')))
    .join('');
}

function blockHtml(lines: readonly string[]): string {
  const first = lines[0];
  if (first === undefined) return '';
  const heading = /^(#{1,6})\s+(.*)$/.exec(first);
  if (heading?.[1] !== undefined) {
    const level = heading[1].length;
    return `<h${level}>${inline(heading[2] ?? '')}</h${level}>${blockHtml(lines.slice(1))}`;
  }
  if (lines.every((line) => /^\s*([-*]|\d+\.)\s/.test(line) || /^\s{2,}/.test(line))) return listHtml(lines);
  if (first.includes('|') && /^[\s|:-]+$/.test(lines[1] ?? '')) return tableHtml(lines);
  const nextList = lines.findIndex((line) => /^\s*([-*]|\d+\.)\s/.test(line));
  if (nextList > 0) return blockHtml(lines.slice(0, nextList)) + blockHtml(lines.slice(nextList));
  return `<p>${inline(lines.join(' '))}</p>`;
}

function listHtml(lines: readonly string[]): string {
  const tag = /^\s*\d/.test(lines[0] ?? '') ? 'ol' : 'ul';
  const items: string[] = [];
  for (const line of lines) {
    const item = /^\s*(?:[-*]|\d+\.)\s+(.*)$/.exec(line)?.[1];
    if (item !== undefined) items.push(item);
    else items.push(`${items.pop() ?? ''} ${line.trim()}`);
  }
  return `<${tag}>${items.map((item) => `<li>${inline(item)}</li>`).join('')}</${tag}>`;
}

function tableHtml(lines: readonly string[]): string {
  const cells = (line: string, tag: string): string =>
    line
      .replace(/^\s*\||\|\s*$/g, '')
      .split('|')
      .map((cell) => `<${tag}>${inline(cell.trim())}</${tag}>`)
      .join('');
  const rows = lines.slice(2).map((line) => `<tr>${cells(line, 'td')}</tr>`);
  return `<table><tr>${cells(lines[0] ?? '', 'th')}</tr>${rows.join('')}</table>`;
}

function inline(text: string): string {
  return escaped(text)
    .replace(/`([^`]+)`/g, '<code>$1</code>')
    .replace(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
    .replace(/(^|[\s(])[*_]([^*_]+)[*_](?=[\s).,;:]|$)/g, '$1<em>$2</em>')
    .replace(/\[([^\]]+)\]\([^)]*\)/g, '<a>$1</a>');
}
