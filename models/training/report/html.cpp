#include <fovea/models/training/report/html.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <fovea/config.h>
#include <fovea/models/training/report/chart.h>

namespace fovea::models {

namespace {

constexpr const char* kStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #fcfcfa; --ink: #1c1d20; --soft: #62656c; --rule: #e3e3df; --grid: #ecece8; --tint: #f2f2ee;
  --ours: #3457c9; --base: #b4b7be; --wrong: #d1453b; --right: #2f8f4e;
  --c0: #3457c9; --c1: #e08a00; --c2: #e5484d; --c3: #14a38b; --c4: #2f8f4e; --c5: #e667a3; --c6: #8e4ec6; --c7: #5aa9e6; --c8: #946a4b; --c9: #868a93;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #151619; --ink: #ececea; --soft: #9b9ea6; --rule: #2d2f34; --grid: #25272b; --tint: #1d1f23;
    --ours: #7c9cff; --base: #5b5f68; --wrong: #ff6b61; --right: #5cc27f;
    --c0: #7c9cff; --c1: #f2b34a; --c2: #ff7b72; --c3: #43cdb4; --c4: #6cc788; --c5: #ff96c5; --c6: #bd8cf0; --c7: #8ec9f7; --c8: #c39a7c; --c9: #a6aab3;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1080px; margin: 0 auto; padding: 56px 28px 72px; }
header { padding-bottom: 28px; border-bottom: 1px solid var(--rule); }
.eyebrow { margin: 0 0 6px; color: var(--soft); font-size: 13.5px; }
h1 { margin: 0; font-size: 40px; line-height: 1.12; letter-spacing: -0.022em; font-weight: 680; }
.headline { max-width: 46em; margin: 14px 0 18px; font-size: 19px; line-height: 1.45; }
.warning { max-width: 52em; margin: 0 0 18px; padding: 2px 0 2px 14px; border-left: 3px solid var(--wrong); }
.facts { display: flex; flex-wrap: wrap; gap: 6px 26px; margin: 0; font-size: 13.5px; }
.facts div { display: flex; gap: 7px; } .facts dt { color: var(--soft); } .facts dd { margin: 0; }
section { padding-top: 40px; }
h2 { margin: 0 0 4px; font-size: 21px; letter-spacing: -0.012em; font-weight: 640; }
.note { max-width: 52em; margin: 0 0 18px; color: var(--soft); font-size: 14px; }
table { border-collapse: collapse; width: 100%; font-size: 15px; }
th { color: var(--soft); font-weight: 500; font-size: 13px; text-align: left; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--rule); }
td { padding: 9px 12px 9px 0; border-bottom: 1px solid var(--rule); vertical-align: middle; }
.scores td:first-child { width: 30%; } .scores td { width: 35%; }
.scores tr.ours { font-weight: 620; }
.score { display: grid; grid-template-columns: 62px 1fr 52px; white-space: nowrap; align-items: center; gap: 10px; }
.bar { height: 9px; border-radius: 2px; background: var(--tint); overflow: hidden; } .bar i { display: block; height: 100%; background: var(--base); } .ours .bar i { background: var(--ours); }
.gain { color: var(--soft); font-size: 13px; font-weight: 400; } .gain.up { color: var(--right); } .gain.down { color: var(--wrong); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(430px, 100%), 1fr)); gap: 30px 32px; margin-top: 18px; }
figure { margin: 0; } figcaption { font-size: 15px; font-weight: 600; margin-bottom: 6px; } figcaption span { color: var(--soft); font-weight: 400; font-size: 13.5px; margin-left: 8px; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
.grid { stroke: var(--grid); stroke-width: 1; } .axis { stroke: var(--base); stroke-width: 1; } .frame { fill: none; stroke: var(--rule); }
.tick { fill: var(--soft); font-size: 11px; } .end { font-size: 11.5px; font-weight: 600; fill: var(--k); }
.line { fill: none; stroke: var(--k); stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; } .dot { fill: var(--k); stroke: var(--paper); stroke-width: 1.5; }
.reference { stroke: var(--soft); stroke-width: 1.1; stroke-dasharray: 4 4; }
.points { fill: none; stroke: var(--k); stroke-width: 4.2; stroke-linecap: round; stroke-opacity: .62; transition: stroke-opacity .15s; }
.c0 { --k: var(--c0); } .c1 { --k: var(--c1); } .c2 { --k: var(--c2); } .c3 { --k: var(--c3); } .c4 { --k: var(--c4); } .c5 { --k: var(--c5); } .c6 { --k: var(--c6); } .c7 { --k: var(--c7); } .c8 { --k: var(--c8); } .c9 { --k: var(--c9); }
img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; border-radius: 3px; background: var(--tint); image-rendering: pixelated; }
.views { display: grid; grid-template-columns: repeat(auto-fill, minmax(246px, 1fr)); gap: 18px 30px; }
.view { display: flex; gap: 6px; } .view img { flex: 0 1 78px; min-width: 0; width: 0; flex-grow: 1; } .view .original { margin-right: 8px; opacity: .92; outline: 1px solid var(--rule); outline-offset: 3px; }
.map { display: grid; grid-template-columns: minmax(0, 620px) 1fr; gap: 32px; align-items: start; }
.legend { list-style: none; margin: 12px 0 0; padding: 0; font-size: 14.5px; columns: 1; } .legend li { display: flex; align-items: center; gap: 9px; padding: 4px 0; cursor: default; } .legend i { width: 11px; height: 11px; border-radius: 50%; background: var(--k); }
.neighbours { overflow-x: auto; padding: 0 4px; margin: 0 -4px; } .row { display: grid; grid-template-columns: repeat(9, minmax(64px, 1fr)); gap: 12px; min-width: 780px; padding: 12px 0; border-bottom: 1px solid var(--rule); }
.cell { font-size: 12px; line-height: 1.3; color: var(--soft); } .cell img { margin-bottom: 5px; } .cell.query { margin-right: 14px; color: var(--ink); font-weight: 600; }
.cell.wrong img { outline: 2px solid var(--wrong); outline-offset: 1px; } .cell.wrong { color: var(--wrong); }
.options { display: grid; grid-template-columns: repeat(auto-fill, minmax(300px, 1fr)); gap: 0 32px; margin: 14px 0 0; font-size: 14px; } .options div { display: flex; justify-content: space-between; gap: 16px; padding: 5px 0; border-bottom: 1px solid var(--rule); } .options dt { color: var(--soft); white-space: nowrap; } .options dd { margin: 0; text-align: right; overflow-wrap: anywhere; min-width: 0; }
footer { margin-top: 48px; color: var(--soft); font-size: 13px; }
@media (max-width: 760px) { main { padding: 32px 18px; } h1 { font-size: 31px; } .map { grid-template-columns: 1fr; } .legend { columns: 2; } .score { grid-template-columns: 60px 1fr; } .score .bar { display: none; } }
)css";

std::string percent(double accuracy) {
  return fmt::format("{:.1f} %", 100 * accuracy);
}

std::string score_cell(double accuracy, double baseline, bool ours) {
  if (accuracy < 0) return "<td></td>";
  std::string gain;
  if (ours && baseline >= 0) {
    double points = std::round(1000 * (accuracy - baseline)) / 10 + 0.0;  // no -0.0
    gain = fmt::format(R"(<span class="gain {}" title="points above the better baseline">{:+.1f}</span>)",
                       points >= 0 ? "up" : "down", points);
  }
  return fmt::format(
      R"(<td><div class="score"><span>{}</span><div class="bar"><i style="width:{:.1f}%"></i></div>{}</div></td>)",
      percent(accuracy), 100 * std::clamp(accuracy, 0.0, 1.0), gain);
}

std::string base64(const std::vector<uint8_t>& bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    size_t left = bytes.size() - i;
    uint32_t v =
        uint32_t(bytes[i]) << 16 | (left > 1 ? uint32_t(bytes[i + 1]) << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
    out += kDigits[v >> 18];
    out += kDigits[v >> 12 & 63];
    out += left > 1 ? kDigits[v >> 6 & 63] : '=';
    out += left > 2 ? kDigits[v & 63] : '=';
  }
  return out;
}

std::string image(const Picture& picture, const char* css = "") {
  return fmt::format(R"(<img{} alt="{}" src="{}">)", css, escape(picture.alt),
                     "data:image/png;base64," + base64(data::encode_png(picture.image)));
}

// One overload for each kind of section: empty if the section is.
std::string body(const Table& table) {
  if (table.rows.empty()) return "";
  std::vector<double> baselines(table.columns.size(), -1);
  for (const Table::Row& row : table.rows)
    for (size_t c = 0; c < row.values.size(); ++c)
      if (!row.ours) baselines[c] = std::max(baselines[c], row.values[c]);
  std::string out = fmt::format(R"(<table class="scores"><thead><tr><th>{}</th>)", escape(table.name));
  for (const std::string& column : table.columns) out += fmt::format("<th>{}</th>", escape(column));
  out += "</tr></thead><tbody>";
  for (const Table::Row& row : table.rows) {
    out += fmt::format("<tr{}><td>{}</td>", row.ours ? R"( class="ours")" : "", escape(row.name));
    for (size_t c = 0; c < row.values.size(); ++c) out += score_cell(row.values[c], baselines[c], row.ours);
    out += "</tr>";
  }
  return out + "</tbody></table>";
}

std::string body(const Charts& charts) {
  std::string out;
  for (const Chart& chart : charts) {
    std::string drawing = svg(chart);
    if (drawing.empty()) continue;
    out += fmt::format("<figure><figcaption>{}<span>{}</span></figcaption>{}</figure>", escape(chart.title),
                       escape(chart.note), drawing);
  }
  return out.empty() ? out : R"(<div class="charts">)" + out + "</div>";
}

std::string cell(const Picture& picture) {
  return fmt::format(R"(<div class="cell{}{}"{}>{}{}</div>)", picture.framed ? " query" : "",
                     picture.wrong ? " wrong" : "",
                     picture.tip.empty() ? "" : fmt::format(R"( title="{}")", escape(picture.tip)), image(picture),
                     escape(picture.caption));
}

std::string body(const Pictures& pictures) {
  if (pictures.rows.empty()) return "";
  std::string out = pictures.lines ? R"(<div class="neighbours">)" : R"(<div class="views">)";
  for (const std::vector<Picture>& row : pictures.rows) {
    out += pictures.lines ? R"(<div class="row">)" : R"(<div class="view">)";
    for (const Picture& picture : row)
      out += pictures.lines ? cell(picture) : image(picture, picture.framed ? R"( class="original")" : "");
    out += "</div>";
  }
  return out + "</div>";
}

std::string body(const Scatter& scatter) {
  if (scatter.xy.empty()) return "";
  std::string legend = R"(<ul class="legend">)", hover = "<style>";
  for (size_t c = 0; c < scatter.class_names.size(); ++c) {
    legend += fmt::format(R"(<li class="c{} l{}"><i></i>{}</li>)", c % 10, c, escape(scatter.class_names[c]));
    hover += fmt::format(".map:has(.l{0}:hover) .points:not(.k{0}){{stroke-opacity:.06}}", c);
  }
  return hover + R"(</style><div class="map"><figure>)" + svg(scatter) + "</figure>" + legend + "</ul></div>";
}

std::string list(const Pairs& pairs, const char* css) {
  std::string out = fmt::format(R"(<dl class="{}">)", css);
  for (const auto& [name, value] : pairs)
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape(name), escape(value));
  return out + "</dl>";
}

std::string body(const Pairs& pairs) {
  return pairs.empty() ? "" : list(pairs, "options");
}

std::string body(const Text& text) {
  std::string out;
  for (const std::string& paragraph : text.paragraphs) out += fmt::format("<p>{}</p>", escape(paragraph));
  return out;
}

std::string section(const Section& section) {
  const std::string inside = std::visit([](const auto& kind) { return body(kind); }, section.body);
  if (inside.empty()) return "";
  return fmt::format("<section><h2>{}</h2>{}{}</section>\n", escape(section.title),
                     section.note.empty() ? "" : fmt::format(R"(<p class="note">{}</p>)", escape(section.note)),
                     inside);
}

}  // namespace

std::string html(const Page& page) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width, initial-scale=1\">"
      "<title>{0} on {1}</title><style>{2}</style></head>\n<body><main>\n<header><p class=\"eyebrow\">{3}</p><h1>{0} "
      "on {1}</h1><p class=\"headline\">{4}</p>",
      escape(page.title), escape(page.data), kStyle, escape(page.source), escape(page.headline));
  if (!page.warning.empty()) out += fmt::format("<p class=\"warning\">{}</p>", escape(page.warning));
  out += list(page.facts, "facts") + "</header>\n";
  for (const Section& part : page.sections) out += section(part);
  return out + fmt::format(
                   "<footer>fovea {}. The numbers behind this page: metrics.jsonl and summary.json beside "
                   "it.</footer>\n</main></body></html>\n",
                   kVersion);
}

}  // namespace fovea::models
