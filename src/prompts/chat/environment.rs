//! The Jinja environment that transformers builds for chat templates, in minijinja. Knows no messages.

use std::fmt;

use chrono::NaiveDate;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::{generation, python_filters, python_json, python_methods, python_text};

pub(super) const TEMPLATE_NAME: &str = "chat_template";

/// Work that one rendering may do, in minijinja's units: about one an instruction and one per 64 bytes made. Real
/// templates spend some hundreds per message; this ends a runaway loop, and a string or list that grows without end,
/// within a fraction of a second. What the engine itself does not count, `operators` and `python_filters` do.
const FUEL: u64 = 100_000;

/// Each level may cost several stack frames, and templates also run on worker threads with 2 MiB.
const RECURSION_MAX: usize = 100;

/// Compiles `source` with what transformers gives a template: block trimming, loop controls, Python's methods,
/// `raise_exception`, `strftime_now` and an unescaped `tojson`.
pub(super) fn compile(source: &str, date: Option<NaiveDate>) -> Result<Environment<'static>, Error> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_unknown_method_callback(python_methods::call);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION_MAX);
    environment.add_filter("tojson", python_json::tojson);
    python_filters::add_to(&mut environment);
    environment.set_formatter(|out, _, value| match value.as_str() {
        Some(text) => Ok(out.write_str(text)?),
        None => Ok(out.write_str(&python_text::to_text(value)?)?),
    });
    environment.add_function("raise_exception", |message: &Value| -> Result<String, Error> {
        let message = python_text::to_text(message)?;
        Err(Error::new(ErrorKind::InvalidOperation, "raised by the template")
            .with_source(RaisedByTemplate(message)))
    });
    environment.add_function("strftime_now", move |format: &str| strftime(date, format));
    environment.add_template_owned(TEMPLATE_NAME, generation::compiled_source(source))?;
    Ok(environment)
}

/// `YYYY-MM-DD`, or nothing where no date is fixed.
pub(super) fn parse_date(date: &str) -> crate::error::Result<Option<NaiveDate>> {
    if date.is_empty() {
        return Ok(None);
    }
    NaiveDate::parse_from_str(date, "%Y-%m-%d").map(Some).map_err(|cause| {
        crate::error::Error::prompt(format!("{date:?} is no date of the form YYYY-MM-DD")).because(cause)
    })
}

/// Python's `datetime.strftime` at midnight of the fixed date, without a time zone.
fn strftime(date: Option<NaiveDate>, format: &str) -> Result<String, Error> {
    let fail = |what: String| Error::new(ErrorKind::InvalidOperation, what);
    let date = date.ok_or_else(|| fail("the template asks for the date, and none is fixed".to_owned()))?;
    let midnight = date.and_time(chrono::NaiveTime::MIN);
    let mut text = String::new();
    // chrono panics in `to_string` on a directive it does not know; written out, it is an error.
    fmt::write(&mut text, format_args!("{}", midnight.format(&python_directives(format))))
        .map_err(|_| fail(format!("strftime_now does not know the format {format:?}")))?;
    Ok(text)
}

/// The directives that chrono reads otherwise than Python: microseconds, and the zone, which is empty here.
fn python_directives(format: &str) -> String {
    let mut replaced = String::with_capacity(format.len());
    let mut characters = format.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            replaced.push(character);
            continue;
        }
        match characters.next() {
            Some('f') => replaced.push_str("000000"),
            Some('z' | 'Z') => {}
            Some(directive) => replaced.extend(['%', directive]),
            None => replaced.push_str("%%"),
        }
    }
    replaced
}

/// What a template said with `raise_exception`, told apart from failures of the engine.
#[derive(Debug)]
pub(super) struct RaisedByTemplate(String);

impl RaisedByTemplate {
    /// The message, wherever in the chain of causes (macros and includes wrap) it was raised.
    pub(super) fn find(error: &Error) -> Option<&str> {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(current) = cause {
            if let Some(RaisedByTemplate(message)) = current.downcast_ref() {
                return Some(message);
            }
            cause = current.source();
        }
        None
    }
}

impl fmt::Display for RaisedByTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RaisedByTemplate {}
