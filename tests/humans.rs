//! `respondent humans`: a file of participants to a data set, its maladies, and a run that is held against it.

use super::harness::ImportPlace;
use respondent::human_data::find_human_data;
use respondent::output::read_comparisons;
use respondent::output::records::ComparisonRow;
use serde_json::Value;
use std::fs;
use std::path::Path;

const CODEBOOK: &str = r#"
schema_version = 1
id = "mood"
title = "Mood of made-up people"
citation = "nobody"
licence = "none needed"

[file]
missing = ["", "-99"]

[participants]
id = "pid"
group = "land"
groups = { "1" = "north", "2" = "south" }

[scales.agreement]
codes = ["1", "2", "3"]

[items.content]
column = "q1"
scale = "agreement"

[items.calm]
column = "q2"
scale = "agreement"
reverse = true
"#;

const PEOPLE: &str = "\
pid,land,age,w,q1,q2,note
a,1,20,1,1,3,hello
b,1,31,1,2,3,\"one, two\nand three\"
c,1,45,1,2,-99,
d,2,50,2,3,1,x
e,2,17,0.5,3,2,|
f,9,30,1,1,1,from elsewhere
";

fn place(codebook: &str, people: &str) -> ImportPlace {
    ImportPlace::new("people.csv", codebook, people)
}

fn counts(place: &ImportPlace, group: &str, item: &str) -> Vec<f64> {
    place.marginal(group, item).unwrap().counts
}

#[test]
fn a_wide_file_is_counted_as_its_codebook_says() {
    let place = place(CODEBOOK, PEOPLE);
    let report = place.imported(&[]);
    assert_eq!((&report["row_count"], &report["left_out_count"]), (&6.into(), &1.into()));
    assert_eq!((&report["participant_count"], &report["bad_rows"]), (&5.into(), &Value::Array(vec![])));
    assert_eq!(counts(&place, "north", "content"), [1.0, 2.0, 0.0]);
    // Reversed: 3 stands for the lowest.
    assert_eq!(counts(&place, "north", "calm"), [2.0, 0.0, 0.0]);
    assert_eq!(counts(&place, "south", "calm"), [0.0, 1.0, 1.0]);
    let data = find_human_data(place.path("human_data/mood").to_str().unwrap()).unwrap();
    assert_eq!(data.marginal("north", "calm").unwrap().missing_count, 1.0);
    // Nothing of the participants but numbers.
    for file in ["counts.tsv", "provenance.toml"] {
        let text = fs::read_to_string(place.path("human_data/mood").join(file)).unwrap();
        assert!(!text.contains("hello") && !text.contains("elsewhere"), "{text}");
    }
    let taken = place.import(&[]);
    assert_eq!(taken.code, 6, "{}", taken.stderr);
    assert!(taken.stderr.contains("--force"));
    assert_eq!(place.import(&["--force"]).code, 0);
    assert!(
        !place.path("human_data/.mood.earlier").exists() && !place.path("human_data/.mood.partial").exists()
    );
}

#[test]
fn weights_groups_by_expression_and_filters() {
    let book = CODEBOOK.replace(
        "group = \"land\"\ngroups = { \"1\" = \"north\", \"2\" = \"south\" }",
        "weight = \"w\"\ngroup_expression = \"'grown' if age|int >= 30 else 'young'\"\nfilter = \"land in ['1', '2']\"",
    );
    let place = place(&book, PEOPLE);
    let report = place.imported(&[]);
    assert_eq!((&report["kind"], &report["left_out_count"]), (&"weighted".into(), &1.into()));
    // b, c with weight 1 and d with 2: (1 + 1 + 2)² / (1 + 1 + 4) = 8/3 people, half of them at 2 and half at 3.
    let counts = counts(&place, "grown", "content");
    for (found, expected) in counts.iter().zip([0.0, 4.0 / 3.0, 4.0 / 3.0]) {
        assert!((found - expected).abs() < 1e-8, "{counts:?}");
    }
    let shown = place.run(&["humans", "inspect", "mood"]);
    assert!(shown.stdout.contains("weighted") && shown.stdout.contains("grown"), "{}", shown.stdout);
    let listed = place.run(&["humans", "list"]);
    assert!(listed.stdout.contains("mood") && listed.stdout.contains("isear"), "{}", listed.stdout);
}

#[test]
fn a_long_file_has_a_row_for_each_response() {
    let book = format!("{CODEBOOK}\n[long]\nitem = \"item\"\nresponse = \"response\"\n");
    let people = "\u{feff}pid;land;item;response\r\na;1;q1;2\r\na;1;q2;1\r\nb;2;q1;3\r\nb;2;q2;3\r\nb;2;q9;7\r\na;1;q1;3\r\n";
    let place = place(&book.replace("missing = [", "delimiter = \";\"\nmissing = ["), people);
    // One bad row of six is more than 5 %.
    let refused = place.import(&[]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("people.csv:7") && refused.stderr.contains("there twice"),
        "{}",
        refused.stderr
    );
    fs::write(place.path("people.csv"), people.replace("a;1;q1;3\r\n", "")).unwrap();
    let report = place.imported(&[]);
    assert_eq!((&report["left_out_count"], &report["participant_count"]), (&1.into(), &2.into()));
    assert_eq!(counts(&place, "north", "calm"), [0.0, 0.0, 1.0]);
}

#[test]
fn bad_rows_are_told_with_their_lines_and_not_guessed() {
    let mut people = PEOPLE.to_owned();
    for index in 0..200 {
        people += &format!("p{index},1,30,1,{},2,\n", 1 + index % 3);
    }
    people += "g,1,30,1,4,2,\nh,1,30,1,2\na,1,30,1,1,1,\n,1,30,1,1,1,\n";
    let place = place(CODEBOOK, &people);
    let report = place.imported(&[]);
    let bad: Vec<(u64, &str)> = report["bad_rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap()))
        .collect();
    // The quoted line end of the second person makes lines one more than rows.
    assert_eq!(bad.iter().map(|bad| bad.0).collect::<Vec<_>>(), [209, 210, 211, 212]);
    for ((_, reason), expected) in bad.iter().zip([
        "`4` is no response to content",
        "5 cells below 7 columns",
        "`a` is there twice",
        "no participant",
    ]) {
        assert!(reason.contains(expected), "{reason}");
    }
    let listed = fs::read_to_string(place.path("human_data/mood/bad_rows.tsv")).unwrap();
    assert_eq!(listed.lines().count(), 5);
    assert_eq!(counts(&place, "north", "content").iter().sum::<f64>(), 203.0);
    let strict = place.import(&["--strict", "--force"]);
    assert_eq!(strict.code, 5, "{}", strict.stderr);
    assert!(strict.stderr.contains("people.csv:209"), "{}", strict.stderr);
}

fn refuse(codebook: &str, people: &str, code: i32, message: &str) {
    let place = place(codebook, people);
    let outcome = place.import(&[]);
    assert_eq!(outcome.code, code, "{}", outcome.stderr);
    assert!(outcome.stderr.contains(message), "no `{message}` in {}", outcome.stderr);
    assert!(!outcome.stderr.contains("panicked"));
    assert!(!Path::new(&place.path("human_data/mood")).exists(), "nothing is left behind");
}

#[test]
fn what_does_not_fit_is_refused() {
    let change = |old: &str, new: &str| {
        assert!(CODEBOOK.contains(old), "{old}");
        CODEBOOK.replace(old, new)
    };
    refuse(&change("column = \"q1\"", "column = \"q7\""), PEOPLE, 5, "there is no column `q7`");
    refuse(
        &change("column = \"q2\"", "column = \"q1\""),
        PEOPLE,
        5,
        "book.toml:24: the column `q1` is of two items",
    );
    refuse(
        &change("scale = \"agreement\"\nreverse", "scale = \"mood\"\nreverse"),
        PEOPLE,
        5,
        "there is no scale `mood`",
    );
    refuse(&change("[\"1\", \"2\", \"3\"]", "[\"1\", \"1\"]"), PEOPLE, 5, "two codes or more");
    refuse(&change("id = \"mood\"", "id = \"../mood\""), PEOPLE, 5, "an id is letters");
    // What a spreadsheet would compute.
    let formula = change("[items.calm]", "[items.\"=calm\"]");
    refuse(&formula, PEOPLE, 5, "is a formula to a spreadsheet");
    let named = change("groups = { \"1\" = \"north\", \"2\" = \"south\" }\n", "");
    refuse(&named, &PEOPLE.replace("a,1,", "a,=HYPERLINK(0),"), 5, "`=HYPERLINK(0)` cannot name a group");
    refuse(
        &change("group = \"land\"", "group_expression = \"land ==\""),
        PEOPLE,
        5,
        "not with an expression",
    );
    refuse(&change("title", "titel"), PEOPLE, 5, "book.toml:4: unknown field `titel`");
    refuse(CODEBOOK, &PEOPLE.replace("q2", "q1"), 5, "the column `q1` is there twice");
    refuse(CODEBOOK, "pid,land,q1,q2\n", 5, "nobody responded to the item");
    refuse(CODEBOOK, "", 5, "there is no column");
    let looping = change(
        "group = \"land\"\ngroups = { \"1\" = \"north\", \"2\" = \"south\" }",
        "group_expression = \"range(100000)|map('string')|join\"",
    );
    refuse(&looping, PEOPLE, 5, "an expression fails");
    let place = place(CODEBOOK, "");
    fs::write(place.path("people.csv"), b"pid,land,q1,q2\na,1,1,\xff\n").unwrap();
    let outcome = place.import(&[]);
    assert_eq!(outcome.code, 5);
    assert!(outcome.stderr.contains("people.csv:2"), "{}", outcome.stderr);
}

#[test]
fn a_run_is_held_against_imported_people() {
    let book = CODEBOOK.replace("[items.calm]\ncolumn = \"q2\"\nscale = \"agreement\"\nreverse = true\n", "");
    let place = place(&book, PEOPLE);
    place.imported(&[]);
    let rows = held_against(&place, "counts");
    assert!(rows.iter().any(|row| row.predictor == "model" && row.n == 3.0));
    let page = fs::read_to_string(place.path("counts/report.html")).unwrap();
    assert!(rows.iter().all(|row| row.split_half.is_none()) && !page.contains("people’s halves"));

    fs::write(place.path("book.toml"), book.replace("id = \"pid\"", "id = \"pid\"\nkeep = true")).unwrap();
    place.imported(&["--force"]);
    let rows = held_against(&place, "people");
    // A distance between the halves of three people: 1 against 1 2 or the like.
    let row = rows.iter().find(|row| row.level == "group" && row.metric == "total_variation").unwrap();
    assert!((0.5..=1.0).contains(&row.split_half.unwrap()), "{row:?}");
    let page = fs::read_to_string(place.path("people/report.html")).unwrap();
    assert!(page.contains("people’s halves") && page.contains("People are drawn whole"));

    let whole = |run: &str| -> Value {
        let compared = place.run(&["compare", run, run, "--json"]);
        assert_eq!(compared.code, 0, "{}", compared.stderr);
        serde_json::from_str::<Value>(&compared.stdout).unwrap()["people_are_whole"].clone()
    };
    assert_eq!((whole("counts"), whole("people")), (Value::Null, true.into()));
    assert_eq!(place.run(&["compare", "counts", "people"]).code, 2, "these were held against other people");
    fs::remove_dir_all(place.path("human_data")).unwrap();
    assert_eq!(whole("people"), false);
    let told = place.run(&["compare", "people", "people"]).stdout;
    assert!(told.contains("their responses are not found here"), "{told}");
}

/// Of a run of one item on the control.
fn held_against(place: &ImportPlace, out: &str) -> Vec<ComparisonRow> {
    let study = place.path("study");
    fs::create_dir_all(&study).unwrap();
    fs::write(
        study.join("study.toml"),
        r#"schema_version = 1
id = "mood"
title = "Mood"
citation = "none"
human_data = "mood"
languages = ["en"]
formats = ["number"]
option_orders = ["forward"]
temperatures = [1.0]
facets = []
[default_subset]
personas = ["n"]
languages = ["en"]
[[scales]]
id = "agreement"
options = [{ code = "1", value = 1 }, { code = "2", value = 2 }, { code = "3", value = 3 }]
[[variables]]
id = "content"
scale = "agreement"
[[personas]]
id = "n"
population_group = "north"
"#,
    )
    .unwrap();
    fs::write(
        study.join("en.toml"),
        r#"language = "en"
system_text = "Reply as asked. {persona}"
[variables]
content = "Do you agree? Today I feel content."
[labels]
agreement = ["disagree", "neither", "agree"]
[formats.number]
instruction = "Reply only with the number."
answer_prefix = "Answer:"
[personas]
n = "You live in the north."
"#,
    )
    .unwrap();
    let outcome =
        place.run(&["run", "./study", "--quiet", "--unusable-mass", "0", "--low-mass", "0", "--out", out]);
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    read_comparisons(&place.path(out).join("comparisons.parquet")).unwrap()
}

/// The example of `human_data/README.md`.
#[test]
fn the_readme_s_codebook_is_one() {
    let readme = fs::read_to_string(super::harness::repository("human_data/README.md")).unwrap();
    let example = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let people =
        "pid,region,age,w,q1,q2\na,1,20,1.5,1,yes\nb,3,40,1,2,partly\nc,3,17,1,2,no\nd,2,33,0.5,NA,no\n";
    let place = place(example, people);
    let report = place.imported(&[]);
    assert_eq!((&report["left_out_count"], &report["group_count"]), (&1.into(), &2.into()));
    assert_eq!(counts(&place, "south", "calm"), [0.0, 1.0, 0.0]);
    // 1.5 at the lowest, "yes" reversed, and 0.5 at the highest: 4 / 2.5 people.
    let counts = counts(&place, "north", "calm");
    assert!((counts[0] - 1.2).abs() < 1e-8 && (counts[2] - 0.4).abs() < 1e-8, "{counts:?}");
}

const KEEP: [(&str, &str); 1] = [("id = \"pid\"", "id = \"pid\"\nkeep = true\nweight = \"w\"")];

#[test]
fn participants_are_kept_without_their_names() {
    let book = CODEBOOK.replace(KEEP[0].0, KEEP[0].1);
    let place = place(&book, PEOPLE);
    let report = place.imported(&[]);
    assert_eq!((&report["kept_count"], &report["kind"]), (&5.into(), &"weighted".into()));
    let text = fs::read_to_string(place.path("human_data/mood/responses.tsv")).unwrap();
    // Reversed as in the counts, in the order of what they say.
    assert_eq!(
        text,
        "population_group\tweight\tcalm\tcontent\nnorth\t1\t\t2\nnorth\t1\t1\t1\nnorth\t1\t1\t2\nsouth\t0.5\t2\t3\nsouth\t2\t3\t3\n"
    );
    let folder = place.path("human_data/mood");
    let data = find_human_data(folder.to_str().unwrap()).unwrap();
    assert_eq!(data.participants_of("north").unwrap().count(), 3);
    let shown = place.run(&["humans", "inspect", "mood"]);
    assert!(shown.stdout.contains("one by one"), "{}", shown.stdout);

    let provenance = fs::read_to_string(folder.join("provenance.toml")).unwrap();
    let stated = data.responses_sha256.unwrap();
    let refuse = |old: &str, new: &str, message: &str| {
        let altered = text.replacen(old, new, 1);
        assert_ne!(altered, text, "{old}");
        let hash = respondent::models::sha256_hex(altered.as_bytes());
        fs::write(folder.join("responses.tsv"), altered).unwrap();
        let shown = place.run(&["humans", "inspect", "mood"]);
        assert!(shown.code == 5 && shown.stderr.contains("has the sha256"), "{}", shown.stderr);
        fs::write(folder.join("provenance.toml"), provenance.replace(&stated, &hash)).unwrap();
        let shown = place.run(&["humans", "inspect", "mood"]);
        assert!(shown.code == 5 && shown.stderr.contains(message), "no `{message}`: {}", shown.stderr);
        fs::write(folder.join("provenance.toml"), &provenance).unwrap();
    };
    refuse("\t1\t2\n", "\t1\t3\n", "responses.tsv:1: the responses of `north` to `content` do not add up");
    refuse("\t3\t3\n", "\t3\t4\n", "responses.tsv:6: `4` is none of 3 options");
    refuse("\t1\t1\n", "\t1\n", "responses.tsv:3: there are 3 cells below 4 columns");
    refuse("south\t2", "south\t-2", "responses.tsv:6: the weight `-2` is not a positive number");
    refuse("calm", "warm", "responses.tsv:1: `warm` is no item of the counts");
    refuse("calm", "content", "responses.tsv:1: the column `content` is there twice");
    refuse("weight", "weights", "responses.tsv:1: the columns are population_group, weight");
    fs::remove_file(folder.join("responses.tsv")).unwrap();
    let shown = place.run(&["humans", "inspect", "mood"]);
    assert!(shown.code == 5 && shown.stderr.contains("there is no responses.tsv"), "{}", shown.stderr);
}

#[test]
fn rows_of_one_participant_have_to_agree_where_people_are_kept() {
    let book = format!("{CODEBOOK}\n[long]\nitem = \"item\"\nresponse = \"response\"\n");
    let book = book.replace(KEEP[0].0, KEEP[0].1);
    let mut people =
        "pid,land,w,item,response\na,1,1,q1,2\na,1,1,q2,1\nb,2,2,q1,3\nb,1,2,q2,3\nc,1,1,q1,1\nc,1,2,q2,1\n"
            .to_owned();
    for index in 0..100 {
        people += &format!("p{index},2,1,q1,2\n");
    }
    let place = place(&book, &people);
    let report = place.imported(&[]);
    let reasons: Vec<&str> =
        report["bad_rows"].as_array().unwrap().iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert_eq!(
        reasons,
        [
            "the participant `b` was of another group before, `south`",
            "the participant `c` had another weight before, 1"
        ]
    );
    assert_eq!(report["kept_count"], 103);
}

/// The study of all formats, held against made-up people.
#[test]
fn what_a_premise_normalises_is_held_against_people_too() {
    let book = r#"
schema_version = 1
id = "mood"
title = "x"
citation = "x"
licence = "x"
[participants]
id = "pid"
group = "land"
[scales.intensity]
codes = ["1", "2", "10"]
[items.felt]
column = "q1"
scale = "intensity"
[items.shown]
column = "q2"
scale = "intensity"
"#;
    let place = place(book, "pid,land,q1,q2\na,USA,1,2\nb,USA,2,2\nc,USA,10,2\nd,USA,1,10\n");
    place.imported(&[]);
    let study = place.path("study");
    fs::create_dir(&study).unwrap();
    let text = |name: &str| {
        fs::read_to_string(super::harness::repository("tests/studies/formats").join(name)).unwrap()
    };
    let structure =
        text("study.toml").replace("citation = \"none\"", "citation = \"none\"\nhuman_data = \"mood\"");
    fs::write(study.join("study.toml"), structure).unwrap();
    fs::write(study.join("en.toml"), text("en.toml")).unwrap();
    let mass = ["--unusable-mass", "0", "--low-mass", "0"];
    let run = ["run", "./study", "-q", "--formats", "likely,number", "--out", "out"];
    let outcome = place.run(&[&run[..], &mass].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);

    let cells = respondent::output::read_cells(&place.path("out/cells.parquet")).unwrap();
    let rows = read_comparisons(&place.path("out/comparisons.parquet")).unwrap();
    let mut compared_count = 0;
    for (item, people) in [("felt", [0.5, 0.25, 0.25]), ("shown", [0.0, 0.75, 0.25])] {
        for temperature in [0.5, 1.0] {
            let own = cells.iter().filter(|cell| {
                (cell.item.as_str(), cell.elicitation_format.as_str()) == (item, "likely")
                    && cell.temperature == temperature
            });
            let mut sums = [0.0; 3];
            for cell in own {
                let place = ["1", "2", "10"].iter().position(|code| *code == cell.option_code).unwrap();
                sums[place] += cell.premise_normalised_probability.unwrap_or(0.0);
            }
            let total: f64 = sums.iter().sum();
            let row = rows.iter().find(|row| {
                row.item.as_deref() == Some(item)
                    && row.elicitation_format.as_deref() == Some("likely:pmi")
                    && (row.metric.as_str(), row.temperature) == ("total_variation", Some(temperature))
            });
            assert_eq!(row.is_some(), total > 0.0, "{item} {temperature}");
            let Some(row) = row else { continue };
            let expected: f64 = sums.iter().zip(people).map(|(sum, p)| (sum / total - p).abs() / 2.0).sum();
            assert!((row.value - expected).abs() < 1e-9, "{row:?} {expected}");
            compared_count += 1;
        }
    }
    assert!(compared_count > 0, "some item has such a distribution");
    assert!(rows.iter().all(|row| row.elicitation_format.as_deref() != Some("number:pmi")));
    let page = fs::read_to_string(place.path("out/report.html")).unwrap();
    assert!(page.contains("en · likely:pmi"));
}
