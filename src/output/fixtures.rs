//! A manifest for tests.

use super::records::*;
use serde_json::json;
use std::collections::BTreeMap;

/// A manifest of a small run of the control on two groups and two items.
pub fn manifest() -> RunManifest {
    let hash = |letter: &str| letter.repeat(64);
    RunManifest {
        format_version: FORMAT_VERSION,
        identity: Identity {
            weights_sha256: hash("a"),
            config_sha256: hash("b"),
            tokenizer_sha256: hash("c"),
            tokenizer_config_sha256: hash("c"),
            template_sha256: hash("d"),
            study_sha256: hash("e"),
            human_data_sha256: Some(hash("f")),
            human_responses_sha256: None,
        },
        versions: BTreeMap::from([("respondent".to_owned(), "0.1.0".to_owned())]),
        model: ModelCard {
            name: "control".to_owned(),
            family: "llama".to_owned(),
            parameter_count: 412_352,
            layer_count: 4,
            hidden_size: 96,
            vocab_size: 1024,
            stored_dtype: "f32".to_owned(),
            is_control: true,
        },
        prompting: PromptingCard {
            template: "model".to_owned(),
            system_text: "own_role".to_owned(),
            switches: BTreeMap::new(),
            closed_thinking: None,
        },
        concentration: Vec::new(),
        mean_agreements: Vec::new(),
        culture_contrasts: Vec::new(),
        persona_swaps: Vec::new(),
        steerability: Vec::new(),
        certificate: None,
        not_certified: None,
        hypotheses: Vec::new(),
        study: StudyCard {
            elicitation_formats: Default::default(),
            id: "isear".to_owned(),
            title: "Recalled emotions".to_owned(),
            citation: "Scherer & Wallbott (1994)".to_owned(),
            caveats: vec!["The stems are this project's own wording.".to_owned()],
            facets: vec!["emotion".to_owned(), "variable".to_owned(), "orientation".to_owned()],
            labels: BTreeMap::new(),
            order: BTreeMap::new(),
            human_data: Some(human_data()),
        },
        plan: json!({"study": "isear", "model": "control", "bootstrap": {"seed": 1, "replicate_count": 2000}}),
        device: "cpu".to_owned(),
        dtype: "f32".to_owned(),
        kernel: "portable-f32".to_owned(),
        thread_count: 2,
        counts: Counts {
            cell_count: 1890,
            ok_count: 1800,
            low_mass_count: 80,
            unusable_count: 10,
            readout_count: 2520,
        },
        packing: PackingCard {
            flat_token_count: 310_000,
            trie_token_count: 41_000,
            segment_count: 5200,
            branch_count: 1,
            batch_count: 21,
            token_budget: 2048,
            resumed_readout_count: 0,
            kv_row_count_max: 2300,
        },
        shards: Vec::new(),
        memory_estimate: None,
        memory_peak_bytes: None,
        stage_wall_seconds: vec![
            ("plan".to_owned(), 0.5),
            ("prefill".to_owned(), 4.25),
            ("compare".to_owned(), 1.5),
        ],
        tables: BTreeMap::new(),
        finished_at: 1_760_000_000,
    }
}

fn human_data() -> HumanDataCard {
    let item = |item: &str, counts: &[f64]| HumanItemCard {
        item: item.to_owned(),
        counts: counts.to_vec(),
        missing_count: 2.0,
    };
    let group = |name: &str, counts: &[f64]| HumanGroupCard {
        population_group: name.to_owned(),
        participant_count: None,
        items: vec![item("anger_intensity", counts), item("shame_intensity", counts)],
    };
    HumanDataCard {
        kind: "counted".to_owned(),
        id: "isear".to_owned(),
        citation: "Scherer & Wallbott (1994)".to_owned(),
        caveats: vec!["Students of the 1990s.".to_owned()],
        groups: vec![group("USA", &[4.0, 11.0, 22.0, 24.0]), group("BRA", &[12.0, 25.0, 13.0, 8.0])],
    }
}
