//! Python source as text: literals, names, docstrings, lines that fit.

/// The longest line, in characters.
pub(super) const WIDTH: usize = 100;

/// A string literal, quoted as ruff quotes it: double unless that costs a backslash.
pub(super) fn quoted(text: &str) -> String {
    let quote = if text.contains('"') && !text.contains('\'') { '\'' } else { '"' };
    let mut literal = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            c if c == quote => literal.extend(['\\', c]),
            c if c.is_control() => literal.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => literal.push(c),
        }
    }
    literal.push(quote);
    literal
}

/// A pattern as a raw string literal, in pieces that are no longer than `width` each. None when it has
/// both quotes, a line end, or a `\` at its end: raw literals cannot hold these.
pub(super) fn raw_literals(pattern: &str, width: usize) -> Option<Vec<String>> {
    let quote = if pattern.contains('"') { '\'' } else { '"' };
    if pattern.contains(quote) || pattern.contains('\n') || pattern.ends_with('\\') {
        return None;
    }
    let room = width - r#"r"""#.len();
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        piece.push(c);
        // What a backslash escapes stays in its piece.
        if c == '\\' {
            piece.extend(chars.next());
        }
        let next = if chars.peek() == Some(&'\\') { 2 } else { 1 };
        if piece.chars().count() + next > room {
            pieces.push(std::mem::take(&mut piece));
        }
    }
    if !piece.is_empty() || pieces.is_empty() {
        pieces.push(piece);
    }
    Some(pieces.into_iter().map(|piece| format!("r{quote}{piece}{quote}")).collect())
}

/// The paragraphs of a description, each on one line, for readers who are not Rust programmers: links
/// become code, and sentences about a Rust item (`PluginManifest::builder`) go.
pub(super) fn paragraphs(description: &str) -> Vec<String> {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    description
        .split("\n\n")
        .map(|paragraph| {
            let text = words(paragraph).replace("[`", "`").replace("`]", "`");
            let sentences = text.split_inclusive(". ").filter(|sentence| !sentence.contains("::"));
            sentences.collect::<String>().trim().to_owned()
        })
        .filter(|paragraph| !paragraph.is_empty())
        .collect()
}

/// `text` in lines of at most [`WIDTH`], the first indented by `first` and the others by `rest`. A word
/// that is longer stands alone.
pub(super) fn wrapped(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = " ".repeat(first);
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(std::mem::replace(&mut line, " ".repeat(rest)));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines.push(line);
    lines
}

/// A docstring of paragraphs and, if there are any, named `Attributes`.
pub(super) fn docstring(
    indent: usize,
    paragraphs: &[String],
    attributes: &[(String, String)],
) -> Vec<String> {
    let spaces = " ".repeat(indent);
    let mut lines = Vec::new();
    for (i, paragraph) in paragraphs.iter().enumerate() {
        if i > 0 {
            lines.push(String::new());
        }
        // The opening quotes take part in the wrapping of the first line, and only there.
        let quotes = if i == 0 { r#"""""# } else { "" };
        lines.extend(wrapped(&format!("{quotes}{}", escaped(paragraph)), indent, indent));
    }
    if !attributes.is_empty() {
        lines.extend([String::new(), format!("{spaces}Attributes:")]);
        for (name, description) in attributes {
            let text = format!("{name}: {}", escaped(description));
            lines.extend(wrapped(&text, indent + 4, indent + 8));
        }
    }
    match lines.as_mut_slice() {
        [only] if only.chars().count() + 3 <= WIDTH && !only.ends_with('"') => {
            only.push_str(r#"""""#);
        }
        _ => lines.push(format!(r#"{spaces}""""#)),
    }
    lines
}

fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace(r#"""""#, r#"\"\"\""#)
}

/// `before`, the items and `after`, on one line if that fits and there is no need to break, else one
/// item a line, with a comma behind the last so that ruff leaves it so.
pub(super) fn listed(indent: usize, before: &str, items: &[String], after: &str) -> Vec<String> {
    let spaces = " ".repeat(indent);
    let line = format!("{spaces}{before}{}{after}", items.join(", "));
    if line.chars().count() <= WIDTH {
        return vec![line];
    }
    broken(indent, before, items, after)
}

/// [`listed`], broken whether it would fit or not.
pub(super) fn broken(indent: usize, before: &str, items: &[String], after: &str) -> Vec<String> {
    let spaces = " ".repeat(indent);
    let mut lines = vec![format!("{spaces}{before}")];
    lines.extend(items.iter().map(|item| format!("{spaces}    {item},")));
    lines.push(format!("{spaces}{after}"));
    lines
}

/// A tuple of these, with the comma that makes one of a single item.
pub(super) fn tuple(indent: usize, before: &str, items: &[String]) -> Vec<String> {
    let after = if items.len() == 1 { ",)" } else { ")" };
    let lines = listed(indent, &format!("{before}("), items, after);
    if lines.len() == 1 { lines } else { broken(indent, &format!("{before}("), items, ")") }
}

/// `NAV_SECTION` of `NavSection`.
pub(super) fn screaming(name: &str) -> String {
    let mut screaming = String::new();
    for (i, c) in name.chars().enumerate() {
        if i > 0 && c.is_uppercase() {
            screaming.push('_');
        }
        screaming.extend(c.to_uppercase());
    }
    screaming
}

/// `CAPABILITIES` of `CAPABILITY`.
pub(super) fn plural(name: &str) -> String {
    match name.strip_suffix('Y') {
        Some(stem) => format!("{stem}IES"),
        None => format!("{name}S"),
    }
}

/// `OctetStream` of `octet_stream`.
pub(super) fn pascal(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect::<String>()
    };
    name.split(|c: char| !c.is_ascii_alphanumeric()).map(word).collect()
}
