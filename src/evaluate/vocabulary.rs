//! The tokenizer of a model, whatever it is described by. Knows no templates but the special tokens that they may name.

use crate::engine::RopeKind;
use crate::error::{Error, Result};
use crate::models::gguf::{FromValue, Metadata};
use crate::models::{Family, ModelConfig, ModelFiles, ModelFolder, TokenizerFile};
use crate::tokens::{RanksFamily, TextTokenizer, VocabularyMetadata};
use serde_json::Value;

/// The context of the first Llama 3.
const LLAMA3_POSITION_COUNT: usize = 8192;

/// Reads what `files` hold. Special tokens that only a vocabulary names are added to the tokenizer's config.
pub fn open_tokenizer(files: &mut ModelFiles, folder: &ModelFolder) -> Result<TextTokenizer> {
    let vocab_size = files.config.decoder.vocab_size;
    let path = folder.describe(files.tokenizer.name());
    match &files.tokenizer {
        TokenizerFile::Json(bytes) => TextTokenizer::from_bytes(bytes, vocab_size, &path)?
            .with_tokenizer_config(&files.tokenizer_config),
        TokenizerFile::Model(bytes) => {
            let ranks = ranks_family(&files.config, bytes);
            TextTokenizer::from_tokenizer_model(bytes, &files.tokenizer_config, ranks, vocab_size, &path)
        }
        TokenizerFile::Gguf(metadata) => {
            let vocabulary = vocabulary(metadata)?;
            for (name, token) in special_tokens(&vocabulary, metadata)? {
                files.tokenizer_config[name] = Value::String(token);
            }
            TextTokenizer::from_vocabulary(vocabulary, vocab_size, &path)
        }
    }
}

/// Whose ranks the file holds, should it hold any: Llama 3's, if its lines and the special tokens behind them fill the vocabulary.
/// Its successors have other special tokens, and a context beyond 8,192 tokens.
fn ranks_family(config: &ModelConfig, bytes: &[u8]) -> Option<RanksFamily> {
    let decoder = &config.decoder;
    let line_count = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).count();
    if config.family != Family::Llama || line_count + RanksFamily::SPECIAL_COUNT != decoder.vocab_size {
        return None;
    }
    let is_scaled = decoder.ropes.iter().any(|rope| matches!(rope.kind, RopeKind::Llama3(_)));
    let is_later = is_scaled || decoder.position_count_max > LLAMA3_POSITION_COUNT;
    Some(if is_later { RanksFamily::Llama31 } else { RanksFamily::Llama3 })
}

/// Keys behind `tokenizer.ggml.`.
fn get<'a, T: FromValue<'a>>(metadata: &'a Metadata, name: &str) -> Result<Option<T>> {
    metadata.get(&format!("tokenizer.ggml.{name}"))
}

fn texts(metadata: &Metadata, name: &str) -> Result<Option<Vec<String>>> {
    let texts = get::<Vec<&str>>(metadata, name)?;
    Ok(texts.map(|texts| texts.into_iter().map(str::to_owned).collect()))
}

fn vocabulary(metadata: &Metadata) -> Result<VocabularyMetadata> {
    let missing = |name: &str| {
        Error::model(format!("metadata `tokenizer.ggml.{name}` is missing"))
            .at(metadata.path())
            .hint("the file has no tokenizer; use one that was converted with it, or the model's own folder")
    };
    let text = |name| Ok::<_, Error>(get::<&str>(metadata, name)?.map(str::to_owned));
    let charsmap = get::<Vec<u32>>(metadata, "precompiled_charsmap")?;
    let byte = |number| {
        u8::try_from(number).map_err(|_| {
            Error::model(format!("metadata `tokenizer.ggml.precompiled_charsmap` holds {number}"))
                .at(metadata.path())
        })
    };
    Ok(VocabularyMetadata {
        model: text("model")?.ok_or_else(|| missing("model"))?,
        pre: text("pre")?,
        tokens: texts(metadata, "tokens")?.ok_or_else(|| missing("tokens"))?,
        scores: get(metadata, "scores")?,
        token_types: get(metadata, "token_type")?,
        merges: texts(metadata, "merges")?,
        bos_id: get(metadata, "bos_token_id")?,
        eos_id: get(metadata, "eos_token_id")?,
        unk_id: get(metadata, "unknown_token_id")?,
        add_bos: get(metadata, "add_bos_token")?,
        add_eos: get(metadata, "add_eos_token")?,
        add_space_prefix: get(metadata, "add_space_prefix")?,
        remove_extra_whitespaces: get(metadata, "remove_extra_whitespaces")?,
        precompiled_charsmap: charsmap.map(|bytes| bytes.into_iter().map(byte).collect()).transpose()?,
        model_name: metadata.get::<&str>("general.name")?.map(str::to_owned),
    })
}

/// The tokens that a template may write, under their names in a `tokenizer_config.json`. Where SentencePiece vocabularies do not
/// tell the ids of the first three, llama.cpp takes those that SentencePiece gives them.
fn special_tokens(
    vocabulary: &VocabularyMetadata,
    metadata: &Metadata,
) -> Result<Vec<(&'static str, String)>> {
    let usual = |id| (vocabulary.model == "llama").then_some(id);
    let ids = [
        ("bos_token", vocabulary.bos_id.or(usual(1))),
        ("eos_token", vocabulary.eos_id.or(usual(2))),
        ("unk_token", vocabulary.unk_id.or(usual(0))),
        ("sep_token", get(metadata, "seperator_token_id")?),
        ("pad_token", get(metadata, "padding_token_id")?),
        ("cls_token", get(metadata, "cls_token_id")?),
        ("mask_token", get(metadata, "mask_token_id")?),
    ];
    let token = |id: u32| vocabulary.tokens.get(id as usize).cloned();
    Ok(ids.into_iter().filter_map(|(name, id)| Some((name, token(id?)?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ranks_are_a_llama_3_s_where_they_fill_its_vocabulary() {
        let family = |family: &str, vocab_size: usize, position_count: usize| {
            let config = json!({
                "model_type": family, "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1,
                "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": vocab_size, "rms_norm_eps": 1e-5,
                "max_position_embeddings": position_count, "tie_word_embeddings": true,
            });
            let config = ModelConfig::parse(config.to_string().as_bytes(), "config.json".as_ref()).unwrap();
            ranks_family(&config, b"IQ== 0\nIg== 1\n\n")
        };
        assert_eq!(family("llama", 258, 8192), Some(RanksFamily::Llama3));
        assert_eq!(family("llama", 258, 131_072), Some(RanksFamily::Llama31));
        assert_eq!((family("llama", 300, 8192), family("mistral", 258, 8192)), (None, None));
    }
}
