/// How a report looks: light and dark as the reader's system is, and light on paper.
///
/// The colours of series are Okabe and Ito's (2008), which people with any of the common kinds of colour blindness can tell, darkened on white and lightened
/// on black until lines of two pixels stand out; markers of different shapes say the same once more.
enum PageStyle {
    private static let light = """
        --bg: #ffffff; --fg: #1c2128; --muted: #59636e; --grid: #e4e7eb; --axis: #8b949e; --panel: #f6f8fa; --line: #d5dae0; --link: #0b5cad;
        --warn: #fff6dc; --warn-line: #c08a00; --bad: #b93c00; --bad-bg: #fdeee6; --good: #00724f;
        --s1: #0072b2; --s2: #d55e00; --s3: #00956c; --s4: #b0478f; --s5: #a87800; --s6: #3aa0d8; --s7: #626a73; --s8: #7d4b26;
        """
    private static let dark = """
        --bg: #12161b; --fg: #e4e8ec; --muted: #9aa4af; --grid: #262d35; --axis: #6b7580; --panel: #1a2027; --line: #333c46; --link: #7cbcf5;
        --warn: #2e2710; --warn-line: #d6a21f; --bad: #ff9a66; --bad-bg: #33201a; --good: #4fd0a3;
        --s1: #4ba6ea; --s2: #f2833f; --s3: #2cc795; --s4: #e08cc6; --s5: #e3b73a; --s6: #a3dcff; --s7: #b3bac2; --s8: #c8986c;
        """

    static let css = """
        :root { \(light) color-scheme: light dark; }
        @media (prefers-color-scheme: dark) { :root { \(dark) } }
        @media print { :root { \(light) color-scheme: light; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--bg); color: var(--fg); }
        body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
        header, main { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
        header { padding-top: 32px; }
        main { padding-bottom: 64px; }
        h1 { font-size: 1.85rem; line-height: 1.25; margin: 0 0 4px; letter-spacing: -0.01em; overflow-wrap: anywhere; }
        h2 { font-size: 1.3rem; margin: 44px 0 10px; padding-bottom: 5px; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
        h3 { font-size: 1.02rem; margin: 26px 0 6px; overflow-wrap: anywhere; }
        p { margin: 8px 0 12px; max-width: 76ch; }
        a { color: var(--link); }
        .muted, .when { color: var(--muted); }
        .when { margin: 0 0 14px; }
        .lead { font-size: 1.06rem; }
        nav ul { display: flex; flex-wrap: wrap; gap: 4px 18px; list-style: none; margin: 18px 0 0; padding: 10px 0; }
        nav ul { border-top: 1px solid var(--line); font-size: .92rem; }
        .box { border: 1px solid var(--line); border-left: 5px solid var(--warn-line); background: var(--warn); border-radius: 4px; }
        .box { padding: 10px 16px; margin: 14px 0; }
        .box.bad { border-left-color: var(--bad); background: var(--bad-bg); }
        .box h2 { border: 0; margin: 0; padding: 0; font-size: 1.02rem; }
        .box ul { margin: 4px 0; padding-left: 20px; }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 18px 0; padding: 0; }
        .tiles div { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; }
        .tiles dt { color: var(--muted); font-size: .84rem; margin: 0; }
        .tiles dd { margin: 0; font-size: 1.4rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.3; }
        .tiles dd small { font-size: .82rem; font-weight: 400; color: var(--muted); white-space: nowrap; }
        .scroll { overflow-x: auto; margin: 10px 0 16px; }
        table { border-collapse: collapse; font-size: .9rem; min-width: 50%; }
        caption { text-align: left; color: var(--muted); padding: 0 0 6px; font-size: .88rem; }
        th, td { padding: 5px 12px 5px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--grid); }
        thead th { border-bottom: 1px solid var(--axis); font-weight: 600; vertical-align: bottom; }
        tbody th { font-weight: 500; min-width: 6em; }
        .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
        tbody .first > * { border-top: 2px solid var(--line); }
        .nowrap { white-space: nowrap; }
        .met { color: var(--good); font-weight: 600; }
        .unmet { color: var(--bad); font-weight: 600; }
        pre { background: var(--panel); border: 1px solid var(--line); border-radius: 4px; padding: 12px 14px; overflow-x: auto; }
        pre { font: .84rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
        code { font: .92em ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
        details { margin: 4px 0 14px; font-size: .92rem; }
        summary { cursor: pointer; color: var(--link); }
        figure { margin: 14px 0 6px; }
        figcaption { color: var(--muted); font-size: .88rem; max-width: 84ch; margin-top: 2px; }
        .grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 440px), 1fr)); gap: 8px 28px; }
        .grid figure { margin: 8px 0; }
        .grid h3 { margin: 10px 0 0; }
        .legend { display: flex; flex-wrap: wrap; gap: 2px 18px; list-style: none; padding: 0; margin: 4px 0; font-size: .88rem; }
        .legend svg { width: 30px; height: 12px; vertical-align: -1px; margin-right: 6px; overflow: visible; }
        svg { display: block; width: 100%; height: auto; font-family: inherit; }
        .legend svg, .chip { display: inline-block; }
        /* The rim keeps letters legible where a line runs behind them. */
        svg text { fill: var(--fg); font-size: 12px; stroke: var(--bg); stroke-width: 3px; paint-order: stroke; stroke-linejoin: round; }
        svg .tick { fill: var(--muted); font-size: 11.5px; font-variant-numeric: tabular-nums; }
        svg .label { fill: var(--muted); font-size: 12px; }
        svg .strong { font-weight: 600; font-variant-numeric: tabular-nums; }
        svg .panel-name { font-weight: 600; font-size: 12px; }
        .gridline { stroke: var(--grid); stroke-width: 1; }
        .axisline { stroke: var(--axis); stroke-width: 1; }
        .line { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .thin { stroke-width: 1.3; opacity: .75; stroke-dasharray: 5 3; }
        .tail { stroke-dasharray: 1.5 4; stroke-width: 1.6; }
        .area { stroke: none; opacity: .14; }
        .bar { stroke: none; opacity: .82; }
        .dot { stroke: var(--fg); stroke-width: 1.1; fill: var(--bg); }
        .median { stroke: var(--fg); stroke-width: 2; }
        .mark { stroke: var(--bg); stroke-width: 1.2; }
        .hollow { fill: var(--bg) !important; stroke-width: 1.8; }
        .faint { opacity: .45; stroke: none; }
        .event { stroke: var(--fg); stroke-width: 1; stroke-dasharray: 3 3; opacity: .75; }
        .failure { stroke: var(--bad); stroke-width: 1.8; fill: none; }
        .rule { stroke: var(--axis); stroke-width: 1; }
        \((1...8).map { ".s\($0) { stroke: var(--s\($0)); } .f\($0) { fill: var(--s\($0)); }" }.joined(separator: "\n"))
        #readout { position: fixed; z-index: 2; pointer-events: none; background: var(--panel); color: var(--fg); padding: 6px 10px; }
        #readout { border: 1px solid var(--axis); border-radius: 4px; box-shadow: 0 2px 8px rgb(0 0 0 / .18); }
        #readout { font-size: .84rem; line-height: 1.45; font-variant-numeric: tabular-nums; }
        #readout[hidden] { display: none; }
        .chip { width: 9px; height: 9px; border-radius: 2px; margin-right: 6px; border: 0; }
        \((1...8).map { ".b\($0) { background: var(--s\($0)); }" }.joined(separator: " "))
        @media print {
          body { font-size: 10.5pt; }
          header, main { max-width: none; padding: 0; }
          nav, details, #readout { display: none; }
          figure, tr, .box, .tiles { break-inside: avoid; }
          h2, h3 { break-after: avoid; }
          .scroll { overflow: visible; }
          .grid { grid-template-columns: 1fr 1fr; }
          pre { white-space: pre-wrap; }
          * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
        }
        """
}
