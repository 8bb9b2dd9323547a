//! JSON Schemas of the files that make a study, from the types that read them: for editors that check while one types. What a schema cannot
//! say (that ids agree, that options can be told apart) `study check` does.

use super::structure::StudyFile;
use super::wording::WordingFile;
use serde_json::Value;

/// Of `study.toml`.
pub fn study_schema() -> Value {
    schemars::schema_for!(StudyFile).to_value()
}

/// Of a study's `LANGUAGE.toml`.
pub fn wording_schema() -> Value {
    schemars::schema_for!(WordingFile).to_value()
}
