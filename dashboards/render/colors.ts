/** Grafana's colours by the names that dashboards use, as its themes (13.2) define them. */

export type ThemeName = 'dark' | 'light';

export interface Theme {
  readonly name: ThemeName;
  readonly canvas: string;
  readonly panel: string;
  readonly secondary: string;
  readonly borderWeak: string;
  readonly borderMedium: string;
  readonly text: string;
  readonly textSecondary: string;
  readonly textMax: string;
  readonly link: string;
  readonly gridLine: string;
  /** By name: `green`, `dark-red`, `super-light-blue`. */
  readonly hues: Readonly<Record<string, string>>;
}

const SHADES = ['super-light-', 'light-', '', 'semi-dark-', 'dark-'];

function hues(table: Readonly<Record<string, readonly string[]>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(table).flatMap(([hue, colors]) =>
      colors.map((color, index) => [`${SHADES[index]}${hue}`, color]),
    ),
  );
}

const DARK: Theme = {
  name: 'dark',
  canvas: '#111217',
  panel: '#181b1f',
  secondary: '#22252b',
  borderWeak: 'rgba(204,204,220,0.12)',
  borderMedium: 'rgba(204,204,220,0.2)',
  text: 'rgb(204,204,220)',
  textSecondary: 'rgba(204,204,220,0.65)',
  textMax: '#ffffff',
  link: '#6e9fff',
  gridLine: 'rgba(240,250,255,0.09)',
  hues: hues({
    red: ['#FFA6B0', '#FF7383', '#F2495C', '#E02F44', '#C4162A'],
    orange: ['#FFCB7D', '#FFB357', '#FF9830', '#FF780A', '#FA6400'],
    yellow: ['#FFF899', '#FFEE52', '#FADE2A', '#F2CC0C', '#E0B400'],
    green: ['#C8F2C2', '#96D98D', '#73BF69', '#56A64B', '#37872D'],
    blue: ['#C0D8FF', '#8AB8FF', '#5794F2', '#3274D9', '#1F60C4'],
    purple: ['#DEB6F2', '#CA95E5', '#B877D9', '#A352CC', '#8F3BB8'],
  }),
};

const LIGHT: Theme = {
  name: 'light',
  canvas: '#fbfbfb',
  panel: '#ffffff',
  secondary: '#f4f5f5',
  borderWeak: 'rgba(36,41,46,0.12)',
  borderMedium: 'rgba(36,41,46,0.3)',
  text: 'rgb(36,41,46)',
  textSecondary: 'rgba(36,41,46,0.75)',
  textMax: '#000000',
  link: '#1f62e0',
  gridLine: 'rgba(0,10,23,0.09)',
  hues: hues({
    red: ['#FF7383', '#F2495C', '#E02F44', '#C4162A', '#AD0317'],
    orange: ['#FFB357', '#FF9830', '#FF780A', '#FA6400', '#E55400'],
    yellow: ['#FFEE52', '#FADE2A', '#F2CC0C', '#E0B400', '#CC9D00'],
    green: ['#96D98D', '#73BF69', '#56A64B', '#37872D', '#19730E'],
    blue: ['#8AB8FF', '#5794F2', '#3274D9', '#1F60C4', '#1250B0'],
    purple: ['#CA95E5', '#B877D9', '#A352CC', '#8F3BB8', '#7C2EA3'],
  }),
};

export const THEMES: Readonly<Record<ThemeName, Theme>> = { dark: DARK, light: LIGHT };

/** Series take these one after the other (`palette-classic`). */
const PALETTE = [
  ...['green', 'semi-dark-yellow', 'blue', 'orange', 'red', 'purple'],
  ...['dark-green', 'dark-yellow', 'dark-blue', 'dark-orange', 'dark-red', 'dark-purple'],
  ...['super-light-green', 'super-light-yellow', 'super-light-blue'],
  ...['super-light-orange', 'super-light-red', 'super-light-purple'],
  ...['#447EBC', '#C15C17', '#890F02', '#0A437C', '#6D1F62', '#584477', '#B7DBAB', '#F4D598'],
  ...['#70DBED', '#F9BA8F', '#F29191', '#82B5D8', '#E5A8E2', '#AEA2E0', '#629E51', '#E5AC0E'],
  ...['#64B0C8', '#E0752D', '#BF1B00', '#0A50A1', '#962D82', '#614D93', '#9AC48A', '#F2C96D'],
  ...['#65C5DB', '#F9934E', '#EA6460', '#5195CE', '#D683CE', '#806EB7', '#3F6833', '#967302'],
  ...['#2F575E', '#99440A', '#58140C', '#052B51', '#511749', '#3F2B5B', '#E0F9D7', '#FCEACA'],
  ...['#CFFAFF', '#F9E2D2', '#FCE2DE', '#BADFF4', '#F9D9F9', '#DEDAF7'],
];

export function paletteColor(index: number, theme: Theme): string {
  return colorByName(PALETTE[index % PALETTE.length] ?? 'green', theme);
}

/** What a name takes of the palette must stand out this much from the panel. */
const READABLE_CONTRAST = 3;

/** The same name has the same colour on every panel (`palette-classic-by-name`), and some names the same as others. */
export function paletteColorByName(name: string, theme: Theme): string {
  const readable = PALETTE.map((color) => colorByName(color, theme)).filter(
    (color) => contrast(color, theme.panel) >= READABLE_CONTRAST,
  );
  return readable[hashOf(name) % readable.length] ?? theme.text;
}

/** Bernstein's hash, from the end of the text to its beginning. */
function hashOf(text: string): number {
  let hash = 5381;
  for (let index = text.length - 1; index >= 0; index -= 1)
    hash = Math.imul(hash, 33) ^ text.charCodeAt(index);
  return hash >>> 0;
}

/** As WCAG 2 defines it, 1 to 21. */
function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((one, other) => other - one);
  return ((light ?? 0) + 0.05) / ((dark ?? 0) + 0.05);
}

function luminance(color: string): number {
  const [red, green, blue] = rgbaOf(color);
  const linear = (channel: number): number =>
    channel / 255 <= 0.03928 ? channel / 255 / 12.92 : ((channel / 255 + 0.055) / 1.055) ** 2.4;
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

export function colorByName(name: string, theme: Theme): string {
  if (name === 'transparent') return 'rgba(0,0,0,0)';
  if (name === 'text') return theme.text;
  return theme.hues[name] ?? name;
}

/** The colours between which `continuous-…` goes, from the lowest value to the highest. */
const GRADIENTS: Readonly<Record<string, readonly string[]>> = {
  'continuous-GrYlRd': ['green', 'yellow', 'red'],
  'continuous-RdYlGr': ['red', 'yellow', 'green'],
  'continuous-BlYlRd': ['dark-blue', 'super-light-yellow', 'dark-red'],
  'continuous-YlRd': ['super-light-yellow', 'dark-red'],
  'continuous-BlPu': ['blue', 'purple'],
  'continuous-YlBl': ['super-light-yellow', 'dark-blue'],
  'continuous-blues': ['panel', 'dark-blue'],
  'continuous-reds': ['panel', 'dark-red'],
  'continuous-greens': ['panel', 'dark-green'],
  'continuous-purples': ['panel', 'dark-purple'],
  'continuous-viridis': ['#440154', '#3b528b', '#21918c', '#5ec962', '#fde725'],
  'continuous-magma': ['#000004', '#51127c', '#b73779', '#fc8961', '#fcfdbf'],
};

export function gradientColor(mode: string, share: number, theme: Theme): string | undefined {
  const names = GRADIENTS[mode];
  if (names === undefined) return undefined;
  const stops = names.map((name) => (name === 'panel' ? theme.panel : colorByName(name, theme)));
  const position = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const low = Math.min(Math.floor(position), stops.length - 2);
  return mix(stops[low] ?? '', stops[low + 1] ?? '', position - low);
}

/** Orange to red and the like: the schemes of heat maps, by Grafana's names, from little to much. */
const SCHEMES: Readonly<Record<string, readonly string[]>> = {
  oranges: ['#fff5eb', '#fdd0a2', '#fd8d3c', '#d94801', '#7f2704'],
  blues: ['#f7fbff', '#c6dbef', '#6baed6', '#2171b5', '#08306b'],
  greens: ['#f7fcf5', '#c7e9c0', '#74c476', '#238b45', '#00441b'],
  purples: ['#fcfbfd', '#dadaeb', '#9e9ac8', '#6a51a3', '#3f007d'],
  spectral: ['#9e0142', '#f46d43', '#fee08b', '#e6f598', '#66c2a5', '#5e4fa2'],
  turbo: ['#23171b', '#26bce1', '#95fb51', '#ff821d', '#900c00'],
};

export function schemeColor(scheme: string, share: number, reverse: boolean): string {
  const stops = SCHEMES[scheme.toLowerCase()] ?? SCHEMES.oranges ?? [];
  const position = (reverse ? 1 - share : share) * (stops.length - 1);
  const low = Math.max(0, Math.min(Math.floor(position), stops.length - 2));
  return mix(stops[low] ?? '', stops[low + 1] ?? '', position - low);
}

type Rgba = readonly [red: number, green: number, blue: number, alpha: number];

function rgbaOf(color: string): Rgba {
  const hex = /^#([0-9a-f]{6})([0-9a-f]{2})?$/i.exec(color);
  if (hex?.[1] !== undefined) {
    const value = Number.parseInt(hex[1], 16);
    const alpha = hex[2] === undefined ? 1 : Number.parseInt(hex[2], 16) / 255;
    return [value >> 16, (value >> 8) & 255, value & 255, alpha];
  }
  const parts = (color.match(/[\d.]+/g) ?? []).map(Number);
  return [parts[0] ?? 128, parts[1] ?? 128, parts[2] ?? 128, parts[3] ?? 1];
}

export function withAlpha(color: string, alpha: number): string {
  const [red, green, blue, own] = rgbaOf(color);
  return `rgba(${red},${green},${blue},${Math.round(own * alpha * 1000) / 1000})`;
}

export function mix(from: string, to: string, share: number): string {
  const start = rgbaOf(from);
  const end = rgbaOf(to);
  const between = (index: 0 | 1 | 2): number =>
    Math.round(start[index] + (end[index] - start[index]) * share);
  return `rgb(${between(0)},${between(1)},${between(2)})`;
}

/** The colour of text that can be read on the given one. */
export function textOn(background: string, theme: Theme): string {
  const [red, green, blue, alpha] = rgbaOf(background);
  if (alpha < 0.3) return theme.text;
  return (red * 299 + green * 587 + blue * 114) / 1000 > 150 ? '#111217' : '#ffffff';
}
