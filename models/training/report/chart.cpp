#include <fovea/models/training/report/chart.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include <fmt/format.h>

namespace fovea::models {

namespace {

constexpr double kWidth = 480, kHeight = 232;
constexpr double kLeft = 52, kRight = 66, kTop = 12, kBottom = 36;
constexpr size_t kMaxPoints = 400;  // more than the plot has pixels adds bytes, not information

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();
  void add(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v), high = std::max(high, v);
  }
  bool empty() const { return !(low <= high); }
  void widen(double share) {
    double margin = high > low ? (high - low) * share : std::max(std::abs(high) * 0.1, 1e-9);
    low -= margin, high += margin;
  }
};

// Means of equal runs of points.
Curve thinned(const Curve& curve) {
  Curve finite{curve.name, {}, {}, curve.dots};
  for (size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i)
    if (std::isfinite(curve.x[i]) && std::isfinite(curve.y[i]))
      finite.x.push_back(curve.x[i]), finite.y.push_back(curve.y[i]);
  size_t n = finite.x.size();
  if (n <= kMaxPoints) return finite;
  Curve out{curve.name, {}, {}, curve.dots};
  for (size_t bucket = 0; bucket < kMaxPoints; ++bucket) {
    size_t begin = bucket * n / kMaxPoints, end = (bucket + 1) * n / kMaxPoints;
    double x = 0, y = 0;
    for (size_t i = begin; i < end; ++i) x += finite.x[i], y += finite.y[i];
    out.x.push_back(x / double(end - begin)), out.y.push_back(y / double(end - begin));
  }
  out.x.back() = finite.x.back(), out.y.back() = finite.y.back();
  return out;
}

// 0.0004, 12, 3.5e6: as short as the distance between ticks allows.
std::string tick_text(double value, double step) {
  if (std::abs(value) < step * 1e-6) return "0";
  if (std::abs(value) >= 1e6 || step < 1e-5) return fmt::format("{:.2g}", value);
  int decimals = std::clamp(int(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
  return fmt::format("{:.{}f}", value, decimals);
}

// Places labels at the wanted heights, pushed apart so that none overlaps.
struct EndLabel {
  double y;
  std::string text, css;
};
void spread(std::vector<EndLabel>& labels) {
  constexpr double kGap = 13;
  std::sort(labels.begin(), labels.end(), [](const EndLabel& a, const EndLabel& b) { return a.y < b.y; });
  for (size_t i = 1; i < labels.size(); ++i) labels[i].y = std::max(labels[i].y, labels[i - 1].y + kGap);
  double over = labels.empty() ? 0 : labels.back().y - (kHeight - kBottom + 4);
  if (over > 0)
    for (EndLabel& label : labels) label.y -= over;
}

}  // namespace

std::vector<double> ticks(double low, double high, int count) {
  if (!(high > low) || count < 1) return {low};
  double raw = (high - low) / count, power = std::pow(10.0, std::floor(std::log10(raw))), step = 10 * power;
  for (double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  std::vector<double> out;
  for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) out.push_back(i * step);
  return out;
}

std::string escape(const std::string& text) {
  std::string out;
  for (char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  return out;
}

std::string svg(const Chart& chart) {
  std::vector<Curve> curves;
  Range xs, ys;
  for (const Curve& curve : chart.curves) {
    curves.push_back(thinned(curve));
    for (double x : curves.back().x) xs.add(x);
    for (double y : curves.back().y) ys.add(y);
  }
  if (xs.empty() || ys.empty()) return "";
  for (const Reference& reference : chart.references) ys.add(reference.y);
  ys.widen(0.06);
  if (chart.from_zero) ys.low = 0;
  if (xs.high == xs.low) xs.widen(0.5);
  auto to_x = [&](double x) { return kLeft + (x - xs.low) / (xs.high - xs.low) * (kWidth - kLeft - kRight); };
  auto to_y = [&](double y) { return kTop + (ys.high - y) / (ys.high - ys.low) * (kHeight - kTop - kBottom); };
  auto value = [&](double y) { return fmt::format("{:.{}f}", y * chart.scale, chart.decimals); };

  std::string out = fmt::format(R"(<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">)", kWidth,
                                kHeight, escape(chart.title));
  std::vector<double> y_ticks = ticks(ys.low * chart.scale, ys.high * chart.scale, 5);
  double y_step = y_ticks.size() > 1 ? y_ticks[1] - y_ticks[0] : 1;
  for (double t : y_ticks) {
    double y = to_y(t / chart.scale);
    out += fmt::format(
        R"(<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>)",
        kLeft, kWidth - kRight, y, y, kLeft - 8, y + 3.5, tick_text(t, y_step));
  }
  std::vector<double> x_ticks = ticks(xs.low, xs.high, 6);
  double x_step = x_ticks.size() > 1 ? x_ticks[1] - x_ticks[0] : 1;
  double base = kHeight - kBottom;
  out += fmt::format(R"(<line class="axis" x1="{}" x2="{}" y1="{}" y2="{}"/>)", kLeft, kWidth - kRight, base, base);
  for (double t : x_ticks)
    out += fmt::format(
        R"(<line class="axis" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/><text class="tick" x="{0:.1f}" y="{3}" text-anchor="middle">{4}</text>)",
        to_x(t), base, base + 4, base + 16, tick_text(t, x_step));
  out += fmt::format(R"(<text class="tick" x="{}" y="{}" text-anchor="middle">{}</text>)",
                     (kLeft + kWidth - kRight) / 2, kHeight - 4, escape(chart.x_label));

  std::vector<EndLabel> labels;
  for (const Reference& reference : chart.references) {
    double y = to_y(reference.y);
    out +=
        fmt::format(R"(<line class="reference" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"><title>{}: {}</title></line>)",
                    kLeft, kWidth - kRight, y, y, escape(reference.name), value(reference.y));
    labels.push_back({y + 3.5, escape(reference.name), "tick"});
  }
  for (size_t c = 0; c < curves.size(); ++c) {
    const Curve& curve = curves[c];
    if (curve.x.empty()) continue;
    std::string points;
    for (size_t i = 0; i < curve.x.size(); ++i)
      points += fmt::format("{:.1f},{:.1f} ", to_x(curve.x[i]), to_y(curve.y[i]));
    points.pop_back();
    out += fmt::format(R"(<polyline class="line c{}" points="{}"/>)", c, points);
    if (curve.dots || curve.x.size() == 1)
      for (size_t i = 0; i < curve.x.size(); ++i)
        out +=
            fmt::format(R"(<circle class="dot c{}" cx="{:.1f}" cy="{:.1f}" r="3"><title>{} {:g}: {}</title></circle>)",
                        c, to_x(curve.x[i]), to_y(curve.y[i]), escape(chart.x_label), curve.x[i], value(curve.y[i]));
    std::string text = curve.name.empty() ? value(curve.y.back()) : escape(curve.name) + " " + value(curve.y.back());
    labels.push_back({to_y(curve.y.back()) + 3.5, text, fmt::format("end c{}", c)});
  }
  spread(labels);
  for (const EndLabel& label : labels)
    out += fmt::format(R"(<text class="{}" x="{}" y="{:.1f}">{}</text>)", label.css, kWidth - kRight + 6, label.y,
                       label.text);
  return out + "</svg>";
}

std::string svg(const Scatter& scatter) {
  constexpr double kSide = 560, kMargin = 28;
  Range xs, ys;
  size_t n = std::min(scatter.xy.size() / 2, scatter.classes.size());
  for (size_t i = 0; i < n; ++i) xs.add(scatter.xy[2 * i]), ys.add(scatter.xy[2 * i + 1]);
  if (xs.empty() || ys.empty()) return "";
  xs.widen(0.03), ys.widen(0.03);
  // A class is one path of zero-length strokes with round caps: the shortest way to write thousands of dots.
  std::vector<std::string> paths(scatter.class_names.size());
  for (size_t i = 0; i < n; ++i) {
    size_t c = size_t(scatter.classes[i]);
    if (c >= paths.size()) continue;
    double x = kMargin + (scatter.xy[2 * i] - xs.low) / (xs.high - xs.low) * (kSide - 2 * kMargin);
    double y = kMargin + (ys.high - scatter.xy[2 * i + 1]) / (ys.high - ys.low) * (kSide - 2 * kMargin);
    paths[c] += fmt::format("M{:.1f} {:.1f}h0", x, y);
  }
  std::string out = fmt::format(R"(<svg class="scatter" viewBox="0 0 {} {}" role="img" aria-label="{} against {}">)",
                                kSide, kSide, escape(scatter.y_label), escape(scatter.x_label));
  double end = kSide - kMargin;
  out += fmt::format(R"(<rect class="frame" x="{0}" y="{0}" width="{1}" height="{1}"/>)", kMargin / 2, kSide - kMargin);
  for (size_t c = 0; c < paths.size(); ++c)
    out += fmt::format(R"(<path class="points k{} c{}" d="{}"><title>{}</title></path>)", c, c % 10, paths[c],
                       escape(scatter.class_names[c]));
  out += fmt::format(R"(<text class="tick" x="{}" y="{}" text-anchor="end">{}</text>)", end, kSide - 2,
                     escape(scatter.x_label));
  out += fmt::format(
      R"svg(<text class="tick" x="8" y="{0}" transform="rotate(-90 8 {0})" text-anchor="start">{1}</text>)svg", end,
      escape(scatter.y_label));
  return out + "</svg>";
}

}  // namespace fovea::models
