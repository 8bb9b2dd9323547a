//! Models as a person reads them. Names and reasons come from files that anybody may have written, so nothing of them steers the
//! terminal.

use super::streams::printable;
use crate::models::{CatalogueEntry, Inspection, ModelCard, ModelPlaces, RopeCard, VerifiedFile};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use indicatif::{BinaryBytes, HumanCount};
use std::fmt::Write as _;
use std::path::Path;

/// What can be used, and below it what cannot and why.
pub fn list_tables(entries: &[CatalogueEntry], places: &ModelPlaces) -> String {
    let mut table = plain_table(&["name", "family", "parameters", "dtype", "size on disk", "where"]);
    for (entry, card) in entries.iter().filter_map(|entry| Some((entry, entry.card.as_ref()?))) {
        let place = match (&entry.path, &entry.manifest) {
            (None, _) => "in the program".to_owned(),
            (Some(path), None) => shown(path),
            (Some(path), Some(manifest)) => format!("{}, manifest {}", shown(path), shown(manifest)),
        };
        table.add_row([
            printable(&entry.name),
            card.family.to_owned(),
            rounded_count(card.parameter_count),
            card.dtype(),
            BinaryBytes(entry.size_bytes).to_string(),
            place,
        ]);
    }
    align_right(&mut table, &[2, 4]);
    let mut text = format!("{}\n", table.trim_fmt());
    let unusable: Vec<(&CatalogueEntry, &String)> =
        entries.iter().filter_map(|entry| Some((entry, entry.problem.as_ref()?))).collect();
    if !unusable.is_empty() {
        let _ = writeln!(text, "\nCannot be used:");
    }
    for (entry, problem) in unusable {
        let (name, size) = (printable(&entry.name), BinaryBytes(entry.size_bytes));
        let _ = writeln!(text, " {name} ({size}): {}", printable(problem));
    }
    if entries.iter().all(|entry| entry.path.is_none()) {
        let looked_at: Vec<String> = places.own().chain(places.hf_cache.as_deref()).map(shown).collect();
        let _ = writeln!(
            text,
            "\nNo model of your own was found. Looked into {}.\nRESPONDENT_MODELS and HF_HOME name other places; \
             --model takes any path.",
            looked_at.join(", ")
        );
    }
    text
}

/// One fact a line.
pub fn inspection_lines(inspection: &Inspection) -> String {
    let (card, text) = (&inspection.card, &inspection.text);
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let mut fact = |name: &str, value: String| {
        table.add_row([name.to_owned(), value]);
    };
    fact("name", printable(&inspection.name));
    fact("where", inspection.path.as_deref().map_or("in the program".to_owned(), shown));
    fact("family", card.family.to_owned());
    fact(
        "parameters",
        format!("{} ({})", HumanCount(card.parameter_count), rounded_count(card.parameter_count)),
    );
    fact("dtype", dtypes(card));
    fact("layers", format!("{} of width {}", card.layer_count, card.hidden_size));
    fact("heads", heads(card));
    fact("context", format!("{} tokens", HumanCount(card.context_length as u64)));
    fact("rope", ropes(&card.ropes));
    let tie = if card.tied_embeddings { "tied" } else { "not tied" };
    fact("vocabulary", format!("{} (readout {tie} to the embeddings)", HumanCount(card.vocab_size as u64)));
    fact("tokenizer", text.tokenizer.as_deref().map_or("none: only bench can use it".to_owned(), printable));
    fact("chat template", text.chat_template.unwrap_or("none: prompts are plain text").to_owned());
    fact("size on disk", BinaryBytes(inspection.size_bytes).to_string());
    let memory = &card.weights_memory_bytes;
    fact(
        "weights loaded",
        format!("{} in f32, {} in bf16", BinaryBytes(memory.f32), BinaryBytes(memory.bf16)),
    );
    fact(
        "manifest",
        inspection.manifest.as_deref().map_or("none (`models import` writes one)".to_owned(), shown),
    );
    for (index, (file, sha256)) in inspection.sha256.iter().enumerate() {
        fact(if index == 0 { "sha256" } else { "" }, format!("{sha256}  {}", printable(file)));
    }
    format!("{}\n", table.trim_fmt())
}

/// One file a line.
pub fn verify_table(rows: &[VerifiedFile]) -> String {
    let mut table = plain_table(&["model", "file", "size", "state"]);
    for row in rows {
        table.add_row([
            printable(&row.model),
            printable(&row.file),
            BinaryBytes(row.size_bytes).to_string(),
            printable(&row.state.to_string()),
        ]);
    }
    align_right(&mut table, &[2]);
    format!("{}\n", table.trim_fmt())
}

fn plain_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    table
}

fn align_right(table: &mut Table, columns: &[usize]) {
    for (index, column) in table.column_iter_mut().enumerate() {
        if columns.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// 494032768 as `494M`.
fn rounded_count(count: u64) -> String {
    let (value, unit) = match count {
        0..1_000 => return count.to_string(),
        1_000..1_000_000 => (count as f64 / 1e3, "K"),
        1_000_000..1_000_000_000 => (count as f64 / 1e6, "M"),
        _ => (count as f64 / 1e9, "B"),
    };
    if value < 9.95 { format!("{value:.1}{unit}") } else { format!("{value:.0}{unit}") }
}

fn dtypes(card: &ModelCard) -> String {
    match card.dtypes.len() {
        0 | 1 => card.dtype(),
        _ => {
            let parts = card.dtypes.iter().map(|(name, &count)| format!("{name} {}", rounded_count(count)));
            parts.collect::<Vec<_>>().join(", ")
        }
    }
}

fn heads(card: &ModelCard) -> String {
    format!("{} of width {}, {} for keys and values", card.head_count, card.head_dim, card.kv_head_count)
}

fn ropes(ropes: &[RopeCard]) -> String {
    let one = |rope: &RopeCard| {
        let factor = rope.factor.map_or(String::new(), |factor| format!(", factor {factor}"));
        format!("{}, theta {}{factor}", rope.kind, rope.theta)
    };
    match ropes {
        [] => "none: positions are learned".to_owned(),
        ropes => ropes.iter().map(one).collect::<Vec<_>>().join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_rounded_as_people_say_them() {
        for (count, said) in
            [(7, "7"), (41_472, "41K"), (1_234_000, "1.2M"), (494_032_768, "494M"), (8_030_261_248, "8.0B")]
        {
            assert_eq!(rounded_count(count), said);
        }
    }
}
