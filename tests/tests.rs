//! All integration tests, one binary. Each module opens with what belongs in it.

// Shared by the others: finding goldens, running the engine plainly, running the program.
mod harness;

// Log-probs of tiny models against transformers' own.
mod decoder_goldens;

// The same models through candle-transformers' decoders.
mod stock_models;

// The engine's central property: what shares a batch changes nothing.
mod packed_equals_alone;

// The same of a whole run's files, on this CPU's kernels and on other CPUs.
mod repeatable;

// A run in branches says what one in one piece says, and holds one branch.
mod branches;

// Faults in a run's own calls to the system, each in turn; a disk that forgets what was not synced.
#[cfg(target_os = "linux")]
mod durability;
#[cfg(target_os = "linux")]
mod faults;

// Comparison metrics against numbers from scipy and numpy.
mod metrics_goldens;

// The main job on the built-in study and model.
mod main_job;

// The engine as a plain tool.
mod sampled;
mod score;
mod side_by_side;

// Inference throughput.
mod bench;

// Every command of the README.
mod readme;

// Broken models, studies and places: exit code, message, nothing half written.
mod bad_input;
mod hostile;

// A study too large to be drawn.
mod large_page;

// A run that is ended, killed, gone on with, shared out, foretold, computed again.
mod interrupt;
mod plan;
mod resume;
mod shards;
mod verify;

// Models on disk: found by all their names, listed, inspected, imported, verified.
mod models;

// Models from a hub, which is a thread on this machine.
#[cfg(feature = "hub")]
mod hub;

// No network code in the default build, and no socket in a run.
mod offline;

// House rules.
mod supply_chain;
mod tidy;

// GGUF files: values to the bit, and refusals.
mod battery;
mod bundle;
mod cluster_chapter;
mod formats;
mod gguf;
mod human_moments;
mod human_tables;
mod humans;
mod item_wordings;
mod studies_chapter;
mod study_check;
mod study_import;
mod study_new;

// How a model is asked, and what the results say of it.
mod prompting;

// Chat templates against what transformers renders.
mod templates;

// Tokenizers against the ids of transformers; whole prompts with tokenizers of three kinds.
mod tokenizers;

// The built-in model: remade from its recipe, and what was planted found again.
mod control;
