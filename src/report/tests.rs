//! The page of a synthetic run: what it must say, what it must not let through, and that it needs nothing else.

use super::fixture::{Shape, Unusable, write_folder};
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
            let is_group = row.level == "group";
            is_group && row.predictor == "model" && row.metric == metric && row.temperature == Some(1.0)
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

fn section<'p>(page: &'p str, id: &str) -> &'p str {
    let from = page.find(&format!("<section id=\"{id}\">")).unwrap();
    let len = page[from..].find("</section>").unwrap();
    &page[from..from + len]
}

#[test]
fn a_signed_mean_over_unlike_items_has_no_verdict() {
    let page = page_of(&Shape::default());
    assert!(page.contains("signed share of the range; opposite errors cancel"));
    let rows = page.split("<tr class=\"model\">").skip(1).map(|rest| rest.split("</tr>").next().unwrap());
    let judged: Vec<Vec<bool>> = rows
        .map(|row| row.split("<td>").skip(1).map(|cell| cell.contains("class=\"verdict")).collect())
        .collect();
    assert_eq!(judged.len(), 27);
    assert!(judged.iter().all(|cells| cells == &[true, true, true, false, true]));
}

#[test]
fn forests_stand_in_the_order_of_the_study() {
    let page = page_of(&Shape::default());
    let forest = &page[page.find("id=\"forest-0-t\"").unwrap()..];
    let places: Vec<usize> = ["en · number", "en · letter", "en · label", "es · number", "pt · label"]
        .iter()
        .map(|name| forest.find(name).unwrap())
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn a_condition_over_some_items_says_so_and_is_held_beside_the_same_items() {
    let root = tempfile::tempdir().unwrap();
    let folder = write_folder(root.path(), &Shape { unusable: Unusable::OneItem, ..Shape::default() });
    let page = std::fs::read_to_string(write_report(folder.path()).unwrap()).unwrap();
    assert!(page.contains("In 3 of 27 some items have no usable cell"));
    assert_eq!(page.matches("34 of 35 items, the others without a usable cell").count(), 3);
    assert_eq!(page.matches("es · label 34/35").count(), 3);
    let rows = crate::output::read_comparisons(&folder.comparisons_path()).unwrap();
    let over_others = rows.iter().filter(|row| {
        (row.level.as_str(), row.predictor.as_str(), row.metric.as_str())
            == ("item", "uniform", "wasserstein_1")
            && row.population_group == "USA"
            && row.item.as_deref() != Some("INTS.joy")
    });
    let values: Vec<f64> = over_others.map(|row| row.value).collect();
    assert_eq!(values.len(), 34);
    let block = &page[page.find("34 of 35 items").unwrap()..];
    let uniform = &block[block.find("</i>uniform</th>").unwrap()..];
    let cells: Vec<&str> = uniform.split("<span class=\"number\">").skip(1).take(5).collect();
    assert!(cells[0].starts_with(&format!("{:.3}<", values.iter().sum::<f64>() / 34.0)), "{}", cells[0]);
    assert!(cells[0].contains("<span class=\"interval\"></span>"), "no interval was worked out for it");
    assert!(cells[4].starts_with("–"), "an entropy ratio is no mean over items");
}

#[test]
fn a_condition_without_a_usable_cell_is_named_and_counted() {
    let page = page_of(&Shape { unusable: Unusable::OneCondition, ..Shape::default() });
    assert!(page.contains("over 26 of 27 combinations"));
    assert!(
        page.contains("1 of the 27 combinations have no usable cell and count as neither: USA: es · label.")
    );
    assert!(!page.contains(" of 26"), "every count is out of what was asked");
    assert_eq!(page.matches("0 of 35 items: no usable cell").count(), 1);
    assert_eq!(page.matches(">no usable cell</text>").count(), 1);
    // no mean where a condition is missing: two of three groups have theirs
    let concentration = section(&page, "concentration");
    assert_eq!(concentration.matches("Mean over languages and formats: ").count(), 4);
    assert_eq!(concentration.matches("No temperature has all languages and formats").count(), 2);
}

#[test]
fn a_run_without_any_usable_cell_still_makes_a_page() {
    let page = page_of(&Shape { unusable: Unusable::Everything, ..Shape::default() });
    assert!(page.contains("is usable at temperature 1: too little probability went to the options"));
    assert!(page.contains("Nothing is compared with people in any of 27 combinations"));
    assert_eq!(page.matches("0 of 35 items: no usable cell").count(), 27);
    for forbidden in ["NaN", "inf<", "None", "∞"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}
