//! What the goldens do not show: dates, refusals, runaway templates, templates by name.

use serde_json::json;

use super::*;
use crate::error::ErrorKind;

fn turn(role: &str, content: &str) -> Message {
    Message { role: role.to_owned(), content: content.to_owned() }
}

fn settings() -> TemplateSettings {
    TemplateSettings::from_tokenizer_config(
        &json!({"bos_token": "<s>", "eos_token": {"content": "</s>"}, "pad_token": null}),
        "2025-01-05",
    )
}

fn render(source: &str) -> Result<String> {
    ChatTemplate::new(source, &settings())?.render(&[turn("user", "Hi")], "")
}

fn refused(source: &str) -> String {
    let error = render(source).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Prompt);
    error.to_string()
}

#[test]
fn plain_texts_stand_apart_and_the_answer_prefix_begins_a_line() {
    let messages = [turn("system", "Rules."), turn("user", "How long?")];
    let plain = ChatTemplate::plain();
    assert!(!plain.is_chat());
    assert_eq!(plain.render(&messages, "Reply:").unwrap(), "Rules.\n\nHow long?\nReply:");
    assert_eq!(plain.render(&messages, "").unwrap(), "Rules.\n\nHow long?");
}

#[test]
fn special_tokens_are_variables_in_either_spelling() {
    assert_eq!(
        render("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token }}").unwrap(),
        "<s>Hi</s>"
    );
}

#[test]
fn the_date_stands_still() {
    assert_eq!(render("{{ strftime_now('%d %b %Y') }}").unwrap(), "05 Jan 2025");
    assert_eq!(
        render("{{ strftime_now('%-d %B, %A, %H:%M:%S.%f%Z%%f%') }}").unwrap(),
        "5 January, Sunday, 00:00:00.000000%f%"
    );
    assert!(refused("{{ strftime_now('%Q') }}").contains("does not know the format \"%Q\""));
    let undated = TemplateSettings { date: String::new(), ..settings() };
    let error = ChatTemplate::new("{{ strftime_now('%Y') }}", &undated).unwrap().render(&[], "").unwrap_err();
    assert!(error.to_string().contains("none is fixed"));
    let misdated = TemplateSettings { date: "5 Jan".to_owned(), ..settings() };
    assert!(ChatTemplate::new("", &misdated).unwrap_err().to_string().starts_with("\"5 Jan\" is no date"));
}

#[test]
fn what_a_template_raises_is_told() {
    let expected = "chat template refuses the conversation: Only pairs!";
    assert_eq!(refused("{{ raise_exception('Only pairs!') }}"), expected);
    assert_eq!(
        refused("{% macro m() %}{{ raise_exception('Only pairs!') }}{% endmacro %}{{ m() }}"),
        expected
    );
}

#[test]
fn a_template_without_system_messages_says_so() {
    let source = "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('System role not supported') }}\
                  {% endif %}{{ m.content }}{% endfor %}";
    let template = ChatTemplate::new(source, &settings()).unwrap();
    let error = template.render(&[turn("system", "Rules."), turn("user", "Hi")], "").unwrap_err();
    assert_eq!(error.to_string(), "chat template takes no system message: System role not supported");
    assert_eq!(template.render(&[turn("user", "Hi")], "").unwrap(), "Hi");
}

#[test]
fn failures_name_the_line_of_the_template() {
    let message = refused("a\n{{ messages | nosuch }}");
    assert!(message.contains("nosuch") && message.contains("line 2 of the template"), "{message}");
    let message = refused("a\nb\n{% if %}");
    assert!(message.starts_with("chat template does not parse: syntax error") && message.contains("line 3"));
}

#[test]
fn undefined_is_empty_but_has_no_attributes() {
    assert_eq!(render("[{{ nothing }}{{ messages[0].nothing }}{{ messages[7] }}]").unwrap(), "[]");
    assert!(refused("{{ nothing.at_all }}").contains("undefined"));
    assert!(refused("{{ nothing | tojson }}").contains("not JSON serializable"));
}

#[test]
fn values_are_printed_as_python_prints_them() {
    let check = |expression: &str, expected: &str| {
        assert_eq!(render(&format!("{{{{ {expression} }}}}")).unwrap(), expected, "{expression}");
    };
    check("messages", "[{'role': 'user', 'content': 'Hi'}]");
    check("[1, 2.0, 1e16, true, none]", "[1, 2.0, 1e+16, True, None]");
    check(r#"["it's", "say \"it's\"", "a\\b\n", "é"]"#, r#"["it's", 'say "it\'s"', 'a\\b\n', 'é']"#);
    check("{'a': []} | string | length", "9");
}

#[test]
fn json_is_written_as_python_writes_it() {
    let check = |expression: &str, expected: &str| {
        assert_eq!(render(&format!("{{{{ {expression} | tojson }}}}")).unwrap(), expected, "{expression}");
    };
    check("messages", r#"[{"role": "user", "content": "Hi"}]"#);
    check(
        "[1, 2.0, 1e16, 0.00001, 123456.789, -0.0, true, none]",
        "[1, 2.0, 1e+16, 1e-05, 123456.789, -0.0, true, null]",
    );
    check(
        "{'a': [], 'b': {}, 3: 'x', true: 1, none: 2}",
        r#"{"a": [], "b": {}, "3": "x", "true": 1, "null": 2}"#,
    );
    check(r#""<&'\"\\\n\té""#, r#""<&'\"\\\n\té""#);
    let pretty = "{{ {'a': [1, {}], 'b': 'é👍'} | tojson(indent=2, ensure_ascii=true) }}";
    assert_eq!(
        render(pretty).unwrap(),
        "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": \"\\u00e9\\ud83d\\udc4d\"\n}"
    );
    assert!(refused("{{ 1 | tojson(colour=1) }}").contains("colour"));
}

#[test]
fn a_template_gone_wild_is_stopped() {
    let wild = [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 1000000000 }}",
        "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    ];
    for source in wild {
        refused(source);
    }
}

/// One list that contains the one before twice, and so on: little memory, but endless when written out.
#[test]
fn lists_that_unfold_without_end_are_stopped() {
    let build =
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor %}";
    for end in ["{{ n.x | tojson }}", "{{ n.x }}", "{{ n.x | string | length }}"] {
        refused(&format!("{build}{end}"));
    }
}

#[test]
fn deep_nesting_does_not_overflow_the_stack() {
    refused(&format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000)));
    refused(&"{% if true %}".repeat(100_000));
    let nested = "{% set n = namespace(x=[]) %}{% for i in range(90000) %}{% set n.x = [n.x] %}{% endfor %}";
    // Whether the fuel lasts or not, the list is dropped afterwards, on a worker's small stack.
    let _ = render(nested);
    refused(&format!("{nested}{{{{ n.x | tojson }}}}"));
    refused(&format!("{nested}{{{{ n.x }}}}"));
}

#[test]
fn the_default_of_several_templates_is_picked() {
    let several = json!([{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]);
    assert_eq!(pick_template(&several).unwrap().as_deref(), Some("D"));
    assert_eq!(pick_template(&json!("S")).unwrap().as_deref(), Some("S"));
    assert_eq!(pick_template(&json!([{"name": "rag", "template": "R"}])).unwrap().as_deref(), Some("R"));
    assert_eq!(pick_template(&json!(null)).unwrap(), None);
}

#[test]
fn an_entry_that_is_no_template_does_not_make_a_base_model() {
    let several = json!([{"name": "rag", "template": "R"}, {"name": "tool_use", "template": "T"}]);
    let refused =
        [json!(5), json!([]), json!({"default": "D"}), json!([{"name": "default"}]), json!(["S"]), several];
    for entry in refused {
        let error = pick_template(&entry).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Model, "{entry}");
        assert!(error.to_string().starts_with("chat_template of the tokenizer config "), "{error}");
    }
}

#[test]
fn a_date_is_a_day_that_exists() {
    check_date("2024-02-29").unwrap();
    for date in ["2025-13-45", "2025-02-29", "2025-1-5", "5 Jan", "", "+2025-01-05", "2025-01-05 "] {
        let error = check_date(date).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{date}");
        assert_eq!(error.to_string(), format!("`{date}` is not a date"));
        assert!(error.hint_text().unwrap().contains("YYYY-MM-DD"));
    }
}

/// 64 KiB of what the parser's own limit on nesting does not count.
#[test]
fn long_chains_do_not_overflow_the_stack_of_a_worker() {
    let chains = [
        ("{{ a", ".a", " }}"),
        ("{{ a", "[0]", " }}"),
        ("{{ 1", "+1", " }}"),
        ("{{ a", "|upper", " }}"),
        ("{{ a", "()", " }}"),
        ("{{ ", "-", "1 }}"),
        ("{{ ", "not ", "a }}"),
        ("{{ 1", " ~ 1", " }}"),
        ("{{ 1", "**1", " }}"),
        ("{{ a", " if a else a", " }}"),
        ("{{ a", " and a", " }}"),
        ("{{ a", " is a", " }}"),
        ("{% if a %}", "{% elif a %}", "{% endif %}"),
    ];
    let worker = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
        for (start, link, end) in chains {
            let count = (SOURCE_LEN_MAX - start.len() - end.len()) / link.len();
            // Most fail for some other reason, such as undefined values; what counts is that they return.
            let _ = render(&format!("{start}{}{end}", link.repeat(count)));
        }
    });
    worker.unwrap().join().unwrap();
    assert!(refused(&format!("{{{{ a{} }}}}", ".a".repeat(200_000))).contains("more than 65536"));
}

#[test]
fn methods_that_would_fill_the_memory_are_stopped() {
    let bombs = [
        r#"{{ "{:>10000000000}".format("x") }}"#,
        r#"{{ "{:.10000000000f}".format(1.5) }}"#,
        r#"{{ "{:99999999999999999999999}".format(1) }}"#,
        r#"{{ ("{:9999}" * 900000).format(*range(100)) }}"#,
        r#"{{ ("{0}" * 1000000).format("x" * 5000000) }}"#,
        r#"{{ ("x" * 5000000).replace("x", "x" * 5000000) }}"#,
        r#"{{ ("x" * 5000000).join(range(99999)) }}"#,
        r#"{{ "".join([1] * 100000000) }}"#,
        r#"{{ "%10000000000s" | format("x") }}"#,
        r#"{{ "x" | indent(10000000000, true) }}"#,
        r#"{{ [1] | batch(10000000000, "x") }}"#,
        r#"{{ [1] | slice(10000000000) }}"#,
        r#"{{ "x".ljust(10000000000) }}{{ "x".rjust(10000000000) }}"#,
        r#"{{ "x".center(10000000000) }}"#,
        r#"{{ "x".zfill(10000000000) }}"#,
        r#"{% set n = namespace(l=[], x="x" * 5000000) %}{% for i in range(9000) %}{% set n.l = n.l + [n.x.upper()] %}{% endfor %}"#,
    ];
    for source in bombs {
        refused(source);
    }
    assert_eq!(render(r#"{{ "{:>4}|{}".format("x", 1) }}"#).unwrap(), "   x|1");
    assert_eq!(render(r#"{{ ", ".join(["a", "b"]) }}{{ "aXb".split("X")[1] }}"#).unwrap(), "a, bb");
    assert_eq!(render(r#"{{ "abc".replace("b", "--").upper() }}"#).unwrap(), "A--C");
}

/// What the engine does for its operators and filters is not paid for in advance; what ours do is.
#[test]
fn operators_and_filters_on_lists_that_unfold_without_end_are_stopped() {
    let build = "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}\
                 {% set n.y = [n.y, n.y] %}{% endfor %}";
    let ends = [
        "{{ 'a' ~ n.x }}",
        "{{ n.x == n.y }}",
        "{{ n.x < n.y }}",
        "{{ n.x in [n.y] }}",
        "{{ n.x is eq n.y }}",
        "{{ [n.x] | select('ne', n.y) | list }}",
        "{{ [n.x, n.y] | sort }}",
        "{{ [n.x, n.y] | unique | list }}",
        "{{ [n.x, n.y] | max }}",
        "{{ [{'a': n.x}, {'a': n.y}] | groupby('a') }}",
        "{{ {'a': n.x, 'b': n.y} | dictsort(by='value') }}",
        "{{ n.x | join }}",
        "{{ n.x | upper }}",
        "{{ n.x | trim }}",
        "{{ n.x | escape }}",
        "{{ n.x | safe }}",
        "{{ '%s' | format(n.x) }}",
        "{{ '{}'.format(n.x) }}",
        "{{ [n.y].count(n.x) }}",
        "{{ {n.x: 1} }}",
        "{{ {(n.x, 1): 1} }}",
        "{{ {'a': 1}[n.x] }}",
        "{% for a in [n.x, n.y] %}{{ loop.changed(a) }}{% endfor %}",
        "{{ raise_exception(n.x) }}",
    ];
    for end in ends {
        refused(&format!("{build}{end}"));
    }
}

/// Lists that are longer than memory, and are not made until something goes through them.
#[test]
fn lists_without_end_are_stopped() {
    let double =
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}";
    let sources = [
        "{{ '' ~ [1] * 10000000000 }}".to_owned(),
        "{{ [1] * 10000000000 == [1] * 10000000000 }}".to_owned(),
        "{{ 2 in [1] * 10000000000 }}".to_owned(),
        "{{ ([1] * 10000000000) | join }}".to_owned(),
        "{{ ([1] * 10000000000 + [1]) | length }}".to_owned(),
        format!("{double}{{{{ n.x | length }}}}"),
        format!("{double}{{{{ '' ~ n.x }}}}"),
    ];
    for source in sources {
        refused(&source);
    }
}

#[test]
fn a_template_reaches_no_file_and_no_other_template() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.jinja");
    std::fs::write(&path, "secret").unwrap();
    for name in [path.to_str().unwrap(), "../secret.jinja", "chat_template"] {
        refused(&format!("{{% include '{name}' %}}"));
        refused(&format!("{{% extends '{name}' %}}"));
        refused(&format!("{{% import '{name}' as other %}}{{{{ other.x() }}}}"));
        refused(&format!("{{% from '{name}' import x %}}{{{{ x() }}}}"));
    }
}
