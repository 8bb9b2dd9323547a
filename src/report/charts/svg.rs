//! A small SVG writer: shapes with a class and rounded coordinates, text always escaped, a title and a description
//! for whoever cannot see the drawing.

use std::fmt::Write;

/// What a reader is told about a drawing: its name, and in a sentence or two what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Unique on the page; letters, digits and hyphens.
    pub id: String,
    pub title: String,
    pub description: String,
}

/// Where a text stands relative to its x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// The widest drawing that fits the page as it is.
pub const PAGE_WIDTH: f64 = 1040.0;

/// A drawing of fixed size in its own units, scaled by the page.
pub struct Svg {
    body: String,
    width: f64,
    height: f64,
}

impl Svg {
    pub fn new(width: f64, height: f64) -> Self {
        Svg { body: String::new(), width, height }
    }

    pub fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(coordinate);
        self.push(format_args!(r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#));
    }

    pub fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        let [x, y, width, height] = [x, y, width.max(0.0), height.max(0.0)].map(coordinate);
        self.push(format_args!(
            r#"<rect class="{class}" x="{x}" y="{y}" width="{width}" height="{height}"/>"#
        ));
    }

    pub fn circle(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        let [x, y, radius] = [x, y, radius].map(coordinate);
        self.push(format_args!(r#"<circle class="{class}" cx="{x}" cy="{y}" r="{radius}"/>"#));
    }

    /// A square on its corner.
    pub fn diamond(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        let [left, right, top, bottom] = [x - radius, x + radius, y - radius, y + radius].map(coordinate);
        let [x, y] = [x, y].map(coordinate);
        self.push(format_args!(
            r#"<path class="{class}" d="M{left} {y}L{x} {top}L{right} {y}L{x} {bottom}Z"/>"#
        ));
    }

    pub fn polyline(&mut self, class: &str, points: &[(f64, f64)]) {
        let points: Vec<String> =
            points.iter().map(|(x, y)| format!("{},{}", coordinate(*x), coordinate(*y))).collect();
        self.push(format_args!(r#"<polyline class="{class}" points="{}"/>"#, points.join(" ")));
    }

    pub fn text(&mut self, class: &str, anchor: Anchor, (x, y): (f64, f64), text: &str) {
        let [x, y] = [x, y].map(coordinate);
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => r#" text-anchor="middle""#,
            Anchor::End => r#" text-anchor="end""#,
        };
        let text = escape(text);
        self.push(format_args!(r#"<text class="{class}" x="{x}" y="{y}"{anchor}>{text}</text>"#));
    }

    pub fn finish(self, figure: &Figure) -> String {
        let Svg { body, width, height } = self;
        // a drawing wider than the page is scrolled, not shrunk until its text cannot be read
        let least_width =
            if width > PAGE_WIDTH { format!(r#" style="min-width:{width:.0}px""#) } else { String::new() };
        let [width, height] = [width, height].map(coordinate);
        let (id, title, description) = (&figure.id, escape(&figure.title), escape(&figure.description));
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"{least_width} role="img" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{title}</title><desc id="{id}-d">{description}</desc>{body}</svg>"#
        )
    }

    fn push(&mut self, shape: std::fmt::Arguments) {
        self.body.write_fmt(shape).expect("writing to a string cannot fail");
    }
}

/// Tenths are finer than a screen shows, and keep the page small.
fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    match text.strip_suffix(".0") {
        Some("-0") => "0".to_owned(),
        Some(whole) => whole.to_owned(),
        None => text,
    }
}

/// Makes any text safe between tags and inside quoted attributes. Control characters, which XML forbids, become `�`.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Of a 11-unit sans serif, on average.
const CHARACTER_WIDTH: f64 = 6.0;

/// Room for the longest label and a gap behind it, within bounds.
pub fn label_width<'a>(labels: impl Iterator<Item = &'a str>, (least, most): (f64, f64)) -> f64 {
    let longest = labels.map(|label| label.chars().count()).max().unwrap_or(0);
    (CHARACTER_WIDTH * longest as f64 + 12.0).clamp(least, most)
}

/// Cuts what would run into its neighbour, at about `width` units of a 11-unit sans serif.
pub fn fit(text: &str, width: f64) -> String {
    let room = (width / CHARACTER_WIDTH).max(2.0) as usize;
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let kept: String = text.chars().take(room - 1).collect();
    format!("{}…", kept.trim_end())
}
