//! Text that a peer chose, made safe to look at: nothing hidden, nothing that acts.

use std::borrow::Cow;

/// `text` with escapes such as `\u{1b}` for every character that acts on a terminal, can't be seen,
/// changes the order of its neighbours, or may stand in no XML or HTML document. Line ends and tabs
/// stay.
#[must_use]
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| hides(c) && !is_layout(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if hides(c) && !is_layout(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// The same on one line: line ends and tabs are escaped as well.
#[must_use]
pub(crate) fn visible_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if hides(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

fn is_layout(c: char) -> bool {
    matches!(c, '\n' | '\t')
}

fn hides(c: char) -> bool {
    let noncharacter = c as u32 & 0xFFFE == 0xFFFE;
    c.is_control()
        || noncharacter
        || matches!(c,
            // Zero width and marks of direction, but for the joiners, which some scripts need.
            '\u{00AD}' | '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{FEFF}'
            // Separators of lines, embeddings and overrides of direction, invisible operators.
            | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FDD0}'..='\u{FDEF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_or_hides_is_written_out() {
        assert_eq!(
            visible("a\u{1b}[2Jb\u{202e}c\u{fffe}d\0"),
            r"a\u{1b}[2Jb\u{202e}c\u{fffe}d\u{0}"
        );
        assert_eq!(visible("one\r\ntwo\t3"), "one\\r\ntwo\t3");
        assert_eq!(visible_line("one\r\ntwo\t3"), r"one\r\ntwo\t3");
    }

    #[test]
    fn ordinary_text_of_any_script_stays() {
        let text = "naïve 日本語 👩\u{200d}💻 \u{10FFFD}\n";
        assert!(matches!(visible(text), Cow::Borrowed(_)));
        assert_eq!(visible(text), text);
    }
}
