//! Takes the `{% generation %}` tags out of a template, which mark for training what a model wrote and mean nothing
//! here, and hands the code between delimiters on to `operators`. Knows where Jinja has strings, comments and raw
//! blocks, and nothing else of it.

use super::operators;

/// The source as it is compiled: `generation … endgeneration` is `with … endwith`, a scope of its own as transformers' tag is,
/// with the same whitespace control, and operators are calls.
pub(super) fn compiled_source(source: &str) -> String {
    let mut replaced = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(open) = rest.find('{') {
        let (before, construct) = rest.split_at(open);
        replaced.push_str(before);
        let len = construct_len(construct);
        match scope_word(&construct[..len]) {
            Some((word, scope)) => replaced.push_str(&construct[..len].replacen(word, scope, 1)),
            None => match construct.as_bytes().get(1) {
                Some(b'{' | b'%') if !is_raw(&construct[..len]) => {
                    replaced.push_str(&operators::as_calls(&construct[..len]));
                }
                _ => replaced.push_str(&construct[..len]),
            },
        }
        rest = &construct[len..];
    }
    replaced.push_str(rest);
    replaced
}

/// The tag's word and what stands for it, if `construct` is a generation tag.
fn scope_word(construct: &str) -> Option<(&'static str, &'static str)> {
    match tag_word(construct)? {
        "generation" => Some(("generation", "with")),
        "endgeneration" => Some(("endgeneration", "endwith")),
        _ => None,
    }
}

/// What stands in a `{% … %}`, whitespace control and spaces apart.
fn tag_word(construct: &str) -> Option<&str> {
    let inner = construct.strip_prefix("{%")?.strip_suffix("%}")?;
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    Some(inner.strip_suffix(['-', '+']).unwrap_or(inner).trim())
}

fn is_raw(construct: &str) -> bool {
    let tag_end = construct.find("%}").map_or(construct.len(), |at| at + 2);
    tag_word(&construct[..tag_end]) == Some("raw")
}

/// How many bytes at the start of `text`, which begins with `{`, are one comment, expression, tag or raw block; 1 for
/// a lone brace. What is not closed reaches to the end: the parser will say so.
fn construct_len(text: &str) -> usize {
    let until = |end: &str| text.find(end).map_or(text.len(), |at| at + end.len());
    if text.starts_with("{#") {
        until("#}")
    } else if text.starts_with("{{") {
        code_len(text, "}}")
    } else if text.starts_with("{%") {
        let tag_len = code_len(text, "%}");
        if tag_word(&text[..tag_len]) == Some("raw") { tag_len + raw_len(&text[tag_len..]) } else { tag_len }
    } else {
        1
    }
}

/// The length of `{{ … }}` or `{% … %}`, whose end may also stand inside strings, and is none inside brackets.
fn code_len(text: &str, end: &str) -> usize {
    let (mut quote, mut open_count) = (None, 0);
    let mut characters = text.char_indices().skip(2);
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(character),
            (None, _) if open_count == 0 && text[at..].starts_with(end) => return at + end.len(),
            (None, '(' | '[' | '{') => open_count += 1,
            (None, ')' | ']' | '}') => open_count -= 1,
            (None, _) => {}
        }
    }
    text.len()
}

/// The length of a raw block's text together with its closing tag.
fn raw_len(text: &str) -> usize {
    for (at, _) in text.match_indices("{%") {
        let Some(close) = text[at..].find("%}") else { break };
        let end = at + close + "%}".len();
        if tag_word(&text[at..end]) == Some("endraw") {
            return end;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::compiled_source;

    #[test]
    fn tags_become_scopes_and_keep_their_whitespace_control() {
        assert_eq!(
            compiled_source("{% generation %}a{%- generation -%}b{%+endgeneration-%}c{%endgeneration%}"),
            "{% with %}a{%- with -%}b{%+endwith-%}c{%endwith%}"
        );
    }

    #[test]
    fn the_word_elsewhere_is_left_alone() {
        let untouched = [
            "{# {% generation %} #}",
            "{{ '{% generation %}' }}",
            "{% if x['%}{% generation %}'] %}",
            "{% raw %}{% generation %}{% endraw %}",
            "{% set generation = 1 %}{{ generation }} generation { %}",
            "{{ \"\\\"}}{% generation %}\" }}",
            "{% unclosed {",
            "é{",
        ];
        for source in untouched {
            assert_eq!(compiled_source(source), source);
        }
    }
}
