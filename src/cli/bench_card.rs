//! A benchmark's record as a card for people. What was not measured is a dash.

use crate::benchmark::{BenchmarkRecord, StageTimes};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use indicatif::HumanCount;
use std::fmt::Write as _;

/// Characters of a bar that stands for everything.
const BAR_LEN: f64 = 40.0;

/// Plain text without colour, ending in a newline.
pub fn bench_card(record: &BenchmarkRecord) -> String {
    let mut text = String::new();
    let weights = if record.is_random { " (random weights)" } else { "" };
    let quantised = record.quantisation.as_ref().map(|name| format!("{name}, ")).unwrap_or_default();
    let _ =
        writeln!(text, "\n{}{weights}, {quantised}{} on {}", record.model, record.kernel, machine(record));
    let workload = &record.workload;
    let _ = writeln!(
        text,
        "{}: {} prompts, {} tokens, {} in the prefix trie ({:.1} times fewer), {} batches of at most {}\n",
        workload.name,
        HumanCount(workload.prompt_count as u64),
        HumanCount(workload.flat_token_count),
        HumanCount(workload.trie_token_count),
        workload.prefix_savings_ratio,
        HumanCount(workload.batch_count),
        HumanCount(record.token_budget as u64)
    );
    let _ = writeln!(text, "{}\n", figures(record).trim_fmt());
    let _ = writeln!(text, "{}", stages(record).trim_fmt());
    if let Some(check) = &record.verification {
        let _ = writeln!(
            text,
            "\nchecked: {} log-probs of {} prompts, at most {:.1e} nats from {} (allowed: {})",
            check.log_prob_count,
            check.prompt_count,
            check.largest_difference_nats,
            check.reference_kernel,
            check.bound_nats
        );
    }
    text
}

fn machine(record: &BenchmarkRecord) -> String {
    let threads = if record.thread_count == 1 { "thread" } else { "threads" };
    let cpu = record.machine.cpu_model.as_deref().map(|name| format!(" of {name}")).unwrap_or_default();
    let on = if record.device == "cpu" { String::new() } else { format!("{}, ", record.device) };
    format!("{on}{} {threads}{cpu}", record.thread_count)
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Name, figure, and what there is to know about it.
fn figures(record: &BenchmarkRecord) -> Table {
    let mut table = plain_table();
    let machine = &record.machine;
    let peak_of = machine.peak_kernel.as_ref().map_or(String::new(), |kernel| {
        format!("{kernel} register tile from the first cache, all threads; a multiply-add is two")
    });
    let rows = [
        ("whole", format!("{:.3} s", record.median_wall_seconds), spread(record)),
        ("prompts", per_second(record.prompts_per_second), String::new()),
        ("tokens", per_second(record.logical_tokens_per_second), "as if nothing were shared".to_owned()),
        ("", per_second(record.computed_tokens_per_second), "computed".to_owned()),
        ("operations", scaled(record.flops.total_flops), operations(record)),
        ("peak", optional(machine.peak_gops_per_second, |gops| format!("{gops:.0} Gop/s")), peak_of),
        (
            "",
            optional(machine.memory_read_gigabytes_per_second, |rate| format!("{rate:.0} GB/s")),
            "read from memory, all threads".to_owned(),
        ),
        (
            "of the peak",
            optional(record.linear_peak_fraction, percent),
            "linear layers, in their own time".to_owned(),
        ),
        ("", optional(record.whole_peak_fraction, percent), "everything, in the whole time".to_owned()),
        ("loading", format!("{:.2} s", record.load_wall_seconds), loading(record)),
        (
            "memory",
            optional(record.peak_memory_bytes, |bytes| {
                format!("{:.2} GiB", bytes as f64 / (1u64 << 30) as f64)
            }),
            "at its peak".to_owned(),
        ),
    ];
    for (name, figure, remark) in rows {
        table.add_row([name.to_owned(), figure, remark]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn spread(record: &BenchmarkRecord) -> String {
    match record.repeat_count {
        1 => "one repeat".to_owned(),
        count => format!(
            "median of {count}, from {:.3} to {:.3}",
            record.min_wall_seconds, record.max_wall_seconds
        ),
    }
}

fn operations(record: &BenchmarkRecord) -> String {
    let flops = &record.flops;
    format!(
        "linear {}, attention {}, readout {}",
        scaled(flops.linear_flops),
        scaled(flops.attention_flops),
        scaled(flops.readout_flops)
    )
}

fn loading(record: &BenchmarkRecord) -> String {
    match record.read_wall_seconds {
        None => "making random weights included".to_owned(),
        Some(seconds) => format!("reading the files alone takes {seconds:.2} s"),
    }
}

/// Where the threads' time went.
fn stages(record: &BenchmarkRecord) -> Table {
    let mut table = plain_table();
    table.set_header(["stage", "share", "", "thread s"]);
    let stages = &record.stages;
    match (&stages.thread_share, &stages.thread_seconds) {
        (Some(shares), Some(seconds)) => {
            for ((name, share), (_, seconds)) in shares.named().into_iter().zip(seconds.named()) {
                table.add_row([name.to_owned(), percent(share), bar(share), format!("{seconds:.3}")]);
            }
        }
        _ => {
            let packing = stages.trie_wall_seconds + stages.packing_wall_seconds;
            for (name, _) in StageTimes::default().named() {
                let seconds = if name == "packing" { format!("{packing:.3}") } else { "-".to_owned() };
                table.add_row([name.to_owned(), "-".to_owned(), String::new(), seconds]);
            }
        }
    }
    for index in [1, 3] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A share from 0 to 1 as a bar, in eighths of a character.
fn bar(share: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (share.clamp(0.0, 1.0) * BAR_LEN * 8.0).round() as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

fn optional<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or("-".to_owned(), show)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn per_second(rate: f64) -> String {
    match rate < 100.0 {
        true => format!("{rate:.2} per s"),
        false => format!("{} per s", HumanCount(rate.round() as u64)),
    }
}

fn scaled(flops: u64) -> String {
    match flops < 1_000_000_000_000 {
        true => format!("{:.2} G", flops as f64 / 1e9),
        false => format!("{:.2} T", flops as f64 / 1e12),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_eighths() {
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(0.25), "█".repeat(10));
        assert_eq!(bar(0.5 / 40.0), "▌");
        assert_eq!(bar(7.0).chars().count(), 40);
    }

    #[test]
    fn what_is_absent_is_a_dash() {
        assert_eq!(optional(None, percent), "-");
        assert_eq!(optional(Some(0.8), percent), "80.0 %");
        assert_eq!((per_second(27.9), per_second(7526.4)), ("27.90 per s".into(), "7,526 per s".into()));
    }
}
