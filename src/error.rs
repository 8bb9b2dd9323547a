//! The one public error: a kind that decides the exit code, a sentence, where it happened, and a way out.
//! Knows nothing of terminals; `main` prints it.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

/// Shorthand used throughout the crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, coarsely. Each kind has one documented exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Some lines could not be evaluated; everything else was written.
    Incomplete,
    /// The command line asks for something impossible or contradictory.
    Usage,
    /// A model folder is absent, broken, unsupported, or does not fit its config.
    Model,
    /// A study is not valid.
    Study,
    /// Human data is absent, altered, or does not match the study.
    HumanData,
    /// Results could not be written or read back.
    Output,
    /// A tokenizer or a chat template failed on a prompt.
    Prompt,
    /// Ctrl-C, or SIGTERM.
    Interrupted,
}

impl ErrorKind {
    /// The process exit code for this kind. 0 is success.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Incomplete => 1,
            ErrorKind::Usage => 2,
            ErrorKind::Model => 3,
            ErrorKind::Study => 4,
            ErrorKind::HumanData => 5,
            ErrorKind::Output => 6,
            ErrorKind::Prompt => 7,
            ErrorKind::Interrupted => 130,
        }
    }
}

/// A failure with its place and its remedy.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    path: Option<PathBuf>,
    line: Option<usize>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// `message` is a lower-case fragment without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), path: None, line: None, hint: None, source: None }
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    pub fn model(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Model, message)
    }

    pub fn study(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Study, message)
    }

    pub fn human_data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::HumanData, message)
    }

    pub fn output(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Output, message)
    }

    pub fn prompt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Prompt, message)
    }

    /// Names the file that is at fault.
    pub fn at(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }

    /// Names the 1-based line of that file.
    pub fn line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Says what the user can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the underlying failure as the source.
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The way out, where there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    /// `path:line: message: cause`, on one line. Control characters, which names in untrusted files may hold, are
    /// escaped: they would steer the terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_raw(&mut text)?;
        for character in text.chars() {
            match character.is_control() && character != '\n' {
                true => write!(f, "{}", character.escape_default())?,
                false => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

impl Error {
    fn write_raw(&self, f: &mut String) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}:", path.display())?;
            if let Some(line) = self.line {
                write!(f, "{line}:")?;
            }
            write!(f, " ")?;
        }
        write!(f, "{}", self.message)?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
