//! `respondent humans import` of tables that somebody counted already: long, wide, in percentages, and their maladies.

use super::harness::ImportPlace;
use serde_json::Value;
use std::fs;

const LONG: &str = r#"
option = "answer"
count = "count"
n = "n"
"#;

const WIDE: &str = r#"
options = { "1" = "no", "2" = "partly", "3" = "yes" }
n = "n"
"#;

fn book(layout: &str) -> String {
    format!(
        r#"
schema_version = 1
id = "mood"
title = "Mood of made-up people"
citation = "nobody"
licence = "none needed"

[file]
missing = ["", "DK"]

[counts]
group = "land"
groups = {{ "N|1" = "north", "S" = "south" }}
item = "question"
{layout}
[scales.agreement]
codes = ["1", "2", "3"]

[items.content]
column = "q1"
scale = "agreement"

[items.calm]
column = "q2"
scale = "agreement"
reverse = true
"#
    )
}

fn place(book: &str, table: &str) -> ImportPlace {
    ImportPlace::new("table.csv", book, table)
}

/// Counts, and how many did not respond.
fn counts(place: &ImportPlace, group: &str, item: &str) -> Option<(Vec<f64>, f64)> {
    place.marginal(group, item).map(|marginal| (marginal.counts, marginal.missing_count))
}

/// Of a table with many good rows, so that bad ones are few: what is told of each bad row.
fn bad_rows(report: &Value) -> Vec<(u64, String)> {
    let row = |row: &Value| (row["line"].as_u64().unwrap(), row["reason"].as_str().unwrap().to_owned());
    report["bad_rows"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_long_table_has_a_row_for_each_option() {
    // With a byte order mark, other line ends, a pipe in a cell, a stray column, another item, another group, no responses.
    let table = "\u{feff}land,question,answer,count,n,note\r\n\
        N|1,q1,1,5,12,\"a|b, c\"\r\nN|1,q1,2,0,12,\r\nN|1,q1,3,7,12,\r\nN|1,q1,DK,4,12,\r\n\
        S,q2,1,1,6,\r\nS,q2,2,2,6,\r\nS,q2,3,3,6,\r\nS,q9,1,1,1,\r\nX,q1,1,1,1,\r\n";
    let place = place(&book(LONG), table);
    let report = place.imported(&[]);
    assert_eq!((&report["row_count"], &report["left_out_count"]), (&9.into(), &2.into()));
    assert_eq!((&report["participant_count"], &report["kind"]), (&Value::Null, &"counted".into()));
    assert_eq!(counts(&place, "north", "content"), Some((vec![5.0, 0.0, 7.0], 4.0)));
    assert_eq!(counts(&place, "south", "calm"), Some((vec![3.0, 2.0, 1.0], 0.0)), "reversed");
    let shown = place.run(&["humans", "inspect", "mood"]);
    assert!(shown.code == 0 && shown.stdout.contains("north"), "{}", shown.stdout);
    let provenance = fs::read_to_string(place.path("human_data/mood/provenance.toml")).unwrap();
    assert!(provenance.contains("table of counts table.csv"), "{provenance}");
}

#[test]
fn a_wide_table_is_the_same_data_as_a_long_one() {
    let wide = "land,question,no,partly,yes,n\nN|1,q1,5,0,7,12\nS,q2,1,2,3,6\n";
    let mut long = "land,question,answer,count,n\n".to_owned();
    for row in ["N|1,q1,1,5,12", "N|1,q1,2,0,12", "N|1,q1,3,7,12", "S,q2,3,3,6", "S,q2,1,1,6", "S,q2,2,2,6"] {
        long += &format!("{row}\n");
    }
    let stored = [(book(WIDE), wide), (book(LONG), &*long)].map(|(book, table)| {
        let place = place(&book, table);
        place.imported(&[]);
        fs::read_to_string(place.path("human_data/mood/counts.tsv")).unwrap()
    });
    assert_eq!(stored[0], stored[1]);
    assert!(stored[0].contains("north\tcontent\t12\t0\t5\t0\t7"), "{}", stored[0]);
}

#[test]
fn bad_rows_take_their_distribution_with_them() {
    let mut table = "land,question,no,partly,yes,n\n".to_owned();
    let book = book(WIDE).replace("groups = { \"N|1\" = \"north\", \"S\" = \"south\" }\n", "");
    for index in 0..200 {
        table += &format!("g{index},q1,1,2,3,6\ng{index},q2,3,2,1,6\n");
    }
    table += "a,q1,1,2,3,7\nb,q1,1,\"2,5\",3,6\nc,q1,1,2,3,6\nc,q1,1,2,3,6\nd,q1,0,0,0,0\ne,q1,1,2,3\n,q1,1,2,3,6\nf,q1,,3,3,6\n";
    let place = place(&book, &table);
    let bad = bad_rows(&place.imported(&[]));
    let expected = [
        (402, "add up to 6, not to the n of 7"),
        (403, "`2,5` is not a whole number of people"),
        (404, "line 405 of the same group and item is bad"),
        (405, "is there twice"),
        (406, "nobody gave a valid response"),
        (407, "5 cells below 6 columns"),
        (408, "no group is named"),
        (409, "`` is not a whole number of people"),
    ];
    assert_eq!(bad.len(), expected.len(), "{bad:?}");
    for ((line, reason), (expected_line, part)) in bad.iter().zip(expected) {
        assert!(*line == expected_line && reason.contains(part), "{line}: {reason}");
    }
    assert_eq!(counts(&place, "c", "content"), None, "neither of two rows is guessed to be right");
    assert_eq!(counts(&place, "a", "content"), None);
    let strict = place.import(&["--strict", "--force"]);
    assert!(strict.code == 5 && strict.stderr.contains("table.csv:402"), "{}", strict.stderr);
}

#[test]
fn an_option_without_a_row_is_not_taken_for_nobody() {
    let table = "land,question,answer,count,n\nN|1,q1,1,5,12\nN|1,q1,3,7,12\n";
    let outcome = place(&book(LONG), table).import(&[]);
    assert_eq!(outcome.code, 5, "{}", outcome.stderr);
    assert!(outcome.stderr.contains("no row for the option `2`"), "{}", outcome.stderr);
}

#[test]
fn percentages_become_people_only_where_they_say_how_many() {
    let layout = format!("{WIDE}holds = \"percentages\"\n");
    let book = book(&layout).replace("[file]", "[file]\ndecimal = \",\"\ndelimiter = \";\"");
    let table = "land;question;no;partly;yes;n\nN|1;q1;33,3;0;66,7;12\nS;q2;16,7;33,3;50;6\n";
    let place = place(&book, table);
    place.imported(&[]);
    assert_eq!(counts(&place, "north", "content"), Some((vec![4.0, 0.0, 8.0], 0.0)));
    assert_eq!(counts(&place, "south", "calm"), Some((vec![3.0, 2.0, 1.0], 0.0)));
    for (row, message) in [
        ("N|1;q1;33;0;67;1200", "give counts, or percentages with more decimals"),
        ("N|1;q1;10,0;20,0;70,0;7", "no whole number of 7 people"),
        ("N|1;q1;50;0;25;12", "add up to 12"),
    ] {
        let outcome =
            ImportPlace::new("table.csv", &book, &format!("land;question;no;partly;yes;n\n{row}\n"))
                .import(&[]);
        assert_eq!(outcome.code, 5, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(message), "no `{message}` in {}", outcome.stderr);
    }
}

#[test]
fn codebooks_that_leave_something_open_are_refused() {
    let table = "land,question,no,partly,yes,n\nN|1,q1,5,0,7,12\n";
    for (book, message) in [
        (book("holds = \"percentages\"\noption = \"a\"\ncount = \"c\"\n"), "name the column `n`"),
        (book("option = \"a\"\n"), "either `option` and `count`"),
        (book(&format!("{WIDE}{LONG}").replacen("n = \"n\"\n", "", 1)), "either `option` and `count`"),
        (book(&WIDE.replace(", \"3\" = \"yes\"", "")), "no column for the code `3`"),
        (book(&WIDE.replace("\"yes\"", "\"no\"")), "is of two options"),
        (book(WIDE).replace("reverse = true", "values = { \"y\" = \"1\" }"), "needs no `values`"),
        (
            book(&format!("{WIDE}[participants]\nid = \"p\"\ngroup = \"g\"\n")),
            "one of `participants`, `counts` and `moments`",
        ),
        (book(&WIDE.replace("\"partly\"", "\"half\"")), "there is no column `half`"),
    ] {
        let outcome = place(&book, table).import(&[]);
        assert_eq!(outcome.code, 5, "{}", outcome.stderr);
        assert!(outcome.stderr.contains(message), "no `{message}` in {}", outcome.stderr);
    }
}

/// The second example of `human_data/README.md`.
#[test]
fn the_readme_s_table_is_one() {
    let readme = fs::read_to_string(super::harness::repository("human_data/README.md")).unwrap();
    let example = readme.split("```toml\n").nth(2).unwrap().split("```").next().unwrap();
    let table = "region,question,disagree,neither,agree,n\nnorth,q1,1,2,3,6\nnorth,q7,1,2,3,6\n";
    let place = place(example, table);
    assert_eq!(place.imported(&[])["left_out_count"], 1);
    assert_eq!(counts(&place, "north", "content"), Some((vec![1.0, 2.0, 3.0], 0.0)));
}
