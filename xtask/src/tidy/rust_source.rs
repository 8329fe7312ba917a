//! Splits Rust source into code, comments and string literals, as far as the rules need it.
//!
//! A lexer, not a parser: it knows where a literal or a comment begins and ends, and nothing of
//! what the code between them means.

use std::ops::Range;

/// A Rust file, taken apart.
#[derive(Debug, Default)]
pub(super) struct RustSource {
    /// The file with every comment and literal blanked out, byte for byte as long as before.
    pub(super) code: String,
    /// The comments, with their slashes.
    pub(super) comments: Vec<Piece>,
    /// The contents of the string literals, escapes as written.
    pub(super) strings: Vec<Piece>,
}

/// A piece of text and where it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) offset: usize,
    pub(super) text: String,
}

impl RustSource {
    /// Takes a file apart. What does not end, ends with the file.
    pub(super) fn new(text: &str) -> Self {
        let mut source = Self::default();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let offset = text.len() - rest.len();
            let len = if let Some(len) = comment_len(rest) {
                source.comments.push(Piece { offset, text: rest[..len].to_owned() });
                source.blank(&rest[..len])
            } else if let Some(string) = string_at(rest) {
                let text = rest[string.content.clone()].to_owned();
                source.strings.push(Piece { offset: offset + string.content.start, text });
                source.blank(&rest[..string.len])
            } else if let Some(len) = character_len(rest) {
                source.blank(&rest[..len])
            } else {
                let len = word_len(rest).max(first.len_utf8());
                source.code.push_str(&rest[..len]);
                len
            };
            rest = &rest[len..];
        }
        source
    }

    /// Appends blanks in place of `text`, lines kept, and returns its length.
    fn blank(&mut self, text: &str) -> usize {
        self.code.extend(text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        text.len()
    }

    /// Returns where the items stand that are compiled for tests only.
    pub(super) fn test_items(&self) -> Vec<Range<usize>> {
        let mut items: Vec<Range<usize>> = Vec::new();
        for (start, _) in self.code.match_indices("#[cfg(test)]") {
            if items.last().is_none_or(|last| start >= last.end) {
                items.push(start..start + item_len(&self.code[start..]));
            }
        }
        items
    }
}

/// Returns the line on which the byte at `offset` stands, counted from one.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|&byte| byte == b'\n').count()
}

/// Returns the length of the comment that `rest` begins with.
fn comment_len(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let mut depth = 0;
    let mut len = 0;
    while len < rest.len() {
        let (change, step) = match &rest.as_bytes()[len..] {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth += change;
        len += step;
        if depth == 0 {
            break;
        }
    }
    Some(len)
}

/// A string literal: how long it is, prefix and quotes included, and where its content stands.
struct StringLiteral {
    len: usize,
    content: Range<usize>,
}

/// Returns the string literal that `rest` begins with.
fn string_at(rest: &str) -> Option<StringLiteral> {
    let prefix_len = word_len(rest);
    let prefix = &rest[..prefix_len];
    let is_raw = prefix.ends_with('r');
    if !["", "r", "b", "br", "c", "cr"].contains(&prefix) {
        return None;
    }
    let behind_prefix = &rest[prefix_len..];
    let hashes = behind_prefix.len() - behind_prefix.trim_start_matches('#').len();
    if !behind_prefix[hashes..].starts_with('"') || (hashes > 0 && !is_raw) {
        return None;
    }
    let start = prefix_len + hashes + 1;
    let ending = format!("\"{}", "#".repeat(hashes));
    let content_len =
        if is_raw { rest[start..].find(&ending) } else { closing_quote(&rest[start..]) };
    let end = content_len.map_or(rest.len(), |len| start + len);
    Some(StringLiteral { len: (end + ending.len()).min(rest.len()), content: start..end })
}

/// Returns where the quote stands that no backslash precedes.
fn closing_quote(content: &str) -> Option<usize> {
    let mut is_escaped = false;
    content.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}

/// Returns the length of the character literal that `rest` begins with; a lifetime is none.
fn character_len(rest: &str) -> Option<usize> {
    let content = rest.strip_prefix('\'')?;
    let first = content.chars().next()?;
    if first == '\\' {
        let escaped = content[1..].chars().next()?;
        let behind = 1 + escaped.len_utf8();
        return Some(1 + behind + content[behind..].find('\'')? + 1);
    }
    let behind = &content[first.len_utf8()..];
    behind.starts_with('\'').then_some(first.len_utf8() + 2)
}

/// Returns the length of the word (name, keyword or number) that `rest` begins with.
fn word_len(rest: &str) -> usize {
    rest.find(|character: char| !character.is_alphanumeric() && character != '_')
        .unwrap_or(rest.len())
}

/// Returns the length of the item that `code` begins with: up to the semicolon or the closing
/// brace that ends it.
fn item_len(code: &str) -> usize {
    let mut depth = 0_usize;
    for (offset, byte) in code.bytes().enumerate() {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && matches!(byte, b';' | b'}') {
            return offset + 1;
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Vec<String> {
        RustSource::new(text).strings.into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn strings_of_every_kind_are_found() {
        let text = r####"f("a\"b", r"c\", r#"d"e"#, b"g", br##"h"#i"##, c"j", "")"####;
        assert_eq!(strings(text), [r#"a\"b"#, r"c\", r#"d"e"#, "g", r##"h"#i"##, "j", ""]);
    }

    #[test]
    fn quotes_in_characters_comments_and_lifetimes_open_no_string() {
        let text = "let q: &'a str = ['\"', '\\'', '\\u{22}'] // \"no\n/* \"no /* \" */ \" */ x";
        let source = RustSource::new(text);
        assert_eq!(source.strings, []);
        assert_eq!(source.comments.len(), 2);
        assert!(source.code.contains("&'a str") && source.code.trim_end().ends_with('x'));
    }

    #[test]
    fn code_keeps_its_length_and_its_lines() {
        let text = "a(\"é\nb\"); // ü\nr#type('x')";
        let source = RustSource::new(text);
        assert_eq!(source.code.len(), text.len());
        assert_eq!(source.code.lines().count(), text.lines().count());
        assert_eq!(source.code.lines().last(), Some("r#type(   )"));
    }

    #[test]
    fn what_does_not_end_ends_with_the_file() {
        for text in ["\"a", "r#\"a\"", "/* a", "'\\", "b\"\\"] {
            assert_eq!(RustSource::new(text).code.len(), text.len(), "{text}");
        }
    }

    #[test]
    fn test_items_end_with_their_brace_or_semicolon() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n  fn b() { \"}\"; }\n}\n#[cfg(test)]\nuse c;\nfn d() {}";
        let source = RustSource::new(text);
        let items = source.test_items();
        let shown: Vec<&str> = items.iter().map(|item| &text[item.clone()]).collect();
        assert!(shown[0].ends_with("}\n}") && shown[1].ends_with("use c;") && shown.len() == 2);
    }

    #[test]
    fn lines_count_from_one() {
        assert_eq!([0, 1, 2, 3].map(|offset| line_of("a\nb\n", offset)), [1, 1, 2, 2]);
    }
}
