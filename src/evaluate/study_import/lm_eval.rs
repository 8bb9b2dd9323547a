//! A multiple-choice task of lm-evaluation-harness: its YAML says how a document becomes a text and choices, by Jinja or by the name of a
//! field; documents are JSON lines. What a task computes in Python (`!function`, `process_docs`) nobody can import.

use super::draft::{Draft, DraftPersona, Question};
use super::literal::read_literal;
use super::{LeftOut, StudyImport, read_file};
use crate::error::{Error, Result};
use minijinja::{Environment, UndefinedBehavior};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

const TASK_BYTES_MAX: u64 = 1 << 20;
const DOCUMENTS_BYTES_MAX: u64 = 256 << 20;
/// As many as a study can have.
const QUESTION_COUNT_MAX: usize = 10_000;
/// What a template may cost for one document.
const TEMPLATE_FUEL: u64 = 100_000;

#[derive(Debug, Clone, PartialEq)]
pub struct LmEvalSettings {
    /// The task's YAML.
    pub task: PathBuf,
    /// Its documents, JSON lines.
    pub documents: PathBuf,
}

/// The fields that say what is asked. Others say where documents come from and how they are scored.
#[derive(Debug, Deserialize)]
struct Task {
    task: Option<String>,
    include: Option<String>,
    output_type: Option<String>,
    process_docs: Option<serde_json::Value>,
    #[serde(default)]
    description: String,
    doc_to_text: Option<Value>,
    doc_to_choice: Option<Value>,
    num_fewshot: Option<u64>,
}

/// Reads task and documents.
///
/// # Errors
/// Kind `Study` when the task is not multiple choice, or needs what is not in its file; kind `Usage` when a file cannot be read.
pub fn read_lm_eval(settings: &LmEvalSettings, id: &str) -> Result<StudyImport> {
    let at_task = |error: Error| error.at(&settings.task);
    let bytes = read_file(&settings.task, TASK_BYTES_MAX)?;
    let text =
        String::from_utf8(bytes).map_err(|source| at_task(Error::study("is not UTF-8").because(source)))?;
    let task = read_task(&text).map_err(at_task)?;
    let templates = Templates::new(&task).map_err(at_task)?;
    let documents = read_file(&settings.documents, DOCUMENTS_BYTES_MAX)?;
    let mut read =
        Documents { templates, questions: Vec::new(), left_out: Vec::new(), first_line: BTreeMap::new() };
    for (index, line) in documents.split(|byte| *byte == b'\n').enumerate() {
        if !line.trim_ascii().is_empty() {
            read.add(index as u64 + 1, line);
        }
    }
    if read.questions.len() > QUESTION_COUNT_MAX {
        let message = format!("{} questions are more than {QUESTION_COUNT_MAX}", read.questions.len());
        return Err(Error::study(message).at(&settings.documents).hint("take a part of the documents"));
    }
    Ok(StudyImport { draft: draft(&task, id, read.questions), left_out: read.left_out, people: None })
}

fn read_task(text: &str) -> Result<Task> {
    let names_function =
        text.lines().find(|line| !line.trim_start().starts_with('#') && line.contains("!function"));
    if let Some(line) = names_function {
        return Err(Error::study(format!("`{}` is a function in Python", line.trim().escape_debug()))
            .hint("write what it makes of a document into the documents, and name that field here"));
    }
    let task: Task = serde_saphyr::from_str(text)
        .map_err(|source| Error::study("cannot be read as a task").because(source))?;
    let refuse = |message: String| Err(Error::study(message));
    match &task {
        Task { include: Some(file), .. } => {
            refuse(format!("the task includes `{}`: put what that says into this file", file.escape_debug()))
        }
        Task { process_docs: Some(_), .. } => {
            refuse("`process_docs` is Python, which nothing here runs".to_owned())
        }
        Task { output_type: Some(kind), .. } if kind != "multiple_choice" => refuse(format!(
            "the output_type is `{}`, and only multiple_choice has options",
            kind.escape_debug()
        )),
        Task { doc_to_text: None, .. } => refuse("there is no doc_to_text".to_owned()),
        Task { doc_to_choice: None, .. } => refuse("there is no doc_to_choice".to_owned()),
        _ => Ok(task),
    }
}

/// `doc_to_text` and `doc_to_choice`.
struct Templates<'a> {
    environment: Environment<'a>,
    task: &'a Task,
}

impl<'a> Templates<'a> {
    fn new(task: &'a Task) -> Result<Self> {
        let mut environment = Environment::new();
        environment.set_fuel(Some(TEMPLATE_FUEL));
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        let mut add = |name: &'static str, source: &'a str| {
            let broken = |source| Error::study(format!("{name} is no template")).because(source);
            environment.add_template(name, source).map_err(broken)
        };
        add("description", &task.description)?;
        for (name, value) in [("doc_to_text", &task.doc_to_text), ("doc_to_choice", &task.doc_to_choice)] {
            match value {
                Some(Value::String(source)) => add(name, source)?,
                Some(Value::Array(_)) if name == "doc_to_choice" => {}
                _ => {
                    return Err(Error::study(format!(
                        "{name} is neither a template nor the name of a field"
                    )));
                }
            }
        }
        Ok(Templates { environment, task })
    }

    fn render(&self, name: &str, document: &Value) -> std::result::Result<String, String> {
        let template = self.environment.get_template(name).map_err(|error| error.to_string())?;
        template.render(minijinja::value::Serde(document)).map_err(|error| format!("{name}: {error}"))
    }

    /// The value of a field where the task names one, else what the template makes.
    fn value(&self, name: &str, stated: &Value, document: &Value) -> std::result::Result<Value, String> {
        match stated {
            Value::String(field) if document.get(field.as_str()).is_some() => {
                Ok(document[field.as_str()].clone())
            }
            Value::String(_) => self.render(name, document).map(Value::String),
            list => Ok(list.clone()),
        }
    }

    fn question(&self, id: String, document: &Value) -> std::result::Result<Question, String> {
        let absent = Value::Null;
        let Task { doc_to_text, doc_to_choice, .. } = self.task;
        let text = match self.value("doc_to_text", doc_to_text.as_ref().unwrap_or(&absent), document)? {
            Value::String(text) => text,
            other => return Err(format!("doc_to_text is `{other}`, and no text")),
        };
        let choices =
            match self.value("doc_to_choice", doc_to_choice.as_ref().unwrap_or(&absent), document)? {
                Value::String(list) => {
                    read_literal(&list).map_err(|reason| format!("doc_to_choice: {reason}"))?
                }
                other => other,
            };
        let choices = match choices {
            Value::Array(choices) => choices,
            Value::Object(choices) => choices.into_iter().map(|(_, choice)| choice).collect(),
            other => return Err(format!("doc_to_choice is `{other}`, and no list")),
        };
        let option = |choice: Value| match choice {
            Value::String(text) => Ok(text.trim().to_owned()),
            Value::Number(number) => Ok(number.to_string()),
            other => Err(format!("`{other}` is no choice")),
        };
        let options = choices.into_iter().map(option).collect::<std::result::Result<Vec<_>, _>>()?;
        let text = format!("{}{text}", self.render("description", document)?);
        Ok(Question { id, text: text.trim().replace("\r\n", "\n"), options })
    }
}

/// What documents have become.
struct Documents<'a> {
    templates: Templates<'a>,
    questions: Vec<Question>,
    left_out: Vec<LeftOut>,
    first_line: BTreeMap<String, u64>,
}

impl Documents<'_> {
    fn add(&mut self, line: u64, bytes: &[u8]) {
        let read = serde_json::from_slice::<Value>(bytes)
            .map_err(|error| format!("is no JSON: {error}"))
            .and_then(|document| self.templates.question(format!("doc{line}"), &document))
            .and_then(|question| match question.problem() {
                Some(problem) => Err(problem),
                None => Ok(question),
            });
        let read = read.and_then(|question| match self.first_line.get(&question.text) {
            Some(first) => Err(format!("the question of line {first} again")),
            None => Ok(question),
        });
        match read {
            Ok(question) => {
                self.first_line.insert(question.text.clone(), line);
                self.questions.push(question);
            }
            Err(reason) => self.left_out.push(LeftOut { line, reason }),
        }
    }
}

fn draft(task: &Task, id: &str, questions: Vec<Question>) -> Draft {
    let shown =
        |question: &Question| question.options.iter().all(|option| question.text.contains(option.as_str()));
    let mut caveats = vec![
        "Imported from a benchmark: the documents' right answers are not part of the study, and options count as 1, 2, ... in their order."
            .to_owned(),
    ];
    if task.num_fewshot.is_some_and(|count| count > 0) {
        caveats.push("The task shows examples before its question; this study shows none.".to_owned());
    }
    Draft {
        id: id.to_owned(),
        title: task.task.clone().unwrap_or_else(|| id.to_owned()),
        citation: "a task of lm-evaluation-harness".to_owned(),
        caveats,
        human_data: None,
        system_text: "You are answering questions. {persona}".to_owned(),
        shows_options_itself: !questions.is_empty() && questions.iter().all(shown),
        questions,
        personas: vec![DraftPersona {
            id: "respondent".to_owned(),
            population_group: "respondents".to_owned(),
            text: "You answer each of them as well as you can.".to_owned(),
        }],
    }
}
