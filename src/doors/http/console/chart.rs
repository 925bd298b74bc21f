//! Small line charts in SVG, without any script.

use maud::{Markup, html};

/// One line.
#[derive(Debug, Clone)]
pub struct Series {
    /// What it shows.
    pub name: String,
    /// The class that colours it.
    pub class: &'static str,
    /// From the oldest to the newest; none: nothing was measured then.
    pub values: Vec<Option<f64>>,
}

const WIDTH: f64 = 360.0;
const HEIGHT: f64 = 96.0;

/// The lines over one time axis of `slots` places, the newest at the right; `show` writes a value.
pub fn lines(title: &str, series: &[Series], slots: usize, show: impl Fn(Option<f64>) -> String) -> Markup {
    let top = series.iter().flat_map(|one| &one.values).flatten().fold(0.0_f64, |top, value| top.max(*value));
    let latest = |one: &Series| show(one.values.iter().rev().copied().find(Option::is_some).flatten());
    let summary: Vec<String> = series.iter().map(|one| format!("{} {}", one.name, latest(one))).collect();
    html! {
        figure .chart {
            figcaption {
                span .chart-title { (title) }
                @if top > 0.0 { span .faint { "peak " (show(Some(top))) } }
            }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) preserveAspectRatio="none" role="img"
                aria-label=(format!("{title}; now: {}", summary.join(", "))) {
                @for share in [0.25, 0.5, 0.75] {
                    line .grid x1="0" x2=(WIDTH) y1=(HEIGHT * share) y2=(HEIGHT * share) {}
                }
                @for one in series {
                    @for points in pieces(&one.values, slots, top) {
                        polyline class={ "line " (one.class) } points=(points) {}
                    }
                }
            }
            ul .legend {
                @for one in series {
                    li {
                        span class={ "key " (one.class) } aria-hidden="true" {}
                        (one.name) " " b { (latest(one)) }
                    }
                }
            }
        }
    }
}

/// The points of each stretch without gaps.
fn pieces(values: &[Option<f64>], slots: usize, top: f64) -> Vec<String> {
    let slots = slots.max(values.len()).max(2);
    let first = slots - values.len();
    #[allow(clippy::cast_precision_loss, reason = "a few hundred places")]
    let across = |place: usize| WIDTH * place as f64 / (slots - 1) as f64;
    // Half a line's width stays free above and below.
    let up =
        |value: f64| if top > 0.0 { (HEIGHT - 1.5) - (HEIGHT - 3.0) * value / top } else { HEIGHT - 1.5 };
    let mut pieces = vec![String::new()];
    for (position, value) in values.iter().enumerate() {
        match (value, pieces.last_mut()) {
            (Some(value), Some(piece)) => {
                let x = across(first + position);
                // A lone value is still a dot.
                let start = if piece.is_empty() {
                    format!("{:.1},{:.1} ", x - 0.5, up(*value))
                } else {
                    String::new()
                };
                *piece += &format!("{start}{x:.1},{:.1} ", up(*value));
            }
            (None, Some(piece)) if !piece.is_empty() => pieces.push(String::new()),
            _ => {}
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_gaps_where_nothing_was_measured() {
        let found = pieces(&[Some(1.0), Some(2.0), None, None, Some(0.0)], 5, 2.0);
        assert_eq!(found, ["-0.5,48.0 0.0,48.0 90.0,1.5 ", "359.5,94.5 360.0,94.5 "]);
        assert!(pieces(&[None], 5, 0.0).is_empty());
    }

    #[test]
    fn the_newest_value_is_at_the_right_edge() {
        assert_eq!(pieces(&[Some(1.0)], 361, 1.0), ["359.5,1.5 360.0,1.5 "]);
    }

    #[test]
    fn a_chart_says_in_words_what_it_shows() {
        let series = [Series { name: "<p99>".into(), class: "a", values: vec![Some(2.0), None] }];
        let chart =
            lines("Latency", &series, 10, |value| format!("{} s", value.unwrap_or_default())).into_string();
        assert!(chart.contains("aria-label=\"Latency; now: &lt;p99&gt; 2 s\""), "{chart}");
    }
}
