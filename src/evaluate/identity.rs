//! What the numbers of a run depend on, gathered: hashes of inputs, settings, device, versions.

use super::changes::as_json;
use super::resume::RunIdentity;
use super::{RunPlan, Speaker};
use crate::engine::EngineDevice;
use crate::error::Result;
use crate::models::LoadedModel;
use crate::output::records::{FORMAT_VERSION, Identity};
use crate::output::sha256_of;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::OnceLock;

/// sha256 of everything that a run is made from.
pub(super) fn inputs(plan: &RunPlan, speaker: &Speaker, weights_sha256: &str) -> Identity {
    Identity {
        weights_sha256: weights_sha256.to_owned(),
        config_sha256: speaker.files.config_sha256.clone(),
        tokenizer_sha256: speaker.files.tokenizer_sha256.clone(),
        tokenizer_config_sha256: speaker.files.tokenizer_config_sha256.clone(),
        template_sha256: speaker.template_sha256.clone(),
        study_sha256: plan.study.sha256.clone(),
        human_data_sha256: plan.human_data.as_ref().map(|data| data.sha256.clone()),
        human_responses_sha256: plan.human_data.as_ref().and_then(|data| data.responses_sha256.clone()),
    }
}

/// What is computed, by what.
///
/// # Errors
/// Kind `Output`; never for settings that were read from a command line.
pub(super) fn run_identity(
    plan: &RunPlan,
    device: &EngineDevice,
    readout_count: u64,
    inputs: Identity,
    loaded: &LoadedModel,
) -> Result<RunIdentity> {
    Ok(RunIdentity {
        format_version: FORMAT_VERSION,
        inputs,
        parameter_count: loaded.parameter_count,
        stored_dtype: loaded.stored_dtype.clone(),
        plan: as_json(&plan.settings)?,
        device: device.name(),
        dtype: device.dtype().to_string(),
        kernel: device.kernel_name(),
        versions: versions(),
        cell_count: plan.cells.len(),
        readout_count,
    })
}

/// Whether a kernel comes to the same bits whatever shares a batch: this program's own do, candle's operations round with the shapes that they are given.
pub fn is_repeatable(kernel: &str) -> bool {
    !kernel.starts_with("candle-")
}

/// Whether two kernels come to the same bits: those whose multiply-adds are fused do, whatever the width of their vectors.
pub fn come_to_the_same_bits(one: &str, other: &str) -> bool {
    // `avx512-bf16` is not among them: it takes denormals for zero.
    const FUSED: [&[&str]; 2] =
        [&["avx512-f32", "avx2-f32", "neon-f32"], &["avx512-bf16-widened", "avx2-bf16", "neon-bf16"]];
    one == other || FUSED.iter().any(|kernels| kernels.contains(&one) && kernels.contains(&other))
}

/// The kernel that a run is to be held against where this machine has `here`: its own name, as long as it makes no difference.
pub(super) fn kernel_for<'a>(of_run: &'a str, here: &'a str) -> &'a str {
    if come_to_the_same_bits(of_run, here) { of_run } else { here }
}

/// Hexadecimal digits that tell builds apart.
const BUILD_LEN: usize = 16;

/// The beginning of the sha256 of this program's own file: two builds of one version may come to other numbers. `unknown` where the system does not let it
/// be read.
fn build() -> &'static str {
    static BUILD: OnceLock<String> = OnceLock::new();
    BUILD.get_or_init(|| {
        // On Linux it can be read when another file has its name by now.
        let own = PathBuf::from("/proc/self/exe");
        let path = if own.exists() { own } else { std::env::current_exe().unwrap_or_default() };
        sha256_of(&path).map_or("unknown".to_owned(), |sha256| sha256[..BUILD_LEN].to_owned())
    })
}

/// This program's version and build, and versions of the libraries that numbers depend on, as locked.
pub fn versions() -> BTreeMap<String, String> {
    let lock: toml::Table =
        toml::from_str(include_str!("../../Cargo.lock")).expect("cargo writes valid TOML");
    let own = [("respondent", env!("CARGO_PKG_VERSION")), ("build", build())];
    let mut versions: BTreeMap<String, String> =
        own.into_iter().map(|(name, version)| (name.to_owned(), version.to_owned())).collect();
    for package in lock["package"].as_array().into_iter().flatten() {
        let name = package["name"].as_str().unwrap_or_default();
        if ["candle-core", "gemm", "tokenizers", "minijinja"].contains(&name) {
            versions.insert(name.to_owned(), package["version"].as_str().unwrap_or_default().to_owned());
        }
    }
    versions
}
