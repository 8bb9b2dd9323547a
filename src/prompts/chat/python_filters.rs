//! Jinja's operators, filters and tests where the engine's own differ from Python's, or would do work that no fuel pays
//! for. What Jinja does not have is taken away: a template that uses it is at fault.

use minijinja::value::{Kwargs, Rest, Tuple, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, filters, tests};

use super::operators::{COMPARE, CONCAT, ITERATE, KEY, PAID, TERM};
use super::python_methods::{self, pay};
use super::python_text::{DEPTH_MAX, to_text, too_large};

/// What visiting one value in a list costs.
const ITEM_LEN: usize = 32;

pub(super) fn add_to(environment: &mut Environment<'static>) {
    for name in ["attr", "bool", "chain", "lines", "pprint", "split", "zip"] {
        environment.remove_filter(name);
    }
    for name in ["startingwith", "endingwith", "safe"] {
        environment.remove_test(name);
    }
    environment.remove_global("debug");
    environment.add_function(CONCAT, concat);
    environment.add_function(COMPARE, compare_all);
    environment.add_function(TERM, term);
    environment.add_function(ITERATE, iterate);
    environment.add_function(KEY, key);
    environment.add_function(PAID, |state: &State, value: Value| walk(state, &value).map(|()| value));
    environment.add_filter("string", |value: &Value| to_text(value));
    environment.add_filter("safe", |value: &Value| to_text(value).map(Value::from_safe_string));
    for name in ["escape", "e"] {
        environment.add_filter(name, |state: &mut State, value: Value| match value.as_str() {
            Some(_) => filters::escape(state, &value),
            None => filters::escape(state, &Value::from(to_text(&value)?)),
        });
    }
    environment.add_filter("format", |state: &mut State, format: &Value, args: Rest<ValueOrKwargs>| {
        args.iter().try_for_each(|arg| walk(state, arg))?;
        filters::format(state, format, args)
    });
    environment.add_filter("default", default);
    environment.add_filter("d", default);
    environment.add_filter("int", int);
    environment.add_filter("float", float);
    environment.add_filter("join", join);
    environment.add_filter("indent", indent);
    environment.add_filter("items", |value: &Value| pairs(value));
    for name in ["upper", "lower", "capitalize", "replace"] {
        environment.add_filter(name, move |state: &mut State, value: &Value, args: Rest<Value>| {
            python_methods::call(state, &Value::from(to_text(value)?), name, &args)
        });
    }
    environment.add_filter("trim", |state: &mut State, value: &Value, args: Rest<Value>| {
        python_methods::call(state, &Value::from(to_text(value)?), "strip", &args)
    });
    environment.add_filter("title", |value: &Value| Ok::<_, Error>(filters::title(to_text(value)?.into())));
    add_guarded_filters(environment);
    add_tests(environment);
}

/// Filters that compare what is in a list.
fn add_guarded_filters(environment: &mut Environment<'static>) {
    environment.add_filter("sort", |state: &State, value: Value, kwargs: Kwargs| {
        walk(state, &value)?;
        filters::sort(state, value, kwargs)
    });
    environment.add_filter("unique", |state: &State, value: Value, kwargs: Kwargs| {
        walk(state, &value)?;
        filters::unique(state, value, kwargs)
    });
    environment.add_filter("min", |state: &State, value: Value, kwargs: Kwargs| {
        walk(state, &value)?;
        filters::min(state, value, kwargs)
    });
    environment.add_filter("max", |state: &State, value: Value, kwargs: Kwargs| {
        walk(state, &value)?;
        filters::max(state, value, kwargs)
    });
    environment.add_filter("dictsort", |state: &State, value: &Value, kwargs: Kwargs| {
        walk(state, value)?;
        tuples(&filters::dictsort(value, kwargs)?)
    });
    environment.add_filter(
        "groupby",
        |state: &State, value: Value, attribute: Option<&str>, kwargs: Kwargs| {
            walk(state, &value)?;
            filters::groupby(value, attribute, kwargs)
        },
    );
}

fn add_tests(environment: &mut Environment<'static>) {
    let comparisons = [
        (["eq", "equalto", "=="], "=="),
        (["ne", "!=", "!="], "!="),
        (["lt", "lessthan", "<"], "<"),
        (["le", "<=", "<="], "<="),
        (["gt", "greaterthan", ">"], ">"),
        (["ge", ">=", ">="], ">="),
        (["in", "in", "in"], "in"),
    ];
    for (names, comparison) in comparisons {
        for name in names {
            environment.add_test(name, move |state: &State, left: &Value, right: &Value| {
                compare(state, comparison, left, right)
            });
        }
    }
    // Those of none, numbers and truth values are not, in Python.
    environment.add_test("iterable", |value: &Value| is_iterable(value));
    environment.add_test("sequence", |value: &Value| {
        let is_listed = matches!(value.kind(), ValueKind::Seq | ValueKind::String | ValueKind::Map);
        is_listed || value.is_undefined()
    });
    // A macro or function, whose kind is told from other objects by nothing else.
    environment.add_test("callable", |value: &Value| value.kind() == ValueKind::Plain);
}

fn is_iterable(value: &Value) -> bool {
    !matches!(value.kind(), ValueKind::None | ValueKind::Number | ValueKind::Bool | ValueKind::Plain)
}

fn fail(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// Pays for every value in `value`, and in those, so that what goes through all of them is paid for.
pub(super) fn walk(state: &State, value: &Value) -> Result<(), Error> {
    let mut budget = 0;
    walk_down(state, value, 0, &mut budget)?;
    pay(state, budget)
}

fn walk_down(state: &State, value: &Value, depth: usize, unpaid: &mut usize) -> Result<(), Error> {
    if value.as_object().is_none() {
        *unpaid = unpaid.saturating_add(value.as_str().map_or(0, str::len));
        return Ok(());
    }
    if depth > DEPTH_MAX {
        return Err(too_large());
    }
    for key in value.try_iter()? {
        *unpaid += ITEM_LEN;
        if *unpaid > (64 << 10) {
            pay(state, std::mem::take(unpaid))?;
        }
        if value.kind() == ValueKind::Map {
            walk_down(state, &value.get_item(&key)?, depth + 1, unpaid)?;
        }
        walk_down(state, &key, depth + 1, unpaid)?;
    }
    Ok(())
}

/// `a ~ b ~ …`
fn concat(state: &State, values: Rest<Value>) -> Result<Value, Error> {
    let mut text = String::new();
    for value in values.iter() {
        let part = to_text(value)?;
        pay(state, part.len())?;
        text += &part;
    }
    Ok(Value::from(text))
}

/// `a < b == c …`, the operators in one text.
fn compare_all(state: &State, comparisons: &str, values: Rest<Value>) -> Result<bool, Error> {
    for (comparison, pair) in comparisons.split(',').zip(values.windows(2)) {
        if !compare(state, comparison, &pair[0], &pair[1])? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn compare(state: &State, comparison: &str, left: &Value, right: &Value) -> Result<bool, Error> {
    if left.as_object().is_some() && right.as_object().is_some() {
        walk(state, left)?;
        walk(state, right)?;
    }
    match comparison {
        "==" => Ok(left == right),
        "!=" => Ok(left != right),
        "in" => contains(state, left, right),
        "not in" => contains(state, left, right).map(|is_in| !is_in),
        _ => {
            let kind = |value: &Value| match value.kind() {
                ValueKind::Bool => ValueKind::Number,
                kind => kind,
            };
            let is_ordered = matches!(kind(left), ValueKind::Number | ValueKind::String | ValueKind::Seq);
            if kind(left) != kind(right) || !is_ordered {
                return Err(fail(format!("{} {comparison} {} has no order", left.kind(), right.kind())));
            }
            Ok(match comparison {
                "<" => left < right,
                "<=" => left <= right,
                ">" => left > right,
                _ => left >= right,
            })
        }
    }
}

fn contains(state: &State, value: &Value, container: &Value) -> Result<bool, Error> {
    match container.kind() {
        ValueKind::String if value.as_str().is_none() => {
            Err(fail(format!("a string contains strings, not {}", value.kind())))
        }
        ValueKind::String | ValueKind::Undefined => tests::is_in(state, value, container),
        _ if is_iterable(container) => tests::is_in(state, value, container),
        kind => Err(fail(format!("{kind} contains nothing"))),
    }
}

/// What is added to something else. The engine's sum of two lists is a promise to go through both, which can be made
/// of a sum again and again and costs nothing until it is kept.
fn term(state: &State, value: Value) -> Result<Value, Error> {
    if value.is_tuple() || !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Ok(value);
    }
    let paid = |item: Value| pay(state, ITEM_LEN).map(|()| item);
    Ok(Value::from(value.try_iter()?.map(paid).collect::<Result<Vec<Value>, Error>>()?))
}

/// A key of a map, or the place in a list. What can be changed is neither, in Python.
fn key(state: &State, value: Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Map | ValueKind::Iterable => Err(fail(format!("{} is no key", value.kind()))),
        ValueKind::Seq if !value.is_tuple() => Err(fail("a list is no key".to_owned())),
        _ => walk(state, &value).map(|()| value),
    }
}

/// What `for` goes through. Characters become a list, so that the loop knows its length.
fn iterate(state: &State, value: Value) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        pay(state, text.len().saturating_mul(ITEM_LEN))?;
        return Ok(text.chars().map(Value::from).collect());
    }
    match is_iterable(&value) {
        true => Ok(value),
        false => Err(fail(format!("{} cannot be gone through", value.kind()))),
    }
}

/// `default(value, default_value='', boolean=False)`.
fn default(value: Value, positional: Rest<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let other = match positional.first() {
        Some(other) => Some(other.clone()),
        None => kwargs.get::<Option<Value>>("default_value")?,
    };
    let boolean = match positional.get(1) {
        Some(boolean) => boolean.is_true(),
        None => kwargs.get::<Option<bool>>("boolean")?.unwrap_or(false),
    };
    kwargs.assert_all_used()?;
    Ok(match value.is_undefined() || (boolean && !value.is_true()) {
        true => other.unwrap_or_else(|| Value::from("")),
        false => value,
    })
}

/// Of text, what Python's `int` makes of it, or of its `float`; the default of what is no number.
fn int(value: &Value, default: Option<Value>) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(fail("an undefined value is no number".to_owned()));
    }
    let default = || default.unwrap_or_else(|| Value::from(0));
    if let Some(text) = value.as_str() {
        let text = text.trim();
        let whole = text.parse::<i64>().ok().map(Value::from);
        let cut =
            || text.parse::<f64>().ok().filter(|float| float.abs() < 9e18).map(|f| Value::from(f as i64));
        return Ok(whole.or_else(cut).unwrap_or_else(default));
    }
    match value.kind() {
        ValueKind::Bool => Ok(Value::from(i64::from(value.is_true()))),
        ValueKind::Number if value.is_integer() => Ok(value.clone()),
        ValueKind::Number => {
            Ok(f64::try_from(value.clone()).map_or_else(|_| default(), |float| Value::from(float as i64)))
        }
        _ => Ok(default()),
    }
}

fn float(value: &Value, default: Option<Value>) -> Result<Value, Error> {
    if value.is_undefined() {
        return Err(fail("an undefined value is no number".to_owned()));
    }
    let number = match value.as_str() {
        Some(text) => text.trim().parse::<f64>().ok(),
        None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        None => f64::try_from(value.clone()).ok(),
    };
    Ok(number.map(Value::from).or(default).unwrap_or_else(|| Value::from(0.0)))
}

/// `join(value, d='', attribute=None)`.
fn join(state: &State, value: &Value, positional: Rest<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let separator = match positional.first() {
        Some(separator) => to_text(separator)?,
        None => kwargs.get::<Option<&str>>("d")?.unwrap_or_default().to_owned(),
    };
    let attribute = match positional.get(1) {
        Some(attribute) => Some(attribute.clone()),
        None => kwargs.get::<Option<Value>>("attribute")?,
    };
    kwargs.assert_all_used()?;
    if !is_iterable(value) {
        return Err(fail(format!("{} cannot be joined", value.kind())));
    }
    match attribute.filter(|attribute| !attribute.is_none()) {
        None => python_methods::join(state, &separator, value),
        Some(attribute) => {
            let mut parts = Vec::new();
            for item in value.try_iter()? {
                pay(state, ITEM_LEN)?;
                let path = attribute.as_str().unwrap_or_default().split('.');
                let part = match attribute.as_str() {
                    Some(_) => path.into_iter().try_fold(item, |value, name| value.get_attr(name))?,
                    None => item.get_item(&attribute)?,
                };
                parts.push(part);
            }
            python_methods::join(state, &separator, &Value::from(parts))
        }
    }
}

/// `indent(s, width=4, first=False, blank=False)`, line by line as Python splits them.
fn indent(state: &State, value: &Value, positional: Rest<Value>, kwargs: Kwargs) -> Result<Value, Error> {
    let named = |place: usize, name: &str| -> Result<Option<Value>, Error> {
        match positional.get(place) {
            Some(value) => Ok(Some(value.clone())),
            None => kwargs.get::<Option<Value>>(name),
        }
    };
    let width = named(0, "width")?.unwrap_or_else(|| Value::from(4));
    let (first, blank) = (named(1, "first")?, named(2, "blank")?);
    kwargs.assert_all_used()?;
    let space = match width.as_str() {
        Some(space) => space.to_owned(),
        None => {
            let width = usize::try_from(width)?;
            pay(state, width)?;
            " ".repeat(width)
        }
    };
    // The added line break is Jinja's own: it keeps a last empty line.
    let text = to_text(value)? + "\n";
    let lines = python_methods::lines(&text, false);
    let mut indented = String::new();
    for (index, line) in lines.iter().enumerate() {
        let is_indented = match index {
            0 => first.as_ref().is_some_and(Value::is_true),
            _ => !line.is_empty() || blank.as_ref().is_some_and(Value::is_true),
        };
        pay(state, line.len() + space.len())?;
        indented += if index > 0 { "\n" } else { "" };
        indented += if is_indented { &space } else { "" };
        indented += line;
    }
    Ok(Value::from(indented))
}

/// A map's entries as Python has them, in tuples; none of an undefined value.
pub(super) fn pairs(value: &Value) -> Result<Value, Error> {
    match value.kind() {
        ValueKind::Undefined => Ok(Value::from(Vec::<Value>::new())),
        ValueKind::Map => {
            let pair = |key: Value| Ok(Value::from(Tuple::from([key.clone(), value.get_item(&key)?])));
            Ok(Value::from(value.try_iter()?.map(pair).collect::<Result<Vec<Value>, Error>>()?))
        }
        kind => Err(fail(format!("{kind} has no items"))),
    }
}

/// A list of lists as one of tuples.
fn tuples(value: &Value) -> Result<Value, Error> {
    let tuple = |item: Value| Ok(Value::from(Tuple::from(item.try_iter()?.collect::<Vec<Value>>())));
    Ok(Value::from(value.try_iter()?.map(tuple).collect::<Result<Vec<Value>, Error>>()?))
}
