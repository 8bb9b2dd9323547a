//! Axes, escaping, and that a drawing is the same text every time.

use super::scale::{Scale, round_step, round_up};
use super::svg::{Anchor, Svg, escape, fit};
use super::*;

fn figure(title: &str) -> Figure {
    Figure { id: "f1".to_owned(), title: title.to_owned(), description: "what it shows".to_owned() }
}

#[test]
fn ticks_are_round_and_inside_the_axis() {
    let scale = Scale::new((0.0, 0.4), (100.0, 300.0));
    let ticks = scale.ticks(4);
    assert_eq!(ticks.len(), 5);
    assert!((ticks[4] - 0.4).abs() < 1e-12);
    assert_eq!(scale.at(0.2), 200.0);
    assert_eq!(scale.at(9.0), 300.0, "what lies outside is drawn at the edge");
    assert_eq!(Scale::new((-0.5, 0.5), (0.0, 1.0)).ticks(4), [-0.5, -0.25, 0.0, 0.25, 0.5]);
    for ends in [(0.0, f64::INFINITY), (f64::MIN, f64::MAX), (0.0, f64::NAN), (1e300, 1e300), (0.0, 5e-324)] {
        assert!(Scale::new(ends, (0.0, 1.0)).ticks(4).len() <= 10, "{ends:?}");
    }
}

#[test]
fn steps_survive_odd_ranges() {
    assert_eq!(round_step(0.03), 0.05);
    assert_eq!(round_step(0.0), 1.0);
    assert_eq!(round_step(f64::NAN), 1.0);
    assert!((round_up(0.37) - 0.4).abs() < 1e-12);
    assert!((round_up(0.205) - 0.3).abs() < 1e-12);
    assert!((round_up(1.0) - 1.0).abs() < 1e-12);
    assert!(Scale::new((1.0, 1.0), (0.0, 10.0)).at(1.0).is_finite());
}

#[test]
fn text_is_escaped_everywhere() {
    assert_eq!(escape("<a href='x'>&\u{7}"), "&lt;a href=&#39;x&#39;&gt;&amp;\u{fffd}");
    let mut svg = Svg::new(10.0, 10.0);
    svg.text("label", Anchor::Start, (0.0, 0.0), "<script>");
    let text = svg.finish(&figure("</title><script>"));
    assert!(!text.contains("<script>"), "{text}");
    assert!(text.contains("&lt;/title&gt;&lt;script&gt;"));
}

#[test]
fn long_labels_are_cut() {
    assert_eq!(fit("short", 100.0), "short");
    assert_eq!(fit("embarrassment and shame", 60.0), "embarrass…");
}

#[test]
fn names_of_18_characters_are_whole_beside_a_dumbbell() {
    let label = "Trinidad & Tobago!".to_owned();
    assert_eq!(label.chars().count(), 18);
    let span = Some(Span { value: 0.2, range: None });
    let row = DumbbellRow { label, people: span, model: span, model_mixture: None };
    let text = dumbbell(&DumbbellChart { figure: figure("a"), rows: vec![row], axis: (0.0, 1.0) });
    assert!(text.contains("Trinidad &amp; Tobago!"), "{text}");
}

#[test]
fn coordinates_are_rounded() {
    let mut svg = Svg::new(10.0, 10.0);
    svg.circle("model mark", (1.0 / 3.0, -0.01), 2.0);
    assert!(svg.finish(&figure("a")).contains(r#"cx="0.3" cy="0" r="2""#));
}

#[test]
fn a_forest_shows_each_row_and_its_floor() {
    let row = |label: &str, value: f64, is_baseline| ForestRow {
        label: label.to_owned(),
        mark: Some(ForestMark { value, low: value - 0.02, high: value + 0.02, noise_floor: 0.05 }),
        is_baseline,
    };
    let missing = ForestRow { mark: None, ..row("en · label", 0.0, false) };
    let rows = vec![row("en · number", 0.2, false), missing, row("uniform", 0.3, true)];
    let chart = ForestChart { figure: figure("a"), rows, axis_max: 0.33 };
    let text = forest(&chart);
    assert_eq!(text.matches("class=\"floor\"").count(), 1, "only the model stands over the floor");
    assert!(text.contains("en · number") && text.contains("0.20") && text.contains("0.30"));
    assert!(text.contains("en · label") && text.contains("no usable cell"));
    assert_eq!(text, forest(&chart));
}

#[test]
fn panels_without_people_or_without_model_are_drawn_as_far_as_they_go() {
    let option = |people: Option<f64>, model| PanelOption {
        code: "1".to_owned(),
        people: people.map(|share| PeopleBar { share, low: share, high: share }),
        model,
    };
    let panel = |people, model| Some(Panel { options: vec![option(people, model); 3], n: None });
    let rows = vec![("USA".to_owned(), vec![panel(Some(0.3), None), panel(None, Some(0.3)), None])];
    let labels = ["a", "b", "c"].map(str::to_owned).to_vec();
    let text = distribution_grid(&DistributionGrid { figure: figure("a"), column_labels: labels, rows });
    assert_eq!(text.matches("people bar").count(), 3);
    assert_eq!(text.matches("model mark").count(), 3);
}

#[test]
fn every_value_of_a_histogram_is_counted() {
    let values = vec![0.0, 0.05, 0.95, 1.0, 1.0];
    let text = histogram(&HistogramChart { figure: figure("a"), values });
    assert!(text.contains(">2</text>") && text.contains(">3</text>"), "{text}");
    assert_eq!(text.matches("model bar").count(), 2);
}
