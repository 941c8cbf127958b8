pub(super) use crate::glob::matches;

/// Whether any of the globs describes the text; without globs, all texts are described.
pub(super) fn any_or_none(globs: &[String], text: &str) -> bool {
    globs.is_empty() || globs.iter().any(|glob| matches(glob, text))
}

/// Whether a text is what a shell's pattern of `*` and `?` describes.
pub(super) fn with_wildcards(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    let mut star = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(symbol) if *symbol == '?' || text.get(read) == Some(symbol) => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((back, from)) = star else {
                    return false;
                };
                star = Some((back, from + 1));
                at = back + 1;
                read = from + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|symbol| *symbol == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_mark_stands_for_one_character() {
        for (pattern, text, expected) in [
            ("e?c", "etc", true),
            ("e?c", "ec", false),
            ("*tc", "etc", true),
            ("p*s*d", "passwd", true),
            ("p*x", "passwd", false),
        ] {
            assert_eq!(with_wildcards(pattern, text), expected, "{pattern} {text}");
        }
    }
}
