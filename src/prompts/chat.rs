//! Chat templates, rendered as transformers renders them. Text in, text out; knows no token ids.

mod environment;
mod generation;
mod operators;
mod python_filters;
mod python_json;
mod python_methods;
mod python_text;
mod settings;
mod writer;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::Value;
use minijinja::{Environment, context};

use super::Message;
use crate::error::{Error, Result};
use environment::{RaisedByTemplate, TEMPLATE_NAME};
pub use settings::{PromptSettings, TemplateChoice, Thinking};
pub use writer::{PromptWriter, Treatment};

/// The named special tokens that transformers hands to a template, where the tokenizer has them.
const SPECIAL_TOKEN_NAMES: [&str; 7] =
    ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/// The largest templates of published models have 20 to 30 KiB.
const SOURCE_LEN_MAX: usize = 64 << 10;

/// The engine's parser bounds brackets and blocks, but not chains such as `a.a.a` or `--1`, through which it and its
/// code generator recurse once a byte or two: far more than the stack of a worker thread. Only touched pages are used.
const COMPILE_STACK_SIZE: usize = 256 << 20;

/// What a template may refer to besides the messages.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TemplateSettings {
    /// Special tokens by name, e.g. `bos_token`.
    pub special_tokens: Vec<(String, String)>,
    /// The date `strftime_now` tells, as `YYYY-MM-DD`. Frozen in the run plan, so that a prompt does not change overnight.
    /// Empty: a template that asks for the date fails.
    pub date: String,
    /// Variables besides those of transformers, e.g. `enable_thinking`, as its users hand them to
    /// `apply_chat_template`.
    pub switches: BTreeMap<String, bool>,
}

impl TemplateSettings {
    /// The special tokens that a parsed `tokenizer_config.json` names, each a string or an object with `content`.
    pub fn from_tokenizer_config(config: &serde_json::Value, date: impl Into<String>) -> Self {
        let named = |name: &&str| Some(((*name).to_owned(), special_token_text(&config[*name])?.to_owned()));
        TemplateSettings {
            special_tokens: SPECIAL_TOKEN_NAMES.iter().filter_map(named).collect(),
            date: date.into(),
            switches: BTreeMap::new(),
        }
    }
}

/// The text of a special token as `tokenizer_config.json` writes it: a string, or an object with `content`.
pub(crate) fn special_token_text(entry: &serde_json::Value) -> Option<&str> {
    entry.as_str().or_else(|| entry["content"].as_str())
}

/// The template source in the `chat_template` entry of a parsed `tokenizer_config.json`: the only one, or of several
/// named ones the one called `default`. `None` where the entry is absent or null: a base model.
///
/// # Errors
/// Kind `Model` when the entry is of another form, or there are several and none is called `default`. Taking such a
/// model for a base model would ask it in a form that it was not made for.
pub fn pick_template(chat_template: &serde_json::Value) -> Result<Option<String>> {
    let named = |entry: &&serde_json::Value| entry["name"] == "default";
    let refuse = |problem: &str| Error::model(format!("chat_template of the tokenizer config {problem}"));
    let source = match chat_template {
        serde_json::Value::Null => return Ok(None),
        serde_json::Value::Array(templates) => match (templates.iter().find(named), &templates[..]) {
            (Some(default), _) => &default["template"],
            (None, [only]) => &only["template"],
            (None, several) => {
                return Err(refuse(&format!("lists {} templates, none named \"default\"", several.len())));
            }
        },
        other => other,
    };
    let source = source.as_str().ok_or_else(|| refuse("is neither text nor a list of named texts"))?;
    Ok(Some(source.to_owned()))
}

/// Whether `date` is a day that a run plan can fix.
///
/// # Errors
/// Kind `Usage` when it is not `YYYY-MM-DD`, or there is no such day.
pub fn check_date(date: &str) -> Result<()> {
    match environment::parse_date(date) {
        // What is read more leniently, such as 2025-1-5, would be hashed and listed as another day.
        Ok(Some(day)) if day.to_string() == date => Ok(()),
        _ => {
            Err(Error::usage(format!("`{date}` is not a date"))
                .hint("write it as YYYY-MM-DD, e.g. 2026-01-31"))
        }
    }
}

/// A compiled template, or the plain joining of texts for a model that has none. Cheap to clone.
#[derive(Clone)]
pub struct ChatTemplate {
    /// `None` joins plainly.
    jinja: Option<Arc<Jinja>>,
}

struct Jinja {
    environment: Environment<'static>,
    /// Special tokens and switches.
    variables: BTreeMap<String, Value>,
}

impl ChatTemplate {
    /// Compiles a Jinja source.
    ///
    /// # Errors
    /// Kind `Prompt` when it is longer than 64 KiB or does not parse, or the date is not one.
    pub fn new(source: &str, settings: &TemplateSettings) -> Result<Self> {
        let date = environment::parse_date(&settings.date)?;
        if source.len() > SOURCE_LEN_MAX {
            return Err(Error::prompt(format!(
                "chat template has {} bytes, more than {SOURCE_LEN_MAX}",
                source.len()
            )));
        }
        let environment = compile_with_deep_stack(source, date)?
            .map_err(|cause| refusal("chat template does not parse", &cause))?;
        let special_tokens =
            settings.special_tokens.iter().map(|(name, text)| (name.clone(), Value::from(text)));
        let switches = settings.switches.iter().map(|(name, on)| (name.clone(), Value::from(*on)));
        let variables = special_tokens.chain(switches).collect();
        Ok(ChatTemplate { jinja: Some(Arc::new(Jinja { environment, variables })) })
    }

    /// For base models: contents joined by blank lines, and responses and the answer prefix on lines of their own, so that the text
    /// reads as a page that goes on.
    pub fn plain() -> Self {
        ChatTemplate { jinja: None }
    }

    /// The full text, generation prompt included, then the answer prefix.
    ///
    /// # Errors
    /// Kind `Prompt` when the template raises, runs out of fuel, or uses what is not known.
    pub fn render(&self, messages: &[Message], answer_prefix: &str) -> Result<String> {
        match &self.jinja {
            Some(jinja) => Ok(jinja.render(messages, true)? + answer_prefix),
            None => Ok(join_plainly(messages, answer_prefix)),
        }
    }

    /// The conversation as it stands, with nothing to be continued behind it.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`].
    pub fn render_transcript(&self, messages: &[Message]) -> Result<String> {
        match &self.jinja {
            Some(jinja) => jinja.render(messages, false),
            None => Ok(join_plainly(messages, "")),
        }
    }

    /// False for [`ChatTemplate::plain`].
    pub fn is_chat(&self) -> bool {
        self.jinja.is_some()
    }
}

/// The syntax tree, which is as deep as the source has it, is made and dropped on a thread of its own; what comes back
/// is a flat list of instructions.
fn compile_with_deep_stack(
    source: &str,
    date: Option<chrono::NaiveDate>,
) -> Result<std::result::Result<Environment<'static>, minijinja::Error>> {
    let fail = |what: &str| Error::prompt(format!("chat template could not be compiled: {what}"));
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("chat-template".to_owned())
            .stack_size(COMPILE_STACK_SIZE)
            .spawn_scoped(scope, || environment::compile(source, date))
            .map_err(|cause| fail("no thread for it").because(cause))?
            .join()
            .map_err(|_| fail("the template engine panicked"))
    })
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_chat() { "ChatTemplate(jinja)" } else { "ChatTemplate(plain)" })
    }
}

fn join_plainly(messages: &[Message], answer_prefix: &str) -> String {
    let mut text = String::new();
    for (index, message) in messages.iter().enumerate() {
        text += match (index, message.role.as_str()) {
            (0, _) => "",
            (_, "assistant") => "\n",
            _ => "\n\n",
        };
        text += &message.content;
    }
    let line_break = if answer_prefix.is_empty() { "" } else { "\n" };
    format!("{text}{line_break}{answer_prefix}")
}

impl Jinja {
    fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String> {
        let rendered = self
            .try_render(messages, add_generation_prompt)
            .map_err(|cause| self.explain(messages, &cause))?;
        if rendered.len() > python_text::LEN_MAX {
            return Err(Error::prompt(format!("chat template writes {} bytes", rendered.len())));
        }
        Ok(rendered)
    }

    /// The variables are those of `apply_chat_template(messages, add_generation_prompt=...)`.
    fn try_render(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> std::result::Result<String, minijinja::Error> {
        let turn = |message: &Message| context! { role => &message.role, content => &message.content };
        let given = context! {
            messages => messages.iter().map(turn).collect::<Vec<Value>>(),
            tools => Value::from(()),
            documents => Value::from(()),
            add_generation_prompt,
        };
        self.environment
            .get_template(TEMPLATE_NAME)?
            .render(context! { ..given, ..Value::from(self.variables.clone()) })
    }

    /// Says whether a template refuses system messages as such: the same conversation without them renders.
    fn explain(&self, messages: &[Message], cause: &minijinja::Error) -> Error {
        let Some(raised) = RaisedByTemplate::find(cause) else {
            return refusal("chat template failed", cause);
        };
        let without_system: Vec<Message> =
            messages.iter().filter(|message| message.role != "system").cloned().collect();
        if without_system.len() < messages.len() && self.try_render(&without_system, true).is_ok() {
            return Error::prompt(format!("chat template takes no system message: {raised}"));
        }
        Error::prompt(format!("chat template refuses the conversation: {raised}"))
    }
}

/// A template engine's error as ours: what, why, and in which line of the template.
fn refusal(what: &str, cause: &minijinja::Error) -> Error {
    let mut message = format!("{what}: {}", cause.kind());
    if let Some(detail) = cause.detail() {
        message += &format!(": {detail}");
    }
    if let Some(line) = cause.line() {
        message += &format!(" (line {line} of the template)");
    }
    Error::prompt(message)
}

#[cfg(test)]
mod tests;
