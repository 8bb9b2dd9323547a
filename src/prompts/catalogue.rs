//! Finds studies and reads them, refusing with file and line whatever does not hold together.

use super::hypotheses::read_hypotheses;
use super::structure::{self, SituationFile, StudyFile, VariableFile};
use super::wording::{LanguageTexts, Wording, read_texts};
use super::{ElicitationFormat, OptionOrder};
use crate::data_folder::{DataFolder, EmbeddedFolder, TextFile, sha256_of_files};
use crate::error::{ErrorKind, Result};
use crate::spanned::Spanned;
use crate::survey::{Hypothesis, Item, Language, Persona, ResponseOption, ResponseScale};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The file that holds a study's structure.
pub(super) const STRUCTURE_FILE: &str = "study.toml";

/// Studies that travel with the binary.
pub(super) static BUILT_IN: &[EmbeddedFolder] = &[
    EmbeddedFolder {
        id: "isear",
        place: "prompts/isear",
        files: &[
            (STRUCTURE_FILE, include_str!("../../prompts/isear/study.toml")),
            ("en.toml", include_str!("../../prompts/isear/en.toml")),
            ("es.toml", include_str!("../../prompts/isear/es.toml")),
            ("pt.toml", include_str!("../../prompts/isear/pt.toml")),
        ],
    },
    EmbeddedFolder {
        id: "social_emotions",
        place: "prompts/social_emotions",
        files: &[
            (STRUCTURE_FILE, include_str!("../../prompts/social_emotions/study.toml")),
            ("en.toml", include_str!("../../prompts/social_emotions/en.toml")),
            ("es.toml", include_str!("../../prompts/social_emotions/es.toml")),
        ],
    },
];

/// A study as read from its folder or from the binary.
#[derive(Debug, Clone)]
pub struct Study {
    pub id: String,
    pub title: String,
    pub citation: String,
    pub caveats: Vec<String>,
    /// Facet names, in column order. Every item has a value for each.
    pub facets: Vec<String>,
    /// Readable names: facet, or `population_group`, to value to name. What has none is shown as it is.
    pub names: BTreeMap<String, BTreeMap<String, String>>,
    pub languages: Vec<Language>,
    pub scales: Vec<ResponseScale>,
    pub items: Vec<Item>,
    pub personas: Vec<Persona>,
    pub formats: Vec<ElicitationFormat>,
    pub option_orders: Vec<OptionOrder>,
    /// Ids of the ways in which items are worded; one, `base`, where the study names none.
    pub item_wordings: Vec<String>,
    pub temperatures: Vec<f64>,
    /// Id of the human data set, a folder under `human_data/`.
    pub human_data: Option<String>,
    pub default_subset: DefaultSubset,
    pub hypotheses: Vec<Hypothesis>,
    /// Over the bytes of all its files, names included, in name order; hex.
    pub sha256: String,
    /// Where its structure was read, for messages.
    pub path: PathBuf,
    /// What is said in each language around personas, stems and labels.
    pub wordings: BTreeMap<Language, Wording>,
}

/// What a run takes of a study unless it is asked for all of it. Indices into the study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultSubset {
    pub persona_indices: Vec<usize>,
    pub language_indices: Vec<usize>,
    pub format_indices: Vec<usize>,
}

/// A built-in study by id, or a study folder by path.
///
/// # Errors
/// Kind `Study`, with file and line where a file is at fault.
pub fn find_study(name_or_path: &str) -> Result<Study> {
    let folder = DataFolder::find(name_or_path, BUILT_IN, "study", ErrorKind::Study)?;
    let file = folder.require(STRUCTURE_FILE)?;
    let structure: StudyFile = file.parse_toml()?;
    structure::check_structure(&file, &structure)?;
    let hypotheses = read_hypotheses(&file, &structure)?;
    let wording_files = read_wording_files(&folder, &file, &structure)?;
    let texts = (wording_files.iter())
        .map(|(language, file)| Ok((language.clone(), read_texts(file, &language.0, &structure)?)))
        .collect::<Result<Vec<(Language, LanguageTexts)>>>()?;
    let files: Vec<&TextFile> =
        [&file].into_iter().chain(wording_files.iter().map(|(_, file)| file)).collect();
    Ok(Study { hypotheses, ..assemble(structure, &texts, sha256_of_files(&files), file.path.clone()) })
}

/// A study's files as they are read, with their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyFiles {
    pub id: String,
    /// Id of the people it names.
    pub human_data: Option<String>,
    pub files: Vec<(String, String)>,
}

/// The files of a study that is valid: its structure, and a wording for each language.
///
/// # Errors
/// As [`find_study`].
pub fn study_files(name_or_path: &str) -> Result<StudyFiles> {
    let study = find_study(name_or_path)?;
    let folder = DataFolder::find(name_or_path, BUILT_IN, "study", ErrorKind::Study)?;
    let wordings = study.languages.iter().map(|language| format!("{language}.toml"));
    let names = std::iter::once(STRUCTURE_FILE.to_owned()).chain(wordings);
    let files =
        names.map(|name| folder.require(&name).map(|file| (name, file.text))).collect::<Result<_>>()?;
    Ok(StudyFiles { id: study.id, human_data: study.human_data, files })
}

/// One file per declared language. Tags were checked to be plain, so none of them is a path.
fn read_wording_files(
    folder: &DataFolder,
    file: &TextFile,
    structure: &StudyFile,
) -> Result<Vec<(Language, TextFile)>> {
    let read = |tag: &Spanned<String>| {
        let name = format!("{}.toml", tag.as_ref());
        let missing = || file.refuse(tag.span(), format!("there is no file `{name}` for this language"));
        Ok((Language(tag.as_ref().clone()), folder.read(&name)?.ok_or_else(missing)?))
    };
    structure.languages.as_ref().iter().map(read).collect()
}

fn assemble(file: StudyFile, texts: &[(Language, LanguageTexts)], sha256: String, path: PathBuf) -> Study {
    let items = (file.situations.iter())
        .flat_map(|situation| file.variables.iter().map(move |variable| (variable, Some(situation))));
    let lone_items =
        file.variables.iter().map(|variable| (variable, None)).filter(|_| file.situations.is_empty());
    Study {
        facets: strings(&file.facets),
        names: names(&file.names),
        scales: scales(&file, texts),
        items: items
            .chain(lone_items)
            .map(|(variable, situation)| item(&file, texts, variable, situation))
            .collect(),
        personas: personas(&file, texts),
        default_subset: DefaultSubset {
            persona_indices: positions(&file.default_subset.personas, file.personas.iter().map(|p| &p.id)),
            language_indices: positions(&file.default_subset.languages, file.languages.as_ref()),
            format_indices: match &file.default_subset.formats {
                Some(formats) => positions(formats, file.formats.as_ref()),
                None => (0..file.formats.as_ref().len()).collect(),
            },
        },
        languages: texts.iter().map(|(language, _)| language.clone()).collect(),
        wordings: per_language(texts, |texts| texts.wording.clone()),
        caveats: strings(&file.caveats),
        formats: structure::formats(&file),
        item_wordings: wording_ids(&file),
        option_orders: file.option_orders.into_inner().into_iter().map(Spanned::into_inner).collect(),
        temperatures: file.temperatures.into_inner().into_iter().map(Spanned::into_inner).collect(),
        human_data: file.human_data.map(Spanned::into_inner),
        hypotheses: Vec::new(),
        id: file.id.into_inner(),
        title: file.title.into_inner(),
        citation: file.citation.into_inner(),
        sha256,
        path,
    }
}

/// What the one wording of a study is called that names none.
const BASE_WORDING: &str = "base";

fn wording_ids(file: &StudyFile) -> Vec<String> {
    match &file.item_wordings {
        Some(ids) => strings(ids.as_ref()),
        None => vec![BASE_WORDING.to_owned()],
    }
}

fn names(names: &structure::Names) -> BTreeMap<String, BTreeMap<String, String>> {
    let plain = |facets: &structure::Facets| {
        facets.iter().map(|(value, name)| (value.as_ref().clone(), name.as_ref().clone())).collect()
    };
    names.iter().map(|(facet, names)| (facet.as_ref().clone(), plain(names))).collect()
}

fn item(
    file: &StudyFile,
    texts: &[(Language, LanguageTexts)],
    variable: &VariableFile,
    situation: Option<&SituationFile>,
) -> Item {
    let facets = variable.facets.iter().chain(situation.iter().flat_map(|situation| &situation.facets));
    let scale_index = file.scales.iter().position(|scale| scale.id.as_ref() == variable.scale.as_ref());
    Item {
        id: structure::item_id(variable, situation),
        variable: variable.id.as_ref().clone(),
        scale_index: scale_index.expect("the structure was checked to name known scales only"),
        facets: facets.map(|(name, value)| (name.as_ref().clone(), value.as_ref().clone())).collect(),
        stems: per_language(texts, |texts| texts.stems(variable, situation)),
    }
}

fn scales(file: &StudyFile, texts: &[(Language, LanguageTexts)]) -> Vec<ResponseScale> {
    let option = |option: &structure::OptionFile| ResponseOption {
        code: option.code.as_ref().clone(),
        value: *option.value.as_ref(),
    };
    let scale = |(index, scale): (usize, &structure::ScaleFile)| ResponseScale {
        id: scale.id.as_ref().clone(),
        options: scale.options.as_ref().iter().map(option).collect(),
        labels: per_language(texts, |texts| texts.labels[index].clone()),
    };
    file.scales.iter().enumerate().map(scale).collect()
}

fn personas(file: &StudyFile, texts: &[(Language, LanguageTexts)]) -> Vec<Persona> {
    let persona = |(index, persona): (usize, &structure::PersonaFile)| Persona {
        id: persona.id.as_ref().clone(),
        population_group: persona.population_group.as_ref().clone(),
        texts: per_language(texts, |texts| texts.personas[index].clone()),
    };
    file.personas.iter().enumerate().map(persona).collect()
}

fn per_language<T>(
    texts: &[(Language, LanguageTexts)],
    part: impl Fn(&LanguageTexts) -> T,
) -> BTreeMap<Language, T> {
    texts.iter().map(|(language, texts)| (language.clone(), part(texts))).collect()
}

fn strings(texts: &[Spanned<String>]) -> Vec<String> {
    texts.iter().map(|text| text.as_ref().clone()).collect()
}

/// Where the ids of a subset stand in the full list, in the subset's order.
fn positions<'a>(
    subset: &Spanned<Vec<Spanned<String>>>,
    all: impl IntoIterator<Item = &'a Spanned<String>>,
) -> Vec<usize> {
    let all: Vec<&str> = all.into_iter().map(|id| id.as_ref().as_str()).collect();
    subset.as_ref().iter().filter_map(|id| all.iter().position(|known| *known == id.as_ref())).collect()
}
