//! `respondent humans import` of tables of means and SDs: people of greatest entropy, marked as reconstructed wherever they appear; what
//! nobody can have answered is a bad row.

use super::harness::{ImportPlace, respondent};
use respondent::output::read_comparisons;
use serde_json::Value;
use std::fs;

const CODEBOOK: &str = r#"
schema_version = 1
id = "mood"
title = "Mood in two regions"
citation = "A paper, table 2"
licence = "none stated"

[moments]
group = "region"
item = "question"
mean = "M"
sd = "SD"
n = "N"

[scales.agreement]
codes = ["1", "2", "3", "4", "5"]

[items.content]
column = "q1"
scale = "agreement"

[items.tense]
column = "q2"
scale = "agreement"
reverse = true
"#;

#[test]
fn means_and_sds_come_back_from_the_people_made_of_them() {
    let place = ImportPlace::new(
        "table.csv",
        CODEBOOK,
        "region,question,M,SD,N\nnorth,q1,3.40,1.10,120\nnorth,q2,2.00,0.90,120\nsouth,q1,3,0,40\nsouth,q2,1.50,0.51,41\n",
    );
    let report = place.imported(&[]);
    assert_eq!((&report["kind"], &report["bad_rows"]), (&"reconstructed".into(), &Value::Array(Vec::new())));
    let moments = |group: &str, item: &str| {
        let counts = place.marginal(group, item).unwrap().counts;
        let n: f64 = counts.iter().sum();
        let mean = counts.iter().zip(1..).map(|(count, value)| count * f64::from(value)).sum::<f64>() / n;
        let squares = counts
            .iter()
            .zip(1..)
            .map(|(count, value)| count * (f64::from(value) - mean).powi(2))
            .sum::<f64>();
        (n, mean, (squares / (n - 1.0)).sqrt())
    };
    for (group, item, expected) in [
        ("north", "content", (120.0, 3.4, 1.1)),
        // Reversed: 6 − 2.
        ("north", "tense", (120.0, 4.0, 0.9)),
        ("south", "content", (40.0, 3.0, 0.0)),
    ] {
        let (n, mean, sd) = moments(group, item);
        assert!(
            (n - expected.0).abs() < 1e-6
                && (mean - expected.1).abs() < 1e-6
                && (sd - expected.2).abs() < 1e-6,
            "{item}: {n} {mean} {sd}"
        );
    }
    assert_eq!(place.marginal("south", "content").unwrap().counts, [0.0, 0.0, 40.0, 0.0, 0.0]);
    let inspected = place.run(&["humans", "inspect", "mood"]);
    assert!(inspected.stdout.contains("Mood in two regions (mood), reconstructed"), "{}", inspected.stdout);
    assert!(place.run(&["humans", "list"]).stdout.contains("reconstructed"));
}

#[test]
fn what_nobody_can_have_answered_is_told_with_its_line() {
    let mut table = "region,question,M,SD,N\n".to_owned();
    for region in 0..100 {
        table += &format!("r{region},q1,3.40,1.10,120\n");
    }
    table += "x,q1,5.40,1.10,120\nx,q2,3.00,2.50,9\ny,q1,3.4,,9\nz,q1,3,1,1\nr0,q2,3,1,9\nr0,q2,2,1,9\n";
    let place = ImportPlace::new("table.csv", CODEBOOK, &table);
    let refused = place.import(&[]);
    assert_eq!(refused.code, 5, "{}", refused.stderr);
    let place = ImportPlace::new(
        "table.csv",
        &CODEBOOK.replace("\n[items.tense]\ncolumn = \"q2\"\nscale = \"agreement\"\nreverse = true\n", ""),
        &table,
    );
    let report = place.imported(&[]);
    let bad: Vec<(u64, &str)> = report["bad_rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bad| (bad["line"].as_u64().unwrap(), bad["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(bad.iter().map(|bad| bad.0).collect::<Vec<_>>(), [102, 104, 105]);
    assert!(bad[0].1.contains("no 120 people on a scale from 1 to 5 have the mean 5.4"), "{}", bad[0].1);
    assert!(bad[1].1.contains("is not a number") && bad[2].1.contains("of 1 people"), "{bad:?}");
    assert!(place.marginal("x", "content").is_none());
}

#[test]
fn a_run_against_them_says_so_everywhere_and_tests_nothing() {
    let place = tempfile::tempdir().unwrap();
    assert_eq!(respondent(place.path(), &["study", "new", "own"]).code, 0);
    let study = fs::read_to_string(place.path().join("own/study.toml")).unwrap();
    fs::write(
        place.path().join("own/study.toml"),
        study.replace("human_data = \"isear\"", "human_data = \"paper\""),
    )
    .unwrap();
    let items: String = ["INTS", "LONG"]
        .iter()
        .flat_map(|variable| ["joy", "anger", "shame"].map(|emotion| format!("{variable}.{emotion}")))
        .map(|id| format!("[items.\"{id}\"]\ncolumn = \"{id}\"\nscale = \"four\"\n"))
        .collect();
    let codebook = format!(
        "schema_version = 1\nid = \"paper\"\ntitle = \"t\"\ncitation = \"c\"\nlicence = \"l\"\n[moments]\ngroup = \"g\"\nitem = \"i\"\nmean = \"m\"\nsd = \"s\"\nn = \"n\"\n[scales.four]\ncodes = [\"1\", \"2\", \"3\", \"4\"]\n{items}"
    );
    let mut table = "g,i,m,s,n\n".to_owned();
    for group in ["USA", "BRA"] {
        for variable in ["INTS", "LONG"] {
            for emotion in ["joy", "anger", "shame"] {
                table += &format!("{group},{variable}.{emotion},2.5,0.9,60\n");
            }
        }
    }
    fs::write(place.path().join("book.toml"), codebook).unwrap();
    fs::write(place.path().join("table.csv"), table).unwrap();
    let imported = respondent(place.path(), &["humans", "import", "table.csv", "--codebook", "book.toml"]);
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    let run = respondent(place.path(), &["run", "own", "--model", "control", "--quiet", "--out", "out"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.contains("These people are reconstructed"), "{}", run.stdout);
    let manifest: Value =
        serde_json::from_slice(&fs::read(place.path().join("out/manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["study"]["human_data"]["kind"], "reconstructed");
    let rows = read_comparisons(&place.path().join("out/comparisons.parquet")).unwrap();
    assert!(rows.iter().all(|row| row.human_kind == "reconstructed"
        && row.p_value.is_none()
        && row.told_apart_share.is_none()));
    let page = fs::read_to_string(place.path().join("out/report.html")).unwrap();
    assert!(page.contains("class=\"caution\">These people are reconstructed"));
}
