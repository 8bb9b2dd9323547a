//! The page of a synthetic run: what it must say, what it must not let through, and that it needs nothing else.

use super::fixture::{Shape, write_folder};
use super::write_report;
use crate::error::ErrorKind;
use crate::output::{read_manifest, write_manifest};

fn page_of(shape: &Shape) -> String {
    let root = tempfile::tempdir().unwrap();
    let folder = write_folder(root.path(), shape);
    let path = write_report(folder.path()).unwrap();
    assert_eq!(path, folder.report_path());
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_default_run_makes_one_page_of_moderate_size_with_every_section() {
    let page = page_of(&Shape::default());
    for section in
        ["run", "distance", "distributions", "concentration", "orientation", "sensitivity", "mass", "caveats"]
    {
        assert!(page.contains(&format!("<section id=\"{section}\">")), "{section}");
    }
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.starts_with("<!doctype html>"));
    assert!(page.contains("whose responses are planted. It says nothing about language models."));
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert_eq!(page.matches("<svg").count(), page.matches("<desc").count());
}

#[test]
fn the_page_needs_no_script_and_no_other_file() {
    let page = page_of(&Shape::default());
    for forbidden in ["<script", "src=", "@import", "url(", "<link", "javascript:", "NaN", "None"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let outside = page.matches("http").count() - page.matches("http://www.w3.org/2000/svg").count();
    assert_eq!(outside, 0, "only the name of the SVG namespace looks like an address");
}

#[test]
fn drawings_have_ids_of_their_own() {
    let page = page_of(&Shape::default());
    let ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
    assert!(ids.len() > 40);
    assert_eq!(ids.len(), distinct.len());
}

#[test]
fn the_same_folder_gives_the_same_page() {
    assert_eq!(page_of(&Shape::default()), page_of(&Shape::default()));
}

#[test]
fn texts_of_studies_models_and_tokens_are_escaped() {
    let shape = Shape { text: "<script>alert(1)</script><img onerror='x' a=\"\">", ..Shape::default() };
    let page = page_of(&shape);
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(page.matches("&lt;script&gt;").count() >= 4, "in title, model, prompt, caveat and tokens");
}

#[test]
fn without_people_nothing_is_compared_and_the_page_says_so() {
    let page = page_of(&Shape { has_people: false, ..Shape::default() });
    assert!(page.contains("comes without human data"));
    assert!(!page.contains("<section id=\"distance\">"));
    assert!(page.contains("<section id=\"distributions\">"));
    assert!(!page.contains("people bar"));
}

#[test]
fn without_facets_items_stand_for_themselves() {
    let page = page_of(&Shape { has_facets: false, ..Shape::default() });
    assert!(page.contains("All items") && page.contains("INTS.joy"));
    assert!(!page.contains("<section id=\"orientation\">"));
}

#[test]
fn readable_names_replace_ids_where_the_study_gives_them() {
    let root = tempfile::tempdir().unwrap();
    let folder = write_folder(root.path(), &Shape::default());
    let mut manifest = read_manifest(&folder).unwrap();
    let names = [("USA".to_owned(), "United States".to_owned())].into();
    manifest.study.labels.insert("population_group".to_owned(), names);
    manifest.study.labels.insert("variable".to_owned(), [("INTS".to_owned(), "Intensity".to_owned())].into());
    write_manifest(&folder, &manifest).unwrap();
    let page = std::fs::read_to_string(write_report(folder.path()).unwrap()).unwrap();
    assert!(page.contains("<h3>Intensity</h3>") && page.contains("<h3>LONG</h3>"));
    assert!(page.contains("<h3>United States</h3>"));
}

#[test]
fn an_unfinished_or_contradictory_folder_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let folder = write_folder(root.path(), &Shape::default());
    let manifest = read_manifest(&folder).unwrap();
    let mut other = manifest.clone();
    other.study.human_data.as_mut().unwrap().groups[0].items[0].counts.push(1.0);
    write_manifest(&folder, &other).unwrap();
    let error = write_report(folder.path()).unwrap_err();
    assert!(error.to_string().contains("another number of options"), "{error}");
    write_manifest(&folder, &manifest).unwrap();
    std::fs::remove_file(folder.comparisons_path()).unwrap();
    assert!(write_report(folder.path()).unwrap_err().to_string().contains("comparisons.parquet"));
    std::fs::remove_file(folder.manifest_path()).unwrap();
    let error = write_report(folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Output);
    assert!(error.to_string().contains("did not finish"), "{error}");
    assert!(!folder.report_path().exists());
}

#[test]
fn the_headline_is_made_from_the_comparisons() {
    let root = tempfile::tempdir().unwrap();
    let folder = write_folder(root.path(), &Shape::default());
    let rows = crate::output::read_comparisons(&folder.comparisons_path()).unwrap();
    let at_one = |metric: &str| -> Vec<&crate::output::records::ComparisonRow> {
        let is_wanted = |row: &&crate::output::records::ComparisonRow| {
            row.predictor == "model" && row.metric == metric && row.temperature == Some(1.0)
        };
        rows.iter().filter(is_wanted).collect()
    };
    let distances = at_one("wasserstein_1");
    let above = distances.iter().filter(|row| row.interval_low > row.noise_floor).count();
    let average = distances.iter().map(|row| row.value).sum::<f64>() / distances.len() as f64;
    let narrower = at_one("entropy_ratio").iter().filter(|row| row.value < 1.0).count();
    let page = std::fs::read_to_string(write_report(folder.path()).unwrap()).unwrap();
    assert!(above > 0 && above < 27, "the fixture should have both");
    assert!(page.contains(&format!("In {above} of 27 the whole 95 % interval")));
    assert!(page.contains(&format!("stands {:.0} % of a scale’s range away", 100.0 * average)));
    assert!(page.contains(&format!("the more concentrated in {narrower} of 27.")));
}
