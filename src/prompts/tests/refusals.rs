//! Each way in which a study can be wrong, and the file and line that its refusal names.

use super::write_example;
use crate::error::{Error, ErrorKind};
use crate::prompts::find_study;
use std::fs;
use std::path::Path;

const PERSONA: &str = "[[personas]]\nid = \"student\"\npopulation_group = \"students\"\n";
const VARIABLE: &str = "[[variables]]\nid = \"content\"\nscale = \"agreement\"\n";
const OPTIONS: &str =
    "options = [{ code = \"1\", value = 1 }, { code = \"2\", value = 2 }, { code = \"3\", value = 3 }]\n";
const LABELS: &str = "agreement = [\"disagree\", \"neither agree nor disagree\", \"agree\"]";

/// Makes changes `(file, old, new)` to the README's example. The line on which a `new` holds a `§`, which is taken out
/// again, is the line that the refusal has to name.
#[track_caller]
fn check_all(changes: &[(&str, &str, &str)], message: &str) {
    let folder = tempfile::tempdir().unwrap();
    write_example(folder.path());
    let mut place = None;
    for (name, old, new) in changes {
        let file = folder.path().join(name);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches(old).count(), 1, "`{old}` is there once");
        let text = text.replace(old, new);
        let line = |at: usize| 1 + text[..at].matches('\n').count();
        place = text.find('§').map(line).map(|line| format!("{}:{line}: ", file.display())).or(place);
        fs::write(&file, text.replace('§', "")).unwrap();
    }
    let shown = refusal(folder.path()).to_string();
    let place = place.expect("a § marks the line");
    assert!(shown.starts_with(&place), "expected {place}: {shown}");
    assert!(shown.contains(message), "expected `{message}`: {shown}");
    assert!(!shown.contains('\n'), "one line: {shown}");
}

#[track_caller]
fn check(name: &str, old: &str, new: &str, message: &str) {
    check_all(&[(name, old, new)], message);
}

#[track_caller]
fn refusal(folder: &Path) -> Error {
    let error = find_study(folder.to_str().unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Study);
    error
}

#[test]
fn hypotheses_about_what_is_not_there() {
    let claim = |fields: &str| {
        format!(
            "{PERSONA}\n[[hypotheses]]\nid = \"H1\"\nclaim = \"x\"\nquantity = \"mean\"\npredicts = \"higher\"\n{fields}\n"
        )
    };
    let refuse = |fields: &str, message: &str| check("study.toml", PERSONA, &claim(fields), message);
    refuse("more = { colour§ = [\"red\"] }", "cells have no property `colour`");
    refuse("more = { persona = [\"nobody\"§] }", "no cell has the persona `nobody`");
    refuse("more = { persona§ = [] }", "no value of `persona` is selected");
    refuse("more = {}\nfor_each = [\"mood\"§]", "cells have no property `mood`");
    refuse("more = {}\nmargin = -1§", "a margin is a number from 0 on");
    refuse("more = {}\npeople_of = \"martians\"§", "no cell has the population_group `martians`");
    refuse(
        "more = {}\nbetween = { property = \"option_order\", values = [\"forward\"]§ }",
        "`values` are two",
    );
    let same = "values = [\"forward\", \"forward\"]§";
    refuse(
        &format!("more = {{}}\nbetween = {{ property = \"option_order\", {same} }}"),
        "both values are the same",
    );
    refuse(
        "more = {}\n[[hypotheses]]\nid = \"H1\"§\nclaim = \"y\"\nquantity = \"mean\"\npredicts = \"lower\"\nmore = {}",
        "there twice",
    );
}

#[test]
fn formats_that_cannot_be_asked_in() {
    let listed = "formats = [\"number\"]";
    check("study.toml", listed, "formats = [\"essay\"§]", "the format `essay` is unknown");
    // Tables go to the end of the file.
    let declare = |list: &str, table: &str, message: &str| {
        check_all(
            &[("study.toml", listed, list), ("study.toml", PERSONA, &format!("{PERSONA}{table}"))],
            message,
        );
    };
    declare(
        "formats = [\"number\"]",
        "\n[elicitation_formats.number§]\nkey = \"label\"\n",
        "declared already",
    );
    declare(
        "formats = [\"number\"]",
        "\n[elicitation_formats.json§]\nkey = \"label\"\n",
        "`formats` does not name `json`",
    );
    let hidden = "\n[elicitation_formats.blind]\nkey = \"letter\"\nshow_options = false§\n";
    declare("formats = [\"blind\"]", hidden, "letters mean nothing");
    let closed = "\n[elicitation_formats.json]\nkey = \"number\"\nclosings = [\"\"§]\n";
    declare("formats = [\"json\"]", closed, "a closing is empty");
    check(
        "study.toml",
        "option_orders = [\"forward\", \"reversed\"]",
        "option_orders = [\"forward\", \"rotated_3\"§]",
        "`rotated_3` needs more options than the 3",
    );
}

#[test]
fn conversations_that_cannot_be_held() {
    let more: String = ["calm", "tense", "tired", "glad", "low", "keen", "dull"]
        .iter()
        .map(|id| format!("\n[[variables]]\nid = \"{id}\"\nscale = \"agreement\"\n"))
        .collect();
    let refuse = |rest: &str, message: &str| {
        let table = format!("\n[elicitation_formats.talk]\nkey = \"number\"\n{rest}\n");
        let changes = [
            ("study.toml", "formats = [\"number\"]", "formats = [\"talk\"]"),
            ("study.toml", VARIABLE, &format!("{VARIABLE}{more}")),
            ("study.toml", PERSONA, &format!("{PERSONA}{table}")),
        ];
        check_all(&changes, message);
    };
    refuse("battery = { variables = []§ }", "two variables or more");
    refuse("battery = { variables = [[\"calm\"]]§ }", "two variables or more");
    refuse("battery = { variables = [[\"calm\", \"angry\"§]] }", "has no variable `angry`");
    refuse(
        "battery = { variables = [[\"calm\", \"tense\"], [\"calm\"§, \"tired\"]] }",
        "`calm` is asked twice",
    );
    let all = "[[\"content\"§, \"calm\", \"tense\", \"tired\", \"glad\", \"low\", \"keen\", \"dull\"]]";
    refuse(&format!("battery = {{ variables = {all} }}"), "takes 3280 prompts, more than 1000");
    let pair = "variables = [[\"calm\", \"tense\"]]";
    refuse(&format!("battery = {{ {pair}§, fixed = {{}} }}"), "says no response to `calm`");
    refuse(&format!("battery = {{ {pair}, fixed = {{ calm = \"4\"§ }} }}"), "has no option `4`");
    let late = "fixed = { calm = \"1\", tense§ = \"1\" }";
    refuse(&format!("battery = {{ {pair}, {late} }}"), "`tense` comes before no other");
    let count = "\n[elicitation_formats.talk]\nkey = \"count\"\nbattery = { variables = [[\"content\", \"content\"]]§ }\n";
    check_all(
        &[
            ("study.toml", "formats = [\"number\"]", "formats = [\"talk\"]"),
            ("study.toml", PERSONA, &format!("{PERSONA}{count}")),
        ],
        "not of items in a row",
    );
    let premise = count.replace("\"count\"", "\"label\"\ndomain_premise = true");
    check_all(
        &[
            ("study.toml", "formats = [\"number\"]", "formats = [\"talk\"]"),
            ("study.toml", PERSONA, &format!("{PERSONA}{premise}")),
        ],
        "a domain premise is of items by themselves",
    );
}

#[test]
fn the_readmes_example_is_a_study() {
    let folder = tempfile::tempdir().unwrap();
    write_example(folder.path());
    let study = find_study(folder.path().to_str().unwrap()).unwrap();
    assert_eq!(study.id, "mood");
    assert_eq!(study.items.iter().map(|item| item.id.as_str()).collect::<Vec<_>>(), ["content"]);
    assert_eq!(study.human_data, None);
}

#[test]
fn a_study_that_is_not_there() {
    let error = find_study("no-such-study").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Study);
    assert!(error.to_string().starts_with("there is no study `no-such-study`"), "{error}");
    assert!(error.hint_text().unwrap().contains("isear"));
    let folder = tempfile::tempdir().unwrap();
    let shown = refusal(folder.path()).to_string();
    assert!(shown.ends_with("study.toml: there is no such file"), "{shown}");
}

#[test]
fn unknown_fields() {
    check("study.toml", "citation =", "§colour = 1\ncitation =", "unknown field `colour`");
    check("study.toml", "code = \"1\"", "§kode = \"1\"", "unknown field `kode`");
    check("en.toml", "system_text", "§greeting = \"hi\"\nsystem_text", "unknown field `greeting`");
    check("en.toml", "instruction", "§order", "unknown field `order`");
    check("study.toml", "\"number\"", "§\"numeral\"", "the format `numeral` is unknown");
}

#[test]
fn absent_fields() {
    check("study.toml", VARIABLE, "§[[variables]]\nscale = \"agreement\"\n", "missing field `id`");
    let (old, new) = ("[formats.number]\ninstruction", "§[formats.number]\n#");
    check("en.toml", old, new, "missing field `instruction`");
}

#[test]
fn another_schema_version() {
    check("study.toml", "schema_version = 1", "§schema_version = 2", "reads schema_version 1");
}

#[test]
fn repeated_ids() {
    let twice = |entry: &str| format!("{entry}\n{}", entry.replace("id =", "§id ="));
    check("study.toml", PERSONA, &twice(PERSONA), "the persona `student` is there twice");
    check("study.toml", VARIABLE, &twice(VARIABLE), "the variable `content` is there twice");
    let scales = format!("{OPTIONS}\n[[scales]]\n§id = \"agreement\"\n{OPTIONS}");
    check("study.toml", OPTIONS, &scales, "the scale `agreement` is there twice");
    check(
        "study.toml",
        "code = \"3\"",
        "§code = \"2\"",
        "the option code of scale `agreement` `2` is there twice",
    );
    check(
        "study.toml",
        "\nlanguages = [\"en\"]\nf",
        "\nlanguages = [\"en\",\n§\"en\"]\nf",
        "`en` is there twice",
    );
    check("study.toml", "[\"number\"]", "[\"number\",\n§\"number\"]", "the format `number` is there twice");
    check("study.toml", "\"reversed\"]", "\n§\"forward\"]", "the option order `forward` is there twice");
    check("study.toml", "[1.0]", "[1.0,\n§1.0]", "the temperature 1 is there twice");
    check("study.toml", "facets = []", "facets = [\"a\",\n§\"a\"]", "the facet `a` is there twice");
    check("en.toml", "student =", "student = \"You rest.\"\n§student =", "duplicate key");
}

#[test]
fn ids_that_are_not_plain() {
    check("study.toml", "id = \"mood\"", "§id = \"../mood\"", "is not an id");
    check("study.toml", "id = \"content\"", "§id = \"con.tent\"", "is not an id");
    check("study.toml", "languages = [\"en\"]\nformats", "languages = [§\"../en\"]\nformats", "is not an id");
    check("study.toml", "facets = []", "facets = [§\"Mood\"]", "cannot name a facet");
    check("study.toml", "code = \"1\"", "§code = \"1 \"", "cannot be an option's code");
}

#[test]
fn empty_lists() {
    check("study.toml", "temperatures = [1.0]", "§temperatures = []", "`temperatures` is empty");
    check("study.toml", "formats = [\"number\"]", "§formats = []", "`formats` is empty");
    check("study.toml", "personas = [\"student\"]", "§personas = []", "the default subset has no persona");
}

#[test]
fn temperatures_that_are_none() {
    for temperature in ["0.0", "-1.0", "inf", "nan"] {
        check("study.toml", "[1.0]", &format!("[0.5,\n§{temperature}]"), "is not a positive finite number");
    }
}

#[test]
fn scales_that_are_none() {
    check(
        "study.toml",
        "value = 3",
        "§value = 2",
        "the values of scale `agreement` do not rise strictly at 2",
    );
    check("study.toml", "value = 3", "§value = nan", "do not rise strictly at NaN");
    check("study.toml", OPTIONS, "options = [§{ code = \"1\", value = 1 }]\n", "has 1 options, not 2 to 26");
    check("study.toml", "scale = \"agreement\"", "§scale = \"consent\"", "the unknown scale `consent`");
}

#[test]
fn facets_that_do_not_fit() {
    check(
        "study.toml",
        VARIABLE,
        &format!("{VARIABLE}§facets = {{ mood = \"good\" }}\n"),
        "not in the list `facets`",
    );
    check_all(
        &[
            ("study.toml", "facets = []", "facets = [\"mood\"]"),
            ("study.toml", "id = \"content\"", "§id = \"content\""),
        ],
        "the item `content` has no facet `mood`",
    );
    let situation = "[[situations]]\n§id = \"rain\"\nfacets = { mood = \"bad\" }\n";
    check_all(
        &[
            ("study.toml", "facets = []", "facets = [\"mood\"]"),
            ("study.toml", VARIABLE, &format!("{VARIABLE}facets = {{ mood = \"good\" }}\n\n{situation}")),
        ],
        "the item `content.rain` gets the facet `mood` from both its parts",
    );
}

#[test]
fn a_default_subset_of_what_is_not_there() {
    check(
        "study.toml",
        "personas = [\"student\"]",
        "§personas = [\"pupil\"]",
        "names the unknown persona `pupil`",
    );
    let (old, new) = ("[\"student\"]\nlanguages = [\"en\"]", "[\"student\"]\nlanguages = [§\"es\"]");
    check("study.toml", old, new, "names the unknown language `es`");
}

#[test]
fn languages_that_are_not_complete() {
    let (old, new) = ("languages = [\"en\"]\nformats", "languages = [\"en\",\n§\"es\"]\nformats");
    check("study.toml", old, new, "there is no file `es.toml` for this language");
    check("en.toml", "language = \"en\"", "§language = \"es\"", "is read for `en` and says it is `es`");
    let emptied = |table: &str, entry: &str, message: &str| {
        check("en.toml", &format!("[{table}]\n{entry}"), &format!("§[{table}]"), message);
    };
    emptied("personas", "student = \"You study at a university.\"", "no text for the persona `student`");
    emptied(
        "variables",
        "content = \"Do you agree? Today I feel content.\"",
        "no text for the variable `content`",
    );
    emptied("labels", LABELS, "no text for the scale `agreement`");
    check("en.toml", "[formats.number]", "§[formats.letter]", "the study has no format `letter`");
    check(
        "en.toml",
        "student =",
        "§pupil = \"You are at school.\"\nstudent =",
        "the study has no persona `pupil`",
    );
    check_all(
        &[
            ("study.toml", PERSONA, &format!("{PERSONA}\n{}", PERSONA.replace("student", "pupil"))),
            ("en.toml", "[personas]", "§[personas]"),
        ],
        "there is no text for the persona `pupil`",
    );
}

#[test]
fn situations_without_words() {
    let situations = format!("{VARIABLE}\n[[situations]]\nid = \"rain\"\n\n[[situations]]\nid = \"sun\"\n");
    let check = |text: &str, words: &str, message: &str| {
        let text = format!("{text}\nsystem_text");
        let words = format!("[situations]\n{words}\n[variables]");
        let (text, words) =
            (("en.toml", "system_text", text.as_str()), ("en.toml", "[variables]", words.as_str()));
        check_all(&[("study.toml", VARIABLE, &situations), text, words], message);
    };
    let text = "situation_text = \"It {weather}.\"";
    let marked = "§situation_text = \"It {weather}.\"";
    let (rain, sun) = ("rain = { weather = \"rains\" }", "sun = { weather = \"shines\" }");
    let untold = format!("§[situations]\n{rain}\n{sun}\n[variables]");
    check_all(
        &[("study.toml", VARIABLE, &situations), ("en.toml", "[variables]", &untold)],
        "there is no `situation_text` for the situations",
    );
    check_all(
        &[("en.toml", "system_text", &format!("{marked}\nsystem_text"))],
        "the study has no situations",
    );
    check(
        text,
        &format!("{rain}\n{sun}\n§snow = {{ weather = \"snows\" }}"),
        "the study has no situation `snow`",
    );
    check(
        marked,
        &format!("{rain}\nsun = {{ whether = \"shines\" }}"),
        "{weather} is unknown here; known: {whether}",
    );
    check(
        text,
        &format!("{rain}\n§sun = {{ weather = \"rains\" }}"),
        "the situations `rain` and `sun` read the same",
    );
    check(text, &format!("{rain}\n§sun = {{ weather = \"\" }}"), "this text is empty");
}

#[test]
fn labels_that_do_not_fit() {
    check(
        "en.toml",
        LABELS,
        "agreement = [§\"disagree\", \"agree\"]",
        "there are 2 labels for a scale of 3 options",
    );
    let labels = |last: &str| format!("agreement = [\"disagree\", \"agree\",\n§{last}]");
    check("en.toml", LABELS, &labels("\"agree\""), "the label `agree` cannot be told from another");
    check("en.toml", LABELS, &labels("\"Agree\""), "the label `Agree` cannot be told from another");
    check("en.toml", LABELS, &labels("\" both\""), "a label is one line without white space around it");
    check("en.toml", LABELS, &labels("\"yes\\nno\""), "a label is one line without white space around it");
    check("en.toml", LABELS, &labels("\"\""), "this text is empty");
}

#[test]
fn texts_that_cannot_be_filled_in() {
    check(
        "en.toml",
        "Do you agree?",
        "§Do {you} agree?",
        "the placeholder {you} is unknown here; known: none",
    );
    check(
        "en.toml",
        "{persona}",
        "§{persona} {country}",
        "the placeholder {country} is unknown here; known: {persona}",
    );
    check("en.toml", "{persona}", "§someone", "does not say where the persona goes");
    check("en.toml", "Do you", "§Do } you", "a brace is not part of a placeholder");
    check("en.toml", "Do you agree? Today I feel content.", "§ ", "this text is empty");
    check("en.toml", "Do you agree?", "§Do you agree\\u0007?", "this text holds a control character");
}

#[test]
fn texts_that_cannot_be_told_apart() {
    check_all(
        &[
            ("study.toml", PERSONA, &format!("{PERSONA}\n{}", PERSONA.replace("student", "pupil"))),
            ("en.toml", "student =", "pupil = \"You study at a university.\"\n§student ="),
        ],
        "the personas `pupil` and `student` read the same",
    );
}

#[test]
fn lines_may_end_as_the_editor_likes() {
    let folder = tempfile::tempdir().unwrap();
    write_example(folder.path());
    let file = folder.path().join("en.toml");
    let long = "Do you agree?\n\nToday I feel content.";
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace("\"Do you agree? Today I feel content.\"", &format!("\"\"\"\n{long}\n\"\"\""));
    fs::write(&file, text.replace('\n', "\r\n")).unwrap();
    let study = find_study(folder.path().to_str().unwrap()).unwrap();
    assert_eq!(study.items[0].stems.values().flatten().collect::<Vec<_>>(), [long]);
}

#[test]
fn files_too_large_or_not_text() {
    let folder = tempfile::tempdir().unwrap();
    write_example(folder.path());
    fs::write(folder.path().join("en.toml"), [0xff, 0xfe]).unwrap();
    assert!(refusal(folder.path()).to_string().contains("en.toml: cannot be read"));
    fs::write(folder.path().join("en.toml"), vec![b'#'; (4 << 20) + 1]).unwrap();
    assert!(refusal(folder.path()).to_string().ends_with("en.toml: is larger than 4 MiB"));
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write_example(folder.path());
    let (inside, outside) = (folder.path().join("en.toml"), elsewhere.path().join("en.toml"));
    fs::rename(&inside, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &inside).unwrap();
    assert!(refusal(folder.path()).to_string().ends_with("en.toml: leads out of its folder"));
}

#[test]
fn readable_names_of_what_is_not_there() {
    let names = |text: &str| format!("{text}[default_subset]");
    check("study.toml", "[default_subset]", &names("[names.§mood]\n"), "`mood` is not a facet");
    let unknown = names("[names.population_group]\n§pupils = \"Pupils\"\n");
    check("study.toml", "[default_subset]", &unknown, "`population_group` has no value `pupils`");
}
