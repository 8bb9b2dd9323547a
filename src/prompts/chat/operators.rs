//! Turns the operators `~`, `==`, `<`, `in` and their kin into calls of functions, and what `+`, `for`, subscripts and
//! keys work on. The engine lets no one stand between an operator and its operands, and does without fuel what they ask
//! for: `~` alone can write one small list that contains itself many times over to the end of the memory. Knows Jinja's
//! tokens and the order in which its operators bind, and not what they do.

/// Reserved names. What a template calls the same is no way around: it stands in for an operator, and cannot be one.
pub(super) const CONCAT: &str = "concat__";
pub(super) const COMPARE: &str = "compare__";
pub(super) const TERM: &str = "term__";
pub(super) const ITERATE: &str = "iterate__";
pub(super) const KEY: &str = "key__";
pub(super) const PAID: &str = "paid__";

/// The engine's parser refuses what is nested deeper.
const DEPTH_MAX: usize = 200;

const COMPARISONS: [&str; 6] = ["==", "!=", "<=", ">=", "<", ">"];
/// Words that end an operand. `not` and `in` are looked at more closely.
const BOUNDARY_WORDS: [&str; 4] = ["and", "or", "if", "else"];

/// Rewrites what stands in `{{ … }}` or `{% … %}`, delimiters included.
pub(super) fn as_calls(construct: &str) -> String {
    let is_tag = construct.starts_with("{%");
    let head = 2 + usize::from(construct[2..].starts_with(['-', '+']));
    let Some(body) = construct.get(head..construct.len().saturating_sub(2)) else {
        return construct.to_owned();
    };
    let body = &body[..body.len() - usize::from(body.ends_with(['-', '+']))];
    let tokens = tokens(body);
    let word = tokens.first().filter(|_| is_tag).map(|token| token.text);
    let mut rewriter = Rewriter { tokens: &tokens, next: 0 };
    let mut code = String::new();
    if word.is_some() {
        code.push_str(rewriter.take().spaced);
    }
    code += &rewriter.level(0, if word == Some("for") { Level::For } else { Level::Other });
    // What was not read is what a stray closing bracket ended; the parser will say so.
    code += &rewriter.tokens[rewriter.next..].iter().map(|token| token.spaced).collect::<String>();
    let code_end = tokens.last().map_or(0, |token| token.end);
    let tail = &construct[head + code_end..];
    format!("{}{code}{tail}", &construct[..head])
}

/// One token, together with the space before it in `spaced`.
#[derive(Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    spaced: &'a str,
    end: usize,
}

impl Token<'_> {
    fn is_word(&self) -> bool {
        self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }

    /// Whether a binary operator may follow.
    fn ends_operand(&self) -> bool {
        match self.is_word() {
            true => !BOUNDARY_WORDS.contains(&self.text) && !["not", "in", "is"].contains(&self.text),
            false => self.text.starts_with(|c: char| c.is_ascii_digit() || "'\")]}".contains(c)),
        }
    }
}

fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut start = 0;
    loop {
        let rest = &code[start..];
        let text = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
        let Some(first) = text.chars().next() else { return tokens };
        let len = match first {
            '\'' | '"' => string_len(text, first),
            _ if first.is_ascii_digit() => number_len(text),
            _ if first.is_alphabetic() || first == '_' => {
                text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
            }
            _ if ["==", "!=", "<=", ">=", "**", "//"].iter().any(|two| text.starts_with(two)) => 2,
            _ => first.len_utf8(),
        };
        let end = start + (rest.len() - text.len()) + len;
        tokens.push(Token { text: &text[..len], spaced: &code[start..end], end });
        start = end;
    }
}

fn string_len(text: &str, quote: char) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Digits, a fraction, an exponent with its sign. The dot of `1.x` is not part of it.
fn number_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let is_fraction = bytes[at] == b'.' && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        let is_sign = matches!(bytes[at], b'+' | b'-')
            && matches!(bytes[at - 1], b'e' | b'E')
            && !text.starts_with("0x")
            && bytes.get(at + 1).is_some_and(u8::is_ascii_digit);
        if !(bytes[at].is_ascii_alphanumeric() || bytes[at] == b'_' || is_fraction || is_sign) {
            break;
        }
        at += 1;
    }
    at
}

struct Rewriter<'a> {
    tokens: &'a [Token<'a>],
    next: usize,
}

/// An expression up to the next boundary, by how tightly what it consists of binds: comparisons of sums of `~` chains.
#[derive(Default)]
struct Chain {
    compared: Vec<String>,
    comparisons: Vec<&'static str>,
    /// Each with the sign before it.
    terms: Vec<(String, String)>,
    sign: String,
    concatenated: Vec<String>,
    operand: String,
}

impl Chain {
    fn end_concatenation(&mut self) {
        let mut term = std::mem::take(&mut self.operand);
        if !self.concatenated.is_empty() {
            self.concatenated.push(term);
            term = format!(" {CONCAT}({})", std::mem::take(&mut self.concatenated).join(","));
        }
        self.terms.push((std::mem::take(&mut self.sign), term));
    }

    fn end_sum(&mut self) {
        self.end_concatenation();
        let terms = std::mem::take(&mut self.terms);
        let adds = terms.iter().any(|(sign, _)| sign.ends_with('+'));
        let written = |(sign, term): (String, String)| sign + &if adds { call(TERM, term) } else { term };
        self.compared.push(terms.into_iter().map(written).collect());
    }

    fn end(&mut self) -> String {
        self.end_sum();
        let compared = std::mem::take(&mut self.compared);
        let comparisons = std::mem::take(&mut self.comparisons);
        match comparisons.is_empty() {
            true => compared.concat(),
            false => format!(" {COMPARE}('{}',{})", comparisons.join(","), compared.join(",")),
        }
    }
}

/// What a bracket, or a tag, holds.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    For,
    Map,
    Subscript,
    /// The arguments of `loop.changed`, which compares them.
    Changed,
    Other,
}

impl Level {
    fn of(bracket: &str, previous: Option<Token>) -> Self {
        match (bracket, previous) {
            ("{", _) => Level::Map,
            ("[", Some(token)) if token.ends_operand() => Level::Subscript,
            ("(", Some(token)) if token.text == "changed" => Level::Changed,
            _ => Level::Other,
        }
    }
}

/// `name(code)`. A lone literal stays what it is, unless its characters are gone through. What looks like several arguments becomes one tuple.
fn call(name: &str, code: String) -> String {
    let tokens = tokens(&code);
    match tokens.as_slice() {
        [] => code,
        [only]
            if name != ITERATE
                && only.text.starts_with(|c: char| c.is_ascii_digit() || "'\"".contains(c)) =>
        {
            code
        }
        _ => format!(" {name}(({code}))"),
    }
}

impl<'a> Rewriter<'a> {
    fn take(&mut self) -> Token<'a> {
        let token = self.tokens[self.next];
        self.next += 1;
        token
    }

    /// Everything up to the bracket that closes this level, which is not taken, or to the end.
    fn level(&mut self, depth: usize, level: Level) -> String {
        let mut out = String::new();
        let mut chain = Chain::default();
        let mut previous: Option<Token> = None;
        // Behind `is`, words name a test.
        let mut expects_test = false;
        let mut is_target = level == Level::For;
        // Where what `for` goes through begins in `out`, or a key of a map or list.
        let mut iterated_from = None;
        let mut key_from = matches!(level, Level::Map | Level::Subscript | Level::Changed).then_some(0);
        while let Some(&token) = self.tokens.get(self.next) {
            if [")", "]", "}"].contains(&token.text) {
                break;
            }
            self.next += 1;
            let behind_operand = previous.is_some_and(|token| token.ends_operand());
            let is_name = previous.is_some_and(|token| [".", "|"].contains(&token.text)) || expects_test;
            let space = &token.spaced[..token.spaced.len() - token.text.len()];
            match token.text {
                "(" | "[" | "{" => {
                    chain.operand += token.spaced;
                    if depth < DEPTH_MAX {
                        chain.operand += &self.level(depth + 1, Level::of(token.text, previous));
                    }
                    if let Some(&close) = self.tokens.get(self.next).filter(|_| depth < DEPTH_MAX) {
                        self.next += 1;
                        chain.operand += close.spaced;
                        previous = Some(close);
                        continue;
                    }
                }
                "~" => {
                    chain.operand += space;
                    chain.concatenated.push(std::mem::take(&mut chain.operand));
                }
                "+" | "-" if behind_operand => {
                    chain.end_concatenation();
                    chain.sign = token.spaced.to_owned();
                }
                "," | ":" | "=" => {
                    out += &chain.end();
                    match (level, token.text) {
                        (Level::Map, ":") => end_call(KEY, &mut out, &mut key_from),
                        (Level::Map, ",") => key_from = Some(out.len() + token.spaced.len()),
                        // The bounds of a slice are no key.
                        (Level::Subscript, ":") => key_from = None,
                        _ => {}
                    }
                    out += token.spaced;
                }
                "in" if is_target && !is_name => {
                    out += &chain.end();
                    out += token.spaced;
                    is_target = false;
                    iterated_from = Some(out.len());
                }
                "not" if !is_name && behind_operand && self.peeks("in") => {
                    chain.operand += space;
                    self.next += 1;
                    chain.end_sum();
                    chain.comparisons.push("not in");
                }
                "not" if !is_name => {
                    out += &chain.end();
                    out += token.spaced;
                }
                "in" if !is_name => {
                    chain.operand += space;
                    chain.end_sum();
                    chain.comparisons.push("in");
                }
                "recursive" if level == Level::For && behind_operand => {
                    out += &chain.end();
                    end_call(ITERATE, &mut out, &mut iterated_from);
                    out += token.spaced;
                }
                word if BOUNDARY_WORDS.contains(&word) && !is_name => {
                    out += &chain.end();
                    if word == "if" {
                        end_call(ITERATE, &mut out, &mut iterated_from);
                    }
                    out += token.spaced;
                }
                text => match COMPARISONS.iter().find(|comparison| **comparison == text) {
                    Some(comparison) => {
                        chain.operand += space;
                        chain.end_sum();
                        chain.comparisons.push(comparison);
                    }
                    None => chain.operand += token.spaced,
                },
            }
            expects_test = match token.text {
                "is" => !is_name,
                "not" => expects_test,
                _ => false,
            };
            previous = Some(token);
        }
        out += &chain.end();
        end_call(ITERATE, &mut out, &mut iterated_from);
        match level {
            Level::Subscript => end_call(KEY, &mut out, &mut key_from),
            Level::Changed => end_call(PAID, &mut out, &mut key_from),
            _ => {}
        }
        out
    }

    fn peeks(&self, word: &str) -> bool {
        self.tokens.get(self.next).is_some_and(|token| token.text == word)
    }
}

/// Puts what was written from a place on into a call.
fn end_call(name: &str, out: &mut String, from: &mut Option<usize>) {
    if let Some(from) = from.take() {
        let code = out.split_off(from);
        *out += &call(name, code);
    }
}

#[cfg(test)]
mod tests {
    use super::as_calls;

    #[test]
    fn operators_become_calls_of_what_they_bind() {
        let cases = [
            ("{{ a ~ b }}", "{{ concat__( a , b) }}"),
            ("{{- a ~ b|upper ~ c.d(e ~ f) -}}", "{{- concat__( a , b|upper , c.d( concat__(e , f))) -}}"),
            ("{{ 1 + a ~ -2 * b - 3 }}", "{{ 1 + term__(( concat__( a , -2 * b))) - 3 }}"),
            ("{{ 'a' + b[c] - 1 }}", "{{ 'a' + term__(( b[ key__((c))])) - 1 }}"),
            ("{{ a[b]['c'][d:e][-1] }}", "{{ a[ key__((b))]['c'][d:e][ key__((-1))] }}"),
            ("{{ {a: b, 'c': [d]} }}", "{{ { key__((a)): b, 'c': [d]} }}"),
            ("{{ loop.changed(a, b) }}", "{{ loop.changed( paid__((a, b))) }}"),
            ("{{ a ~ 1e-3 }}", "{{ concat__( a , 1e-3) }}"),
            ("{% if a == 'x' and not b ~ c %}", "{% if compare__('==', a , 'x') and not concat__( b , c) %}"),
            ("{% if a < b + 1 <= c %}", "{% if compare__('<,<=', a , term__(( b)) + 1 , c) %}"),
            ("{% if a not in b %}", "{% if compare__('not in', a , b) %}"),
            ("{% if a is not in b %}", "{% if a is not in b %}"),
            ("{% if a is not none %}", "{% if a is not none %}"),
            ("{% set x = a ~ b if c else d %}", "{% set x = concat__( a , b) if c else d %}"),
            (
                "{% for a in b ~ c if a != d %}",
                "{% for a in iterate__(( concat__( b , c))) if compare__('!=', a , d) %}",
            ),
            ("{% for a, b in c recursive %}", "{% for a, b in iterate__(( c)) recursive %}"),
            ("{{ f(a=b ~ c)[d ~ e:f] }}", "{{ f(a= concat__(b , c))[ concat__(d , e):f] }}"),
            ("{{ {'a': b ~ c}.in.if }}", "{{ {'a': concat__( b , c)}.in.if }}"),
        ];
        for (source, rewritten) in cases {
            assert_eq!(as_calls(source), rewritten);
        }
    }

    #[test]
    fn what_has_no_such_operator_is_left_alone() {
        let untouched = [
            "{{ a['~'] | join(', in', \"==\") }}",
            "{%- else -%}",
            "{% set x %}",
            "{% macro f(a, b=1) %}",
            "{{ a[::-1] if b else -1 }}",
            "{{ a['b'][0] - c }}",
            "{{}}",
            "{{",
            "{%",
            "{{ ) }}",
            "{{ '\\'",
            "{{-}}",
            "{{ é🙂 }}",
        ];
        for source in untouched {
            assert_eq!(as_calls(source), source);
        }
    }
}
