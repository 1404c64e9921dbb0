import type { Theme } from './colors.ts';

/** What Grafana's own style sheets make of a dashboard, as far as it shows in a picture. */
export function stylesheet(theme: Theme): string {
  return `
*{box-sizing:border-box}
body{margin:0;position:relative;overflow:hidden;background:${theme.canvas};color:${theme.text};font:14px/1.57 Inter,Helvetica,Arial,sans-serif;-webkit-font-smoothing:antialiased}
svg{display:block;flex:none}
svg text{font-family:inherit}
header .bar{height:48px;padding:0 16px;display:flex;align-items:center;justify-content:space-between}
header .crumbs{color:${theme.textSecondary}} header .crumbs em{font-style:normal;padding:0 6px} header strong{color:${theme.text};font-weight:500}
header .time{display:flex;align-items:center;gap:8px;border:1px solid ${theme.borderMedium};border-radius:6px;height:32px;padding:0 12px;background:${theme.panel};font-weight:500;font-size:13px}
header .time small{color:#ff9830;font-size:12px}
header .selectors{display:flex;flex-wrap:wrap;gap:8px;padding:0 16px}
header .gap{flex:1;margin-left:-8px}
.variable{display:flex;height:32px;border:1px solid ${theme.borderMedium};border-radius:6px;overflow:hidden}
.variable b{font-size:12px;font-weight:500;padding:0 8px;line-height:30px;background:${theme.secondary};border-right:1px solid ${theme.borderWeak}}
.variable i{font-style:normal;padding:0 8px;line-height:30px;background:${theme.canvas};max-width:260px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.variable u{display:inline-block;width:6px;height:6px;border:solid ${theme.textSecondary};border-width:0 1.5px 1.5px 0;transform:translateY(-3px) rotate(45deg);margin-left:6px}
.button{height:32px;line-height:30px;padding:0 12px;border:1px solid ${theme.borderMedium};border-radius:6px;color:${theme.text};background:${theme.secondary};white-space:nowrap}
.panel{position:absolute;background:${theme.panel};border:1px solid ${theme.borderWeak};border-radius:6px;overflow:hidden}
.panel.transparent{background:none;border-color:transparent}
.panel h2{margin:0;height:40px;padding:0 12px;font-size:14px;font-weight:500;line-height:40px;display:flex;align-items:center;gap:6px;color:${theme.text}}
.panel h2 small{font-size:12px;font-weight:400;color:#6e9fff;white-space:nowrap} .about{color:${theme.textSecondary};flex:none}
.rowhead{position:absolute;display:flex;align-items:center;gap:8px;font-size:16px;font-weight:500;padding-left:4px} .rowhead small{color:${theme.textSecondary};font-weight:400;font-size:13px}
.content{position:relative;overflow:hidden;box-sizing:content-box}
.fit{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;min-width:0}
.nodata{height:100%;display:flex;align-items:center;justify-content:center;color:${theme.textSecondary};text-align:center}
.viz{display:flex;width:100%;height:100%} .viz.column{flex-direction:column} .viz.row{gap:8px}
.legend{font-size:12px;overflow:hidden;flex:none} .legend.bottom{padding:2px 4px}
.legend .entry{display:inline-flex;align-items:center;gap:8px;height:22px;margin-right:16px;white-space:nowrap} .legend.right .entry{display:flex}
.legend .entry b{font-weight:500;color:${theme.textSecondary}}
.legend i{display:inline-block;flex:none;vertical-align:middle} .legend i.dash{width:14px;height:4px;border-radius:4px} .legend i.dot{width:14px;height:4px;border-radius:4px}
.legend table{width:100%;border-collapse:collapse} .legend td,.legend th{height:24px;padding:2px 8px;text-align:right;white-space:nowrap;border-bottom:1px solid ${theme.borderWeak};font-weight:400;line-height:1.3}
.legend th{color:${theme.link};font-weight:500} .legend .name{text-align:left;max-width:260px;overflow:hidden;text-overflow:ellipsis} .legend td.name i{margin-right:8px} .legend th.name{color:transparent}
.repeat{display:flex;gap:8px;width:100%;height:100%}
.stat{position:relative;display:flex;padding:8px;line-height:1.2;border-radius:6px;overflow:hidden;flex:none} .stat .fit{max-width:100%;flex:none}
.stat .spark{position:absolute;left:0;bottom:0}
.bars{display:flex;flex-direction:column;height:100%} .bars .bar{display:flex;align-items:center} .bars .bar>*{flex:none}
.upright{display:flex;flex-direction:column;align-items:center;gap:4px}
.tablebox{position:relative;overflow:hidden;margin:0 -1px}
table.grid{table-layout:fixed;border-collapse:collapse}
.grid th{height:36px;padding:0 6px;text-align:left;font-weight:500;color:${theme.text};border-bottom:1px solid ${theme.borderMedium};overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.grid td{padding:0 6px;border-bottom:1px solid ${theme.borderWeak};overflow:hidden;white-space:nowrap;text-overflow:ellipsis} .grid td .fit{display:block}
.grid .right,.footer .right{text-align:right} .grid td.mono{font-family:'DejaVu Sans Mono',monospace;font-size:12px}
.grid td.link{color:${theme.link}} .grid .gaugecell{white-space:nowrap} .grid .gaugecell>*{display:inline-block;vertical-align:middle} .grid .gaugecell span{padding-left:8px;float:right}
.footer{position:absolute;bottom:0;left:0;display:flex;height:36px;line-height:35px;border-top:1px solid ${theme.borderMedium};background:${theme.panel};font-weight:500} .footer span{padding:0 6px;overflow:hidden;flex:none}
.markdown{padding:0 4px;line-height:1.57} .markdown p{margin:0 0 12px} .markdown h1{font-size:24px;font-weight:400;margin:0 0 12px} .markdown h2{all:unset;display:block;font-size:21px;margin:0 0 12px} .markdown h3{font-size:18px;font-weight:400;margin:0 0 8px}
.markdown a{color:${theme.link}} .markdown code{font-family:'DejaVu Sans Mono',monospace;font-size:12px;background:${theme.secondary};border:1px solid ${theme.borderWeak};border-radius:4px;padding:1px 4px} .markdown ul,.markdown ol{margin:0 0 12px;padding-left:22px} .markdown li{margin:2px 0}
.markdown table{border-collapse:collapse} .markdown td,.markdown th{border:1px solid ${theme.borderWeak};padding:4px 10px;text-align:left;font-weight:400}
`;
}
