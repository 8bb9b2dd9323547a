//! The page's markup: one template and one style sheet, both in the binary, filled with a view. All text is escaped by
//! the template engine; only drawings, which escape their own text, go in as they are.

use super::view::ReportView;
use crate::error::{Error, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Serde, Value};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

const TEMPLATE: &str = include_str!("report.html");
const STYLE: &str = include_str!("style.css");

/// The whole page, which needs no other file.
///
/// # Errors
/// Kind `Output` when the template fails, which a test would have shown.
pub fn page(view: &ReportView) -> Result<String> {
    let failed = |source: minijinja::Error| Error::output("cannot lay out the report").because(source);
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build().map_err(failed)?;
    environment.set_syntax(syntax);
    environment.add_template("report.html", TEMPLATE).map_err(failed)?;
    let template = environment.get_template("report.html").map_err(failed)?;
    template.render(context! { style => STYLE, view => Value::from(Serde(view)) }).map_err(failed)
}
