//! An evaluation as a page of plots that needs nothing but a browser: no script, no network.

use std::fmt::Write as _;

use super::evaluate::{Evaluation, Figures};
use super::explain::in_words;
use super::pairs::Scored;
use crate::config::linking::{Comparison, Declaration};

const CSS: &str = include_str!("page.css");

/// The weights that the histogram shows, in bits; what lies beyond is shown at its ends.
const SHOWN_BITS: std::ops::RangeInclusive<i32> = -40..=40;

/// The page as HTML.
pub fn page(
    inputs: &[String],
    record_count: usize,
    model: &Declaration,
    scored: &Scored,
    evaluation: &Evaluation,
) -> String {
    let at = &evaluation.at_threshold;
    let mut page = String::new();
    let title = format!("Linking of {}", inputs.join(", "));
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{0}</title>\n\
         <style>\n{CSS}</style>\n<h1>{0}</h1>\n",
        escaped(&title)
    );
    let _ = writeln!(
        page,
        "<p class=\"how\">{record_count} records, {} pairs compared. Pairs of a customer against \
         pairs of a person, at the threshold of {} bits; the highest F1, {:.4}, is at {}.</p>",
        scored.compared_count, at.threshold, evaluation.best.f1, evaluation.best.threshold
    );
    page.push_str("<dl>\n");
    for (name, value) in [
        ("precision", at.precision),
        ("recall", at.recall),
        ("F1", at.f1),
        ("B³ precision", at.b_cubed_precision),
        ("B³ recall", at.b_cubed_recall),
        ("B³ F1", at.b_cubed_f1),
    ] {
        let _ = writeln!(page, "<div><dt>{name}</dt><dd>{value:.4}</dd></div>");
    }
    page.push_str("</dl>\n<div class=\"beside\">\n");
    page.push_str(&by_threshold(evaluation));
    page.push_str(&precision_recall(evaluation));
    page.push_str("</div>\n");
    page.push_str(&histogram(scored, at.threshold));
    page.push_str(&levels(model));
    page.push_str(&worst(evaluation));
    page.push_str(&table(evaluation));
    page.push_str("</html>\n");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What of a plot is inside its margins, and the scales of its axes.
struct Plot {
    width: f64,
    height: f64,
    left: f64,
    bottom: f64,
    x: (f64, f64),
    y: (f64, f64),
}

/// Room above and to the right of a plot.
const TOP: f64 = 12.0;
const RIGHT: f64 = 14.0;

impl Plot {
    fn x(&self, value: f64) -> f64 {
        let (from, to) = self.x;
        self.left + (value - from) / (to - from) * (self.width - self.left - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        let (from, to) = self.y;
        self.height - self.bottom - (value - from) / (to - from) * (self.height - self.bottom - TOP)
    }

    fn begin(&self, about: &str) -> String {
        format!(
            "<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" role=\"img\" aria-label=\"{2}\">\n",
            self.width,
            self.height,
            escaped(about)
        )
    }

    /// Lines across at these values, with what is written beside each.
    fn across(&self, svg: &mut String, ticks: &[(f64, String)]) {
        for (value, text) in ticks {
            let (y, right) = (self.y(*value), self.width - RIGHT);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{1:.1}\" y=\"{2:.1}\" text-anchor=\"end\">{text}</text>",
                self.left,
                self.left - 6.0,
                y + 4.0
            );
        }
    }

    /// What is written under the plot at these values, and what they are.
    fn under(&self, svg: &mut String, ticks: &[(f64, String)], name: &str) {
        let below = self.height - self.bottom;
        for (value, text) in ticks {
            let x = self.x(*value);
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                below + 16.0
            );
        }
        let middle = (self.left + self.width - RIGHT) / 2.0;
        let _ = writeln!(
            svg,
            "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
            below + 34.0
        );
    }

    /// A line down at a value.
    fn mark(&self, svg: &mut String, value: f64, about: &str) {
        let x = self.x(value);
        let _ = writeln!(
            svg,
            "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\">\
             <title>{about}</title></line>",
            self.height - self.bottom
        );
    }
}

fn legend(series: &[(&str, &str)]) -> String {
    let key = |(colour, name): &(&str, &str)| {
        format!("<span><i class=\"key\" style=\"background:var(--{colour})\"></i>{name}</span>")
    };
    format!("<div class=\"legend\">{}</div>\n", series.iter().map(key).collect::<String>())
}

/// A figure and what it is drawn as.
type Series = (&'static str, &'static str, fn(&Figures) -> f64);

fn shares(from: f64) -> Vec<(f64, String)> {
    (0..=5)
        .map(|step| from + (1.0 - from) * f64::from(step) / 5.0)
        .map(|at| (at, format!("{at:.2}")))
        .collect()
}

fn by_threshold(evaluation: &Evaluation) -> String {
    const SERIES: [Series; 3] = [
        ("one", "precision", |one| one.precision),
        ("two", "recall", |one| one.recall),
        ("three", "F1", |one| one.f1),
    ];
    let figures = &evaluation.by_threshold;
    let from = figures.first().map_or(0.0, |one| one.threshold);
    let to = figures.last().map_or(1.0, |one| one.threshold).max(from + 1.0);
    let plot = Plot {
        width: 470.0,
        height: 290.0,
        left: 44.0,
        bottom: 42.0,
        x: (from, to),
        y: (0.0, 1.0),
    };
    let mut svg = plot.begin("Precision, recall and F1 by threshold");
    plot.across(&mut svg, &shares(0.0));
    let tick = |figures: &Figures| (figures.threshold, format!("{}", figures.threshold));
    let ticks: Vec<_> = figures.iter().step_by(5).map(tick).collect();
    plot.under(&mut svg, &ticks, "threshold, bits");
    let at = evaluation.at_threshold.threshold;
    plot.mark(&mut svg, at.clamp(from, to), &format!("the threshold: {at} bits"));
    for (colour, name, value) in SERIES {
        let point =
            |one: &Figures| format!("{:.1},{:.1}", plot.x(one.threshold), plot.y(value(one)));
        let points: Vec<String> = figures.iter().map(point).collect();
        let _ =
            writeln!(svg, "<polyline class=\"line {colour}\" points=\"{}\"/>", points.join(" "));
        for one in figures {
            let _ = writeln!(
                svg,
                "<circle class=\"fill-{colour}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"2.5\"><title>{name} \
                 {:.4} at {} bits</title></circle>",
                plot.x(one.threshold),
                plot.y(value(one)),
                value(one),
                one.threshold
            );
        }
    }
    let key: Vec<(&str, &str)> = SERIES.iter().map(|(colour, name, _)| (*colour, *name)).collect();
    format!("<figure><h2>By threshold</h2>\n{}{svg}</svg></figure>\n", legend(&key))
}

fn precision_recall(evaluation: &Evaluation) -> String {
    let figures = &evaluation.by_threshold;
    let all = || figures.iter().chain([&evaluation.at_threshold]);
    let least = all().flat_map(|one| [one.precision, one.recall]).fold(1.0, f64::min);
    // Wide enough to tell the points of a good model from one another.
    let from = [0.95, 0.9, 0.75, 0.5].into_iter().find(|from| least >= *from).unwrap_or(0.0);
    let axis = (from, 1.0);
    let plot = Plot { width: 470.0, height: 290.0, left: 44.0, bottom: 42.0, x: axis, y: axis };
    let mut svg = plot.begin("Precision by recall");
    plot.across(&mut svg, &shares(from));
    plot.under(&mut svg, &shares(from), "recall");
    let point = |one: &Figures| format!("{:.1},{:.1}", plot.x(one.recall), plot.y(one.precision));
    let points: Vec<String> = figures.iter().map(point).collect();
    let _ = writeln!(svg, "<polyline class=\"line one\" points=\"{}\"/>", points.join(" "));
    let mut dot = |one: &Figures, class: &str, radius: u32| {
        let _ = writeln!(
            svg,
            "<circle class=\"{class}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius}\"><title>precision \
             {:.4}, recall {:.4} at {} bits</title></circle>",
            plot.x(one.recall),
            plot.y(one.precision),
            one.precision,
            one.recall,
            one.threshold
        );
    };
    for one in figures {
        dot(one, "fill-one", 3);
    }
    dot(&evaluation.at_threshold, "fill-two", 6);
    format!(
        "<figure><h2>Precision by recall</h2>\n{}{svg}</svg></figure>\n",
        legend(&[("one", "each threshold"), ("two", "the threshold in use")])
    )
}

fn histogram(scored: &Scored, threshold: f64) -> String {
    let (least, most) = (*SHOWN_BITS.start(), *SHOWN_BITS.end());
    let mut shown: std::collections::BTreeMap<i32, [u64; 2]> = std::collections::BTreeMap::new();
    for (bits, weighed) in &scored.weights {
        let counts = shown.entry((*bits).clamp(least, most)).or_default();
        let [others, same] = counts;
        *others += weighed.pair_count - weighed.true_count;
        *same += weighed.true_count;
    }
    let from = shown.keys().next().copied().unwrap_or(least).min(0);
    let to = shown.keys().last().copied().unwrap_or(most).max(0) + 1;
    let highest = shown.values().flatten().copied().max().unwrap_or(1).max(10);
    let decades = (highest as f64).log10().ceil();
    let (x, y) = ((f64::from(from), f64::from(to)), (0.0, decades));
    let plot = Plot { width: 960.0, height: 300.0, left: 64.0, bottom: 42.0, x, y };
    let mut svg = plot.begin("How many pairs weigh how much");
    let ticks: Vec<_> = (0..=decades as i32)
        .map(|decade| (f64::from(decade), format!("{}", 10_f64.powi(decade))))
        .collect();
    plot.across(&mut svg, &ticks);
    let ticks: Vec<_> = (from..=to)
        .filter(|bits| bits % 5 == 0)
        .map(|bits| (f64::from(bits), bits.to_string()))
        .collect();
    plot.under(&mut svg, &ticks, "match weight, bits");
    let half = (plot.x(f64::from(from) + 1.0) - plot.x(f64::from(from))) / 2.0 - 1.0;
    for (bits, counts) in &shown {
        for (place, (count, (colour, what))) in
            counts.iter().zip([("one", "two persons"), ("two", "one person")]).enumerate()
        {
            if *count == 0 {
                continue;
            }
            // A single pair is to be seen too.
            let height = (*count as f64).log10().max(0.04);
            let left = plot.x(f64::from(*bits)) + 1.0 + place as f64 * half;
            let top = plot.y(height);
            let _ = writeln!(
                svg,
                "<rect class=\"fill-{colour}\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" \
                 height=\"{:.1}\"><title>{count} pairs of {what}, {bits} to {} bits</title></rect>",
                (half - 0.5).max(0.5),
                plot.y(0.0) - top,
                bits + 1
            );
        }
    }
    plot.mark(
        &mut svg,
        threshold.clamp(plot.x.0, plot.x.1),
        &format!("the threshold: {threshold} bits"),
    );
    format!(
        "<h2>Match weights</h2>\n<p class=\"how\">How many of the compared pairs weigh so many bits; \
         each line across is ten times the one below. The dashed line is the threshold; pairs \
         beyond {least} and {most} bits stand at the ends.</p>\n{}<figure>{svg}</svg></figure>\n",
        legend(&[("one", "pairs of two persons"), ("two", "pairs of one person")])
    )
}

/// The least probability that the plot of levels shows.
const LEAST_SHOWN: f64 = 1e-6;
/// How high a level is drawn, and a comparison's name.
const ROW: f64 = 22.0;
const HEADING: f64 = 26.0;

fn levels(model: &Declaration) -> String {
    let telling = |comparison: &Comparison| comparison.telling().count() as f64;
    let height: f64 =
        model.comparisons.iter().map(|comparison| HEADING + ROW * telling(comparison)).sum();
    let x = (LEAST_SHOWN.log10(), 0.0);
    let plot =
        Plot { width: 960.0, height: height + 70.0, left: 330.0, bottom: 42.0, x, y: (0.0, 1.0) };
    let mut svg = plot.begin("m and u of each level");
    let ticks: Vec<_> = (-6..=0).map(|decade| (f64::from(decade), decimal(decade))).collect();
    plot.under(&mut svg, &ticks, "probability of the level");
    for (tick, _) in &ticks {
        let at = plot.x(*tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"/>",
            plot.height - plot.bottom
        );
    }
    let mut y = TOP;
    for comparison in &model.comparisons {
        y += HEADING;
        let name = escaped(&comparison.name);
        let _ = writeln!(svg, "<text class=\"strong\" x=\"0\" y=\"{:.1}\">{name}</text>", y - 8.0);
        for level in comparison.levels.iter().filter(|level| !level.test.is_missing()) {
            y += ROW;
            let (Some(m), Some(u)) = (&level.m, &level.u) else { continue };
            let at = |value: f64| plot.x(value.max(LEAST_SHOWN).log10());
            let (of_m, of_u) = (at(m.value), at(u.value));
            let colour = if m.value >= u.value { "one" } else { "two" };
            let label = shortened(&in_words(comparison, level));
            let _ = writeln!(
                svg,
                "<text x=\"14\" y=\"{0:.1}\">{1}</text>\
                 <text x=\"{2:.1}\" y=\"{0:.1}\" text-anchor=\"end\">{3:+.1}</text>\
                 <line class=\"line {colour}\" x1=\"{of_u:.1}\" x2=\"{of_m:.1}\" y1=\"{4:.1}\" \
                 y2=\"{4:.1}\"/>\
                 <circle class=\"fill-one\" cx=\"{of_m:.1}\" cy=\"{4:.1}\" r=\"5\"><title>m \
                 {5:.6}</title></circle>\
                 <circle class=\"fill-two\" cx=\"{of_u:.1}\" cy=\"{4:.1}\" r=\"5\"><title>u \
                 {6:.6}</title></circle>",
                y - 6.0,
                escaped(&label),
                plot.left - 14.0,
                (m.value / u.value).log2(),
                y - 10.0,
                m.value,
                u.value
            );
        }
    }
    format!(
        "<h2>What levels are worth</h2>\n<p class=\"how\">How often a level holds among pairs of one \
         person (m) and of others (u); the farther apart, the more it tells. The number is \
         log2(m / u), in bits, before the frequency of the value.</p>\n{}<figure>{svg}</svg></figure>\n",
        legend(&[("one", "m, among pairs of one person"), ("two", "u, among others")])
    )
}

fn decimal(decade: i32) -> String {
    match decade {
        0 => "1".to_string(),
        decade => format!("{:.*}", usize::try_from(-decade).unwrap_or(0), 10_f64.powi(decade)),
    }
}

/// A label that fits beside a plot.
fn shortened(label: &str) -> String {
    const MOST: usize = 38;
    match label.chars().count() {
        count if count <= MOST => label.to_string(),
        _ => label.chars().take(MOST - 1).chain(['…']).collect(),
    }
}

fn worst(evaluation: &Evaluation) -> String {
    if evaluation.worst_clusters.is_empty() {
        return "<h2>Worst customers</h2>\n<p>No customer is several persons.</p>\n".to_string();
    }
    let mut rows = String::new();
    for wrong in &evaluation.worst_clusters {
        let _ = writeln!(
            rows,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escaped(&wrong.record),
            wrong.record_count,
            wrong.person_count,
            wrong.false_pairs
        );
    }
    format!(
        "<h2>Worst customers</h2>\n<div class=\"scroll\"><table><tr><th>first record</th>\
         <th>records</th><th>persons</th><th>wrong pairs</th></tr>\n{rows}</table></div>\n"
    )
}

fn table(evaluation: &Evaluation) -> String {
    let mut rows = String::new();
    let at = &evaluation.at_threshold;
    let mut all: Vec<&Figures> = evaluation.by_threshold.iter().collect();
    if !all.iter().any(|one| one.threshold == at.threshold) {
        all.push(at);
        all.sort_by(|one, other| one.threshold.total_cmp(&other.threshold));
    }
    for one in all {
        let class = if one.threshold == at.threshold { " class=\"chosen\"" } else { "" };
        let _ = writeln!(
            rows,
            "<tr{class}><td>{}</td><td>{:.4}</td><td>{:.4}</td><td>{:.4}</td><td>{:.4}</td>\
             <td>{:.4}</td><td>{:.4}</td><td>{}</td><td>{}</td></tr>",
            one.threshold,
            one.precision,
            one.recall,
            one.f1,
            one.b_cubed_precision,
            one.b_cubed_recall,
            one.b_cubed_f1,
            one.false_positives,
            one.false_negatives
        );
    }
    format!(
        "<h2>All thresholds</h2>\n<div class=\"scroll\"><table><tr><th>bits</th><th>precision</th>\
         <th>recall</th><th>F1</th><th>B³ precision</th><th>B³ recall</th><th>B³ F1</th>\
         <th>wrong pairs</th><th>missed pairs</th></tr>\n{rows}</table></div>\n"
    )
}
