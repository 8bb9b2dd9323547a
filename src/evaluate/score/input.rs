//! Lines of input to token ids and what is asked of them. A bad line is a value, not the end.

use crate::engine::ReadoutScope;
use crate::error::{Error, ErrorKind, Result};
use crate::evaluate::Speaker;
use crate::prompts::Message;
use crate::scoring::OptionProbe;
use crate::tokens::{TextKind, option_events};
use serde::Deserialize;
use serde_json::Value;
use std::io::{BufRead, Read};

/// Lines that share one trie: enough to share prefixes, few enough to stream.
const CHUNK_LINE_COUNT: usize = 4096;
/// Bytes of input after which a chunk is closed early.
const CHUNK_BYTES_MAX: usize = 32 << 20;
/// A longer line is refused: no model has room for it.
const LINE_BYTES_MAX: usize = 4 << 20;

/// One line of input.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputLine {
    id: Option<Value>,
    input_ids: Option<Vec<u32>>,
    prompt: Option<String>,
    messages: Option<Vec<Message>>,
    answer_prefix: Option<String>,
    wanted: Option<Vec<u32>>,
    options: Option<Vec<OptionForms>>,
}

/// An option: one string, or several that all count as it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OptionForms {
    One(String),
    Several(Vec<String>),
}

/// A line ready to be read.
pub struct PreparedLine {
    pub id: Value,
    pub ids: Vec<u32>,
    pub ask: Ask,
    /// It was a conversation, so that the model's chat template had a part in it.
    pub is_conversation: bool,
}

pub enum Ask {
    Wanted(Vec<u32>),
    Options(Box<OptionProbe>),
}

impl Ask {
    /// Ids wanted at the first readout.
    fn wanted_count(&self) -> usize {
        match self {
            Ask::Wanted(wanted) => wanted.len(),
            Ask::Options(probe) => probe.readouts().next().map_or(0, |(_, wanted)| wanted.len()),
        }
    }
}

/// A line's 1-based number, and its bytes or why they were not kept.
pub type NumberedLine = (usize, std::result::Result<Vec<u8>, String>);

/// Lines without content are passed over.
pub fn blank(bytes: &std::result::Result<Vec<u8>, String>) -> bool {
    bytes.as_ref().is_ok_and(|bytes| bytes.iter().all(u8::is_ascii_whitespace))
}

/// The next lines, numbered on from `line_number`; empty at the end of the input.
pub fn read_chunk(input: &mut impl BufRead, line_number: usize) -> Result<Vec<NumberedLine>> {
    let failed =
        |source: std::io::Error| Error::new(ErrorKind::Usage, "the input cannot be read").because(source);
    let (mut chunk, mut chunk_bytes) = (Vec::new(), 0);
    while chunk.len() < CHUNK_LINE_COUNT && chunk_bytes < CHUNK_BYTES_MAX {
        let mut line = Vec::new();
        let len = input.by_ref().take(LINE_BYTES_MAX as u64).read_until(b'\n', &mut line).map_err(failed)?;
        if len == 0 {
            break;
        }
        let number = line_number + chunk.len() + 1;
        if len == LINE_BYTES_MAX && line.last() != Some(&b'\n') {
            skip_line(input).map_err(failed)?;
            chunk.push((number, Err(format!("the line is longer than {LINE_BYTES_MAX} bytes"))));
        } else {
            chunk.push((number, Ok(line)));
        }
        chunk_bytes += len;
    }
    Ok(chunk)
}

/// Passes over the rest of a line without holding it.
fn skip_line(input: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let len = end.map_or(buffer.len(), |end| end + 1);
        input.consume(len);
        if end.is_some() {
            return Ok(());
        }
    }
}

/// # Errors
/// Whatever is wrong with the line.
pub fn prepare(
    number: usize,
    bytes: std::result::Result<&[u8], &String>,
    speaker: &Speaker,
    scope: ReadoutScope,
) -> Result<PreparedLine> {
    let bad = |message: String| Error::new(ErrorKind::Incomplete, message);
    let bytes = bytes.map_err(|message| bad(message.clone()))?;
    // An array would be taken for an object's fields in order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(bad("a line must be one JSON object, as `respondent score --help` shows".to_owned()));
    }
    let line: InputLine = serde_json::from_slice(bytes)
        .map_err(|source| bad("not an object of the expected form".to_owned()).because(source))?;
    let id = line.id.clone().unwrap_or_else(|| number.into());
    let vocab = speaker.files.config.decoder.vocab_size;
    let beyond = |ids: &[u32]| match ids.iter().find(|&&id| id as usize >= vocab) {
        Some(id) => Err(bad(format!("token id {id} is beyond the vocabulary of {vocab}"))),
        None => Ok(()),
    };
    beyond(line.wanted.as_deref().unwrap_or_default())?;
    let is_conversation = line.messages.is_some();
    let (ids, ask) = match (&line.input_ids, &line.prompt, &line.messages) {
        (Some(_), None, None) if line.options.is_some() || line.answer_prefix.is_some() => {
            return Err(bad("options and answer_prefix need a prompt or messages, not input_ids".to_owned()));
        }
        (Some(ids), None, None) => {
            beyond(ids)?;
            (ids.clone(), Ask::Wanted(line.wanted.unwrap_or_default()))
        }
        (None, Some(prompt), None) => {
            let text = prompt.clone() + line.answer_prefix.as_deref().unwrap_or_default();
            encode(speaker, &text, TextKind::Plain, &line)?
        }
        (None, None, Some(messages)) => {
            let prefix = line.answer_prefix.as_deref().unwrap_or_default();
            let (text, kind) = speaker.render(messages, prefix)?;
            encode(speaker, &text, kind, &line)?
        }
        _ => return Err(bad("give exactly one of input_ids, prompt and messages".to_owned())),
    };
    if ids.is_empty() {
        return Err(bad("the prompt has no tokens".to_owned()));
    }
    let longest = match &ask {
        Ask::Wanted(_) => 0,
        Ask::Options(probe) => probe.readouts().map(|(prefix, _)| prefix.len()).max().unwrap_or(0),
    };
    if scope == ReadoutScope::Wanted {
        if longest > 0 {
            let message = "an option takes several tokens, which needs the whole vocabulary behind each";
            return Err(bad(message.to_owned()).hint("leave --readout at `vocabulary`"));
        }
        if ask.wanted_count() == 0 {
            return Err(bad("no ids are wanted, and --readout wanted reads no others".to_owned()));
        }
    }
    speaker.check_len(ids.len() + longest)?;
    Ok(PreparedLine { id, ids, ask, is_conversation })
}

fn encode(speaker: &Speaker, text: &str, kind: TextKind, line: &InputLine) -> Result<(Vec<u32>, Ask)> {
    match (&line.options, &line.wanted) {
        (Some(_), Some(_)) => {
            Err(Error::new(ErrorKind::Incomplete, "give wanted ids or options, not both".to_owned()))
        }
        (None, wanted) => {
            Ok((speaker.tokenizer.encode_text(text, kind)?, Ask::Wanted(wanted.clone().unwrap_or_default())))
        }
        (Some(options), None) => {
            let forms: Vec<(usize, &str)> = options
                .iter()
                .enumerate()
                .flat_map(|(index, option)| option.forms().iter().map(move |form| (index, form.as_str())))
                .collect();
            let names: Vec<String> =
                options.iter().map(|option| option.forms().first().cloned().unwrap_or_default()).collect();
            let encoded = speaker.tokenizer.encode_prompt_forms(text, kind, &forms)?;
            let probe = OptionProbe::new(option_events(&speaker.tokenizer.claims(&encoded)?, &names)?);
            Ok((encoded.ids, Ask::Options(Box::new(probe))))
        }
    }
}

impl OptionForms {
    fn forms(&self) -> &[String] {
        match self {
            OptionForms::One(form) => std::slice::from_ref(form),
            OptionForms::Several(forms) => forms,
        }
    }
}
