//! Puts conversations to a model in the way its template allows: system text without a role for it goes into the
//! user's first message, and thinking is put behind the model. What to do is found out by rendering two short
//! conversations; knows no model's name.

use std::collections::BTreeMap;

use super::environment::RaisedByTemplate;
use super::{ChatTemplate, Jinja, TemplateSettings, Thinking};
use crate::error::{Error, Result};
use crate::prompts::Message;

/// The variable by which templates of reasoning models are told not to think.
const THINKING_SWITCH: &str = "enable_thinking";

/// Tags with which a generation prompt leaves a block of thoughts open, and how the same families close them.
const THINKING_TAGS: [(&str, &str); 2] =
    [("<think>", "</think>"), ("<|START_THINKING|>", "<|END_THINKING|>")];

/// Words that no template writes by itself, in letters that none of them changes.
const SYSTEM_PROBE: &str = "lanternfishes";
const USER_PROBE: &str = "quillworts";

/// A template, and what is done to conversations besides rendering them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PromptWriter {
    template: ChatTemplate,
    treatment: Treatment,
    thinking: Thinking,
}

/// What is done to every conversation besides rendering it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Treatment {
    /// System text is put before the user's first message, a blank line between them.
    pub folds_system_text: bool,
    /// Variables that the template is given besides those of transformers.
    pub switches: BTreeMap<String, bool>,
    /// What is written behind a generation prompt that leaves a block of thoughts open.
    pub closed_thinking: Option<String>,
}

impl PromptWriter {
    /// Compiles a template and finds out how a model that has it is to be asked.
    ///
    /// # Errors
    /// Kind `Prompt` when it does not parse, refuses every conversation, or leaves out what the user says.
    pub fn new(source: &str, settings: &TemplateSettings, thinking: Thinking) -> Result<Self> {
        let mut settings = settings.clone();
        let mut treatment = Treatment::default();
        if thinking == Thinking::Closed && source.contains(THINKING_SWITCH) {
            settings.switches.insert(THINKING_SWITCH.to_owned(), false);
            treatment.switches.insert(THINKING_SWITCH.to_owned(), false);
        }
        let template = ChatTemplate::new(source, &settings)?;
        let Some(jinja) = &template.jinja else { return Ok(Self::plain()) };
        let probed = probe(jinja)?;
        treatment.folds_system_text = probed.folds_system_text;
        if thinking == Thinking::Closed {
            treatment.closed_thinking = closing(&probed.rendered);
        }
        Ok(PromptWriter { template, treatment, thinking })
    }

    /// For base models, and for those that are to be asked like one.
    pub fn plain() -> Self {
        PromptWriter {
            template: ChatTemplate::plain(),
            treatment: Treatment::default(),
            thinking: Thinking::AsIs,
        }
    }

    pub fn is_chat(&self) -> bool {
        self.template.is_chat()
    }

    pub fn treatment(&self) -> &Treatment {
        &self.treatment
    }

    /// The full text: generation prompt, end of an opened block of thoughts, then the answer prefix.
    ///
    /// # Errors
    /// Kind `Prompt` when the template raises, or opens a block of thoughts for this conversation and not for others,
    /// which the record of the treatment would not tell.
    pub fn write(&self, messages: &[Message], answer_prefix: &str) -> Result<String> {
        if !self.is_chat() {
            return self.template.render(messages, answer_prefix);
        }
        let mut text = match self.treatment.folds_system_text {
            true => self.template.render(&fold_system_text(messages), "")?,
            false => self.template.render(messages, "")?,
        };
        if self.thinking == Thinking::Closed
            && let Some(closing) = closing(&text)
        {
            if self.treatment.closed_thinking.as_ref() != Some(&closing) {
                return Err(Error::prompt(
                    "the chat template leaves a block of thoughts open after this conversation only",
                )
                .hint("--thinking as-is leaves it open"));
            }
            text += &closing;
        }
        Ok(text + answer_prefix)
    }
}

struct Probed {
    folds_system_text: bool,
    rendered: String,
}

/// Renders a conversation with a system message, and one without if that does not do.
fn probe(jinja: &Jinja) -> Result<Probed> {
    let turn = |role: &str, content: &str| Message { role: role.to_owned(), content: content.to_owned() };
    let (system, user) = (turn("system", SYSTEM_PROBE), turn("user", USER_PROBE));
    let with_system = [system, user.clone()];
    match jinja.try_render(&with_system, true) {
        Ok(rendered) if rendered.contains(SYSTEM_PROBE) && rendered.contains(USER_PROBE) => {
            return Ok(Probed { folds_system_text: false, rendered });
        }
        Ok(_) => {}
        Err(cause) if RaisedByTemplate::find(&cause).is_some() => {}
        // What the engine cannot do is no word of the template's about roles.
        Err(cause) => return Err(jinja.explain(&with_system, &cause)),
    }
    let rendered = jinja.render(&[user], true)?;
    match rendered.contains(USER_PROBE) {
        true => Ok(Probed { folds_system_text: true, rendered }),
        false => Err(Error::prompt("the chat template leaves out what the user says")
            .hint("--template takes another one, or `none`")),
    }
}

/// System text before the next user message, a blank line between them; a user message of its own where none follows.
fn fold_system_text(messages: &[Message]) -> Vec<Message> {
    let mut folded = Vec::with_capacity(messages.len());
    let mut waiting: Vec<&str> = Vec::new();
    let user = |texts: &[&str]| Message { role: "user".to_owned(), content: texts.join("\n\n") };
    for message in messages {
        match message.role.as_str() {
            "system" => waiting.push(&message.content),
            "user" => {
                waiting.push(&message.content);
                folded.push(user(&waiting));
                waiting.clear();
            }
            _ => folded.push(message.clone()),
        }
    }
    if !waiting.is_empty() {
        folded.push(user(&waiting));
    }
    folded
}

/// What closes the block of thoughts that `text` ends in, if it does. Families that go on in a new line write an empty
/// block over one blank line and leave another behind it; those that do not close it at once.
fn closing(text: &str) -> Option<String> {
    let stem = text.trim_end();
    let (_, close) = THINKING_TAGS.iter().find(|(open, _)| stem.ends_with(open))?;
    Some(match &text[stem.len()..] {
        "" => (*close).to_owned(),
        _ => format!("\n{close}\n\n"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn turn(role: &str, content: &str) -> Message {
        Message { role: role.to_owned(), content: content.to_owned() }
    }

    fn writer(source: &str, thinking: Thinking) -> Result<PromptWriter> {
        PromptWriter::new(source, &TemplateSettings::default(), thinking)
    }

    const ROLES: &str = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>";

    #[test]
    fn a_template_with_a_system_role_gets_conversations_as_they_are() {
        let writer = writer(ROLES, Thinking::Closed).unwrap();
        assert_eq!(*writer.treatment(), Treatment::default());
        let text = writer.write(&[turn("system", "Rules."), turn("user", "Hi")], "Reply:").unwrap();
        assert_eq!(text, "<system>Rules.<user>Hi<assistant>Reply:");
    }

    #[test]
    fn system_text_goes_before_the_first_user_message_where_there_is_no_role_for_it() {
        let raises = format!(
            "{{% if messages[0].role == 'system' %}}{{{{ raise_exception('No such role') }}}}{{% endif %}}{ROLES}"
        );
        let ignores = ROLES.replace("in messages", "in messages if m.role != 'system'");
        for source in [raises, ignores] {
            let writer = writer(&source, Thinking::Closed).unwrap();
            assert!(writer.treatment().folds_system_text);
            let write = |messages: &[Message]| writer.write(messages, "").unwrap();
            assert_eq!(
                write(&[
                    turn("system", "Rules."),
                    turn("user", "Hi"),
                    turn("assistant", "Ho"),
                    turn("user", "Hm")
                ]),
                "<user>Rules.\n\nHi<assistant>Ho<user>Hm<assistant>"
            );
            assert_eq!(write(&[turn("system", "Rules.")]), "<user>Rules.<assistant>");
            assert_eq!(write(&[turn("user", "Hi")]), "<user>Hi<assistant>");
        }
    }

    #[test]
    fn a_template_that_takes_no_conversation_is_refused_with_its_own_words() {
        let error = writer("{{ raise_exception('Only on Sundays') }}", Thinking::Closed).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Prompt);
        assert!(error.to_string().ends_with("Only on Sundays"), "{error}");
        let error = writer("{{ messages[0].role }}", Thinking::Closed).unwrap_err();
        assert!(error.to_string().contains("leaves out what the user says"), "{error}");
    }

    /// A filter that is not known fails with system text only, but that says nothing about roles.
    #[test]
    fn a_failure_of_the_engine_is_no_lack_of_a_role() {
        let source = format!("{{% if messages[0].role == 'system' %}}{{{{ none + 1 }}}}{{% endif %}}{ROLES}");
        let error = writer(&source, Thinking::Closed).unwrap_err();
        assert!(error.to_string().contains("chat template failed"), "{error}");
    }

    #[test]
    fn the_switch_is_turned_off_where_the_template_reads_it() {
        let source =
            format!("{ROLES}{{% if enable_thinking is not defined or enable_thinking %}}!{{% endif %}}");
        let set_first = format!("{{% set enable_thinking = enable_thinking | default(true) %}}{source}");
        let hi = [turn("user", "Hi")];
        let written = writer(&set_first, Thinking::Closed).unwrap().write(&hi, "");
        assert_eq!(written.unwrap(), "<user>Hi<assistant>");
        let closed = writer(&source, Thinking::Closed).unwrap();
        assert_eq!(closed.treatment().switches, BTreeMap::from([("enable_thinking".to_owned(), false)]));
        assert_eq!(closed.write(&hi, "").unwrap(), "<user>Hi<assistant>");
        let as_is = writer(&source, Thinking::AsIs).unwrap();
        assert_eq!(*as_is.treatment(), Treatment::default());
        assert_eq!(as_is.write(&hi, "").unwrap(), "<user>Hi<assistant>!");
    }

    #[test]
    fn a_block_left_open_is_closed_in_the_familys_way() {
        let cases = [
            ("<think>\n", "<think>\n\n</think>\n\n"),
            ("<think>", "<think></think>"),
            ("<|START_THINKING|>", "<|START_THINKING|><|END_THINKING|>"),
            ("<think></think>", "<think></think>"),
        ];
        let hi = [turn("user", "Hi")];
        for (end, closed) in cases {
            let source = format!("{ROLES}{{{{ {end:?} }}}}");
            let written = writer(&source, Thinking::Closed).unwrap();
            assert_eq!(written.write(&hi, "Reply:").unwrap(), format!("<user>Hi<assistant>{closed}Reply:"));
            assert_eq!(
                written.treatment().closed_thinking.as_deref(),
                closed.strip_prefix(end).filter(|c| !c.is_empty())
            );
            let as_is = writer(&source, Thinking::AsIs).unwrap();
            assert_eq!(as_is.write(&hi, "").unwrap(), format!("<user>Hi<assistant>{end}"));
        }
    }

    #[test]
    fn a_block_that_only_some_conversations_open_is_not_closed_in_silence() {
        let source = format!("{ROLES}{{% if messages | length > 2 %}}<think>{{% endif %}}");
        let writer = writer(&source, Thinking::Closed).unwrap();
        let error = writer.write(&[turn("user", "Hi"), turn("assistant", "Ho"), turn("user", "Hm")], "");
        assert!(error.unwrap_err().hint_text().unwrap().contains("as-is"));
    }
}
